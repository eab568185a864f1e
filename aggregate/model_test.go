package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// Commands of several repositories with different caches run against one store
// that other writers use too and that fails in every way it may, and against a
// model: lists of numbers. After each step the store holds what the model holds.
func TestRepositoriesAgreeWithAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{store: newSpy(), model: map[string][]modelCommit{}}
		for _, opts := range []aggregate.Options{{}, {CacheStreams: 1}, {CacheStreams: 2}, {CacheStreams: 3, CacheEvents: 9}} {
			w.repos = append(w.repos, newTallies(w.store, opts))
		}
		t.Repeat(map[string]func(*rapid.T){
			"execute": w.execute, "rival": w.rival, "resend": w.resend, "load": w.load, "restore": w.restore, "": w.check,
		})
	})
}

type modelCommit struct {
	id      string
	numbers []int
	time    time.Time
}

type world struct {
	store *spy
	repos []*aggregate.Repository[tally, tallyEvent]
	model map[string][]modelCommit
	ids   int
}

func (w *world) entity(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "entity")
}

func (w *world) repo(t *rapid.T) *aggregate.Repository[tally, tallyEvent] {
	return w.repos[rapid.IntRange(0, len(w.repos)-1).Draw(t, "repository")]
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprint("command-", w.ids)
}

func (w *world) numbers(id string) (numbers []int) {
	for _, c := range w.model[id] {
		numbers = append(numbers, c.numbers...)
	}
	return numbers
}

// grow adds n and n more than the sum, so that its events tell the state it was
// decided on; it is refused above a limit, and has nothing to do at a sum of n.
func grow(n int) decision {
	return func(s tally) ([]tallyEvent, error) {
		switch {
		case s.Sum > 100:
			return nil, errTooMuch
		case s.Sum == n:
			return nil, nil
		}
		return []tallyEvent{added{n}, added{n + s.Sum}}, nil
	}
}

// decided is what grow decides in the model.
func (w *world) decided(id string, n int) ([]int, error) {
	events, err := grow(n)(tallyOf(id, w.numbers(id)...))
	var numbers []int
	for _, e := range events {
		numbers = append(numbers, e.(added).N)
	}
	return numbers, err
}

func (w *world) stored(id, commitID string, numbers []int, when time.Time) {
	if commits := w.model[id]; len(commits) > 0 && when.Before(commits[len(commits)-1].time) {
		when = commits[len(commits)-1].time
	}
	w.model[id] = append(w.model[id], modelCommit{commitID, numbers, when})
}

func (w *world) drawTime(t *rapid.T) time.Time {
	return at(0).Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "minute")) * time.Minute)
}

func (w *world) rival(t *rapid.T) {
	id, n, when := w.entity(t), rapid.IntRange(-150, 9).Draw(t, "number"), w.drawTime(t)
	w.appendRival(id, "", []int{n}, when)
}

func (w *world) appendRival(id, commitID string, numbers []int, when time.Time) {
	var encoded []eventstore.Event
	for _, n := range numbers {
		e, _ := events.Encode(added{n})
		encoded = append(encoded, e)
	}
	stream, _ := eventstore.NewStreamID("tally", id)
	_, err := w.store.Store.Append(context.Background(),
		eventstore.Write{Stream: stream, Revision: w.head(id), ID: commitID, Time: when, Events: encoded})
	if err != nil {
		panic(err)
	}
	w.stored(id, commitID, numbers, when)
}

func (w *world) head(id string) eventstore.Revision {
	stream, _ := eventstore.NewStreamID("tally", id)
	head, _ := w.store.Head(context.Background(), stream)
	return head
}

// restore takes the store back to an earlier state, which the caches do not notice.
func (w *world) restore(t *rapid.T) {
	w.store.Store = memstore.New()
	for _, id := range []string{"a", "b", "c"} {
		commits := w.model[id]
		delete(w.model, id)
		for _, c := range commits[:rapid.IntRange(0, len(commits)).Draw(t, "commits")] {
			w.appendRival(id, c.id, c.numbers, c.time)
		}
	}
}

func (w *world) execute(t *rapid.T) {
	id, repo, n, when, commandID := w.entity(t), w.repo(t), rapid.IntRange(0, 20).Draw(t, "n"), w.drawTime(t), w.newID()
	fault := rapid.SampledFrom([]string{"", "rivals", "lost", "fails", "unknown, stored", "unknown, not stored"}).Draw(t, "fault")
	w.store.onAppend = w.faulty(t, id, fault, when)
	c, err := repo.Execute(context.Background(), id, grow(n), aggregate.CommandID(commandID), aggregate.OccurredAt(when))
	w.store.onAppend = nil

	numbers, refusal := w.decided(id, n) // on what the rivals left
	switch {
	case refusal != nil:
		require.Equal(t, refusal, err)
	case len(numbers) == 0:
		require.NoError(t, err)
		require.Empty(t, c.Events)
		require.Len(t, w.numbers(id), int(c.Revision.Version()))
	case fault == "fails":
		require.ErrorIs(t, err, errNetwork)
	case fault == "unknown, stored", fault == "unknown, not stored":
		lost, ok := errors.AsType[*eventstore.OutcomeUnknownError](err)
		require.True(t, ok, "%v", err)
		w.settle(t, id, repo, n, lost.Write)
		w.stored(id, commandID, numbers, when)
	default:
		require.NoError(t, err)
		require.Len(t, w.numbers(id), int(c.First)-1)
		w.stored(id, commandID, numbers, when)
	}
}

