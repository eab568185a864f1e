package projectiontest

import (
	"fmt"
	"slices"
	"sort"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// order looks for two events of different streams whose order matters. Nothing is
// promised about it.
func (r *rehearsal) order(steps []step) string {
	base := r.replay(r.commits)
	apart := func(commits []eventstore.Commit) bool { return r.replay(commits).apartFrom(base) }
	for _, reversed := range []bool{false, true} {
		target := byStream(r.commits, reversed)
		if !apart(target) {
			continue
		}
		// From the order of the history to the target is a way of many small steps:
		// one of them is the first that matters.
		n := sort.Search(len(target)-1, func(n int) bool { return apart(towards(r.commits, target, n+1)) })
		commits := towards(r.commits, target, n)
		from := slices.IndexFunc(commits, func(c eventstore.Commit) bool { return c.EventID(0) == target[n].EventID(0) })
		back := sort.Search(from-n-1, func(back int) bool { return apart(moved(commits, from, from-back-1)) })
		at := from - back - 1
		early, late := nameOf(&moved(commits, from, at+1)[at]), nameOf(&target[n])
		return orderMatters(steps, base, r.replay(moved(commits, from, at)), early, late)
	}
	return ""
}

// orderMatters tells what becomes of a row when late comes before early.
func orderMatters(steps []step, usual, other result, early, late string) string {
	const promise = "the order of events of different streams matters, and nothing is promised about it"
	if other.err != nil {
		return fmt.Sprintf("%s\n  with %s before %s:\n    %v", promise, late, early, other.err)
	}
	id, want, have, _ := firstDifference(usual.rows, other.rows)
	advice := "the fold keeps what came last, or adds fractions; keep what is the same in any order: sums of whole numbers, sets, the greatest version or time"
	if unread(steps, id) {
		advice = "events of two streams put this row, and a row of a Rows view has one owner: put the stream's ID into its key, or make the view a Fold"
	}
	return fmt.Sprintf("%s\n  %s becomes\n    %s  with %s before %s\n    %s  the other way round\n  likely cause: %s",
		promise, nameRow(id), orNone(want), early, late, orNone(have), advice)
}

// unread reports whether a row was put without being read.
func unread(steps []step, id projection.RowID) bool {
	return slices.ContainsFunc(steps, func(s step) bool {
		return slices.ContainsFunc(s.writes, func(w projection.RowWrite) bool { return w.Row.ID == id && !w.Conditional })
	})
}

// result is what a plain fold leads to.
type result struct {
	rows []projection.Row
	err  error
}

func (r *rehearsal) replay(commits []eventstore.Commit) result {
	rows, err := projection.Replay(r.projection, each(commits))
	return result{rows, err}
}

func (r result) apartFrom(s result) bool {
	_, _, _, apart := firstDifference(r.rows, s.rows)
	return apart || (r.err == nil) != (s.err == nil)
}

// towards returns commits with the first n of target in front.
func towards(commits, target []eventstore.Commit, n int) []eventstore.Commit {
	front := map[eventstore.EventID]bool{}
	for i := range target[:n] {
		front[target[i].EventID(0)] = true
	}
	rest := slices.DeleteFunc(slices.Clone(commits), func(c eventstore.Commit) bool { return front[c.EventID(0)] })
	return slices.Concat(target[:n], rest)
}

// moved returns commits with one of them at another place.
func moved(commits []eventstore.Commit, from, to int) []eventstore.Commit {
	c := commits[from]
	return slices.Insert(slices.Delete(slices.Clone(commits), from, from+1), to, c)
}

// byStream returns the history stream by stream.
func byStream(commits []eventstore.Commit, reversed bool) []eventstore.Commit {
	sorted := slices.Clone(commits)
	slices.SortStableFunc(sorted, func(a, b eventstore.Commit) int {
		if reversed {
			return b.Stream.Compare(a.Stream)
		}
		return a.Stream.Compare(b.Stream)
	})
	return sorted
}
