package aggregatetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// Turn is a command in a conversation, and what it led to. Its methods mark the test as
// failed if that is not what was expected, and go on; they can be chained. X is what is
// expected: the events of one entity, or the [Records] of several.
type Turn[X any] struct {
	talk     *Conversation
	stream   string // whose turn it is, "" for one of several entities
	command  Command
	named    bool // events are shown with their stream
	expected func([]X) []line

	title string
	past  string // what was before
	result
	// answered is what the command returned, fresh what it stored.
	answered, fresh []eventstore.Commit
}

// Then expects exactly these events. They are compared as they are stored: 15.3 is not
// 15.30. Those of an entity come in this order; that of the entities does not matter.
func (t *Turn[X]) Then(want ...X) *Turn[X] {
	t.talk.t.Helper()
	lines := t.expected(want)
	got := t.result
	if t.named {
		got.recorded = inOrderOf(lines, got.recorded)
	}
	t.fail(wrongEvents(lines, got))
	return t
}

// ThenNothing expects that there is nothing to do: no events and no refusal.
func (t *Turn[X]) ThenNothing() *Turn[X] {
	t.talk.t.Helper()
	return t.Then()
}

// ThenRefused expects a refusal that is target, as errors.Is has it: that of a decision, or
// of the store, such as [eventstore.ErrClaimTaken].
func (t *Turn[X]) ThenRefused(target error) *Turn[X] {
	t.talk.t.Helper()
	f := wrongRefusal(fmt.Sprint(target), errors.Is(t.refusal, target), t.result)
	if len(t.recorded) > 0 && errors.Is(target, eventstore.ErrClaimTaken) {
		f.cause += "; no claim was in its way: Decider.Claims names none for the event, or writes the key in another form"
	}
	t.fail(f)
	return t
}

// ThenRefusedSaying expects a refusal in whose text this part occurs.
func (t *Turn[X]) ThenRefusedSaying(part string) *Turn[X] {
	t.talk.t.Helper()
	said := t.refusal != nil && strings.Contains(t.refusal.Error(), part)
	t.fail(wrongRefusal(fmt.Sprintf("one that says %q", part), said, t.result))
	return t
}

// ThenRecognised expects that the command was carried out before, and that its answer is
// what it was then.
func (t *Turn[X]) ThenRecognised() *Turn[X] {
	t.talk.t.Helper()
	t.fail(notRecognised(t.result, len(t.answered)))
	return t
}

// Again sends the same command once more, now.
func (t *Turn[X]) Again() *Turn[X] {
	t.talk.t.Helper()
	again := &Turn[X]{talk: t.talk, stream: t.stream, command: t.command, named: t.named, expected: t.expected}
	again.play()
	return again
}

// play rehearses the command, and carries it out.
func (t *Turn[X]) play() {
	t.talk.t.Helper()
	c := t.talk
	c.turns++
	t.title = strings.TrimSuffix(fmt.Sprintf("turn %d, %s", c.turns, t.stream), ", ")
	about := c.names
	if t.stream != "" {
		about = []string{t.stream}
	}
	t.past = c.told(c.states(about...))

	first := t.rehearse()
	for range repetitions(len(first.recorded)) {
		if again := t.rehearse(); !first.equal(again) {
			t.fatal(impureDecision(first, again))
		}
	}
	answered, err := t.command(c.t.Context())
	t.answered, t.refusal, t.fresh = answered, err, c.store.take()
	for i := range t.fresh {
		t.recorded = append(t.recorded, c.lines(&t.fresh[i], t.named)...)
	}
	c.remember(t.title, t.summary())
	for i := range t.fresh {
		if s, ok := c.with[t.fresh[i].Stream.String()]; ok {
			s.rendered() // what was stored can be folded, and always to the same
		}
	}
}

// rehearse finds out what the command would do.
func (t *Turn[X]) rehearse() (r result) {
	t.talk.t.Helper()
	writes, err := t.talk.store.rehearse(func() error {
		_, err := t.command(t.talk.t.Context())
		return err
	})
	if len(writes) == 0 {
		return result{refusal: err}
	}
	for _, w := range writes {
		c := eventstore.Commit{Stream: w.Stream, First: w.Revision.Version() + 1, Events: w.Events}
		r.recorded = append(r.recorded, t.talk.lines(&c, t.named)...)
	}
	return r
}

func (t *Turn[X]) summary() string {
	var texts []string
	for i := range t.fresh {
		texts = append(texts, summary(&t.fresh[i]))
	}
	switch {
	case t.refusal != nil:
		texts = append(texts, fmt.Sprintf("refused: %v", t.refusal))
	case len(texts) == 0 && len(t.answered) > 0:
		texts = []string{"recognised, " + summary(&t.answered[0])}
	case len(texts) == 0:
		texts = []string{"nothing"}
	}
	return strings.Join(texts, ", ")
}

func (t *Turn[X]) fail(f failure) {
	t.talk.t.Helper()
	if f.what != "" {
		t.talk.t.Error(t.explain(f))
	}
}

func (t *Turn[X]) fatal(f failure) {
	t.talk.t.Helper()
	t.talk.t.Fatal(t.explain(f))
}

func (t *Turn[X]) explain(f failure) string {
	f.what = t.title + ": " + f.what
	return f.text(t.past)
}

// inOrderOf sorts what several entities recorded as they are expected, those nobody expects
// last. Each one's events stay in order.
func inOrderOf(want, got []line) []line {
	place := func(l line) int {
		if i := slices.IndexFunc(want, func(w line) bool { return w.stream == l.stream }); i >= 0 {
			return i
		}
		return len(want)
	}
	return slices.SortedStableFunc(slices.Values(got), func(a, b line) int { return place(a) - place(b) })
}