// faulty returns an Append with a fault.
func (w *world) faulty(t *rapid.T, id, fault string, when time.Time) func(context.Context, eventstore.Write, appendFunc) (eventstore.Commit, error) {
	appends := 0
	return func(ctx context.Context, write eventstore.Write, next appendFunc) (eventstore.Commit, error) {
		if appends++; fault == "rivals" && appends == 1 {
			for i := range rapid.IntRange(1, 3).Draw(t, "rivals") {
				w.appendRival(id, "", []int{rapid.IntRange(-50, 50).Draw(t, "rival number")}, when.Add(time.Duration(i)*time.Minute))
			}
		}
		if head := w.head(id); write.Revision != head && (head.Version() > 0 || write.Revision != eventstore.NoStream) {
			return next(ctx, write) // decided on an old state, so whatever else happens it is not stored
		}
		unknown := &eventstore.OutcomeUnknownError{Write: write, Err: errNetwork}
		switch fault {
		case "fails":
			return eventstore.Commit{}, errNetwork
		case "unknown, not stored":
			return eventstore.Commit{}, unknown
		}
		c, err := next(ctx, write)
		require.NoError(t, err)
		switch fault {
		case "lost":
			return next(ctx, write)
		case "unknown, stored":
			return eventstore.Commit{}, unknown
		}
		return c, nil
	}
}

// settle does what a client does after an unknown outcome: it sends the write or
// the command again, and either way there is one commit.
func (w *world) settle(t *rapid.T, id string, repo *aggregate.Repository[tally, tallyEvent], n int, lost eventstore.Write) {
	var c eventstore.Commit
	var err error
	if rapid.Bool().Draw(t, "the write again") {
		c, err = w.store.Append(context.Background(), lost)
	} else {
		c, err = repo.Execute(context.Background(), id, grow(n), aggregate.CommandID(lost.ID), aggregate.OccurredAt(lost.Time))
	}
	require.NoError(t, err)
	require.Equal(t, lost.ID, c.ID)
	require.Len(t, w.numbers(id), int(c.First)-1, "at the slot where it was, or would have been")
}

// resend sends a command again that took effect at any time, through any repository.
func (w *world) resend(t *rapid.T) {
	id := w.entity(t)
	if len(w.model[id]) == 0 {
		t.Skip("no command took effect")
	}
	i := rapid.IntRange(0, len(w.model[id])-1).Draw(t, "commit")
	if w.model[id][i].id == "" {
		t.Skip("it is a rival's")
	}
	c, err := w.repo(t).Execute(context.Background(), id, grow(rapid.IntRange(0, 20).Draw(t, "n")), aggregate.CommandID(w.model[id][i].id))
	require.NoError(t, err)
	first := 1
	for _, before := range w.model[id][:i] {
		first += len(before.numbers)
	}
	require.EqualValues(t, first, c.First)
}

func (w *world) load(t *rapid.T) {
	id, repo := w.entity(t), w.repo(t)
	numbers := w.numbers(id)
	version := rapid.IntRange(0, len(numbers)+1).Draw(t, "version")
	loaded, err := repo.LoadVersion(context.Background(), id, eventstore.Version(version))
	if version < 1 || version > len(numbers) {
		require.ErrorIs(t, err, aggregate.ErrNotFound)
	} else {
		require.NoError(t, err)
		require.Equal(t, tallyOf(id, numbers[:version]...), loaded.State)
	}

	when := w.drawTime(t)
	var until []int
	for _, c := range w.model[id] {
		if c.time.After(when) {
			break
		}
		until = append(until, c.numbers...)
	}
	loaded, err = repo.LoadAt(context.Background(), id, when)
	if len(until) == 0 {
		require.ErrorIs(t, err, aggregate.ErrNotFound)
	} else {
		require.NoError(t, err)
		require.Equal(t, tallyOf(id, until...), loaded.State)
	}
}

func (w *world) check(t *rapid.T) {
	for id, commits := range w.model {
		loaded, err := w.repos[0].Load(context.Background(), id)
		require.NoError(t, err)
		assert.Equal(t, tallyOf(id, w.numbers(id)...), loaded.State)
		assert.Equal(t, commits[len(commits)-1].time, loaded.Time)
	}
}
