package projectiontest

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"github.com/leftfold/leftfold/projection"
)

const (
	// rehearsals is how often the history is folded again: two keys of a map come in
	// the same order about seven times out of eight.
	rehearsals = 50
	// muchLater differs from now in every part of a time.
	muchLater = (400*24+5)*time.Hour + 7*time.Minute + 11*time.Second + 13*time.Millisecond
)

// examine looks for the mistakes that need no hostile world, and returns what it
// found, or nothing. It also finds out how many rows one event changes. It runs in a
// bubble.
func examine(ctx context.Context, s *scene, p *projection.Projection) string {
	r, err := newRehearsal(ctx, p, s.writes)
	if err != nil {
		return err.Error()
	}
	steps, err := r.run(ctx)
	if err != nil {
		return err.Error()
	}
	changes := 0
	for _, st := range steps {
		if st.err != "" {
			return fmt.Sprintf("%s can not be applied, although nothing else is wrong:\n  %s", st.event, st.err)
		}
		changes += len(st.writes)
		s.width = max(s.width, len(st.writes))
	}
	if changes == 0 {
		return "the history changes no row: does the projection follow the categories of these streams, and handle these events?"
	}
	found, err := r.impurity(ctx, steps)
	if err != nil {
		return err.Error()
	}
	if found == "" {
		found = r.storage(steps)
	}
	if found == "" {
		found = r.order(steps)
	}
	return found
}

// impurity looks for an event that does not always do the same to the same rows.
func (r *rehearsal) impurity(ctx context.Context, first []step) (string, error) {
	var found string
	same := first // what was the same every time
	again := func(why func(once, again []byte) string) error {
		steps, err := r.run(ctx)
		if err != nil {
			return err
		}
		if at, apart := firstApart(same, steps, why); at < len(same) {
			same = same[:at]
			found = "it is not pure: folded again, the same events lead to other rows\n" + apart
		}
		return nil
	}
	for range rehearsals {
		if err := again(whyApart); err != nil {
			return "", err
		}
	}
	if found != "" {
		return found, nil
	}
	time.Sleep(muchLater) // nobody waits in a bubble
	err := again(func([]byte, []byte) string { return "the code reads the clock; the time of an event is Event.Time" })
	return found, err
}

// firstApart returns where two rehearsals part, len(a) where they do not, and says
// how.
func firstApart(a, b []step, why func(once, again []byte) string) (at int, apart string) {
	for i := range a {
		if b[i].err != "" {
			return i, fmt.Sprintf("  %s\n    fails the second time: %s", a[i].event, b[i].err)
		}
		if id, once, again, differ := firstDifference(a[i].rows(), b[i].rows()); differ {
			return i, fmt.Sprintf("  %s after %s\n    once   %s\n    again  %s\n  likely cause: %s",
				nameRow(id), a[i].event, orNone(once), orNone(again), why(once, again))
		}
	}
	return len(a), ""
}

func whyApart(once, again []byte) string {
	words := func(content []byte) []string {
		separates := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
		return slices.Sorted(slices.Values(strings.FieldsFunc(string(content), separates)))
	}
	if slices.Equal(words(once), words(again)) {
		return "the code ranges over a map, whose order is another one each time: sort the keys"
	}
	return "a variable that outlives the event, such as a counter; a random number or ID; or the order of a map"
}

const leftOut = "a field of the row that JSON leaves out: its name begins with a small letter, or its tag says so"

// storage looks for a row that is another one after it was stored and read back.
func (r *rehearsal) storage(steps []step) string {
	if err := r.replay(r.commits).err; err != nil {
		return fmt.Sprintf("a plain fold fails, but not where each row is stored and read back between events:\n  %v\n  likely cause: %s", err, leftOut)
	}
	folded := func(n int) []projection.Row { return r.replay(r.commits[:n]).rows }
	apart := func(n int) bool {
		_, _, _, apart := firstDifference(folded(n), rowsAfter(steps[:n]))
		return apart
	}
	if !apart(len(steps)) {
		return ""
	}
	i := sort.Search(len(steps)-1, func(i int) bool { return apart(i + 1) })
	id, kept, read, _ := firstDifference(folded(i+1), rowsAfter(steps[:i+1]))
	return fmt.Sprintf("a fold goes on differently with a row that was stored as JSON and read back\n"+
		"  %s after %s\n    kept in memory          %s\n    stored after each event %s\n"+
		"  likely cause: %s", nameRow(id), steps[i].event, orNone(kept), orNone(read), leftOut)
}
