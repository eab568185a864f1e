package aggregatetest

import (
	"fmt"
	"slices"
	"strings"
)

// failure is what a test is told. The zero value says nothing.
type failure struct {
	what   string // in one line
	detail string // lines with marks
	cause  string
}

func (f failure) text(past string) string {
	var b strings.Builder
	b.WriteString("✗ " + f.what + "\n\n")
	if f.detail != "" {
		b.WriteString(f.detail + "\n")
	}
	b.WriteString("likely cause: " + f.cause + "\n" + past)
	return b.String()
}

func past(given int, state node) string {
	if given == 0 {
		return "no events are given, the state is: " + state.text
	}
	return "given events lead to: " + state.text
}

// result is what a decision returned.
type result struct {
	recorded []line
	refusal  error
}

func (r result) equal(s result) bool {
	if r.refusal != nil && s.refusal != nil {
		return r.refusal.Error() == s.refusal.Error()
	}
	return r.refusal == s.refusal && slices.EqualFunc(r.recorded, s.recorded, line.equal)
}

func wrongEvents(want []line, got result) failure {
	switch {
	case got.equal(result{recorded: want}):
		return failure{}
	case got.refusal != nil:
		return failure{"expected " + count(want), diff(want, nil), fmt.Sprintf("the command was refused: %v", got.refusal)}
	case len(got.recorded) == 0:
		return failure{"expected " + count(want), diff(want, nil), "the decision recorded nothing: in this state there is nothing left to do"}
	case len(want) == 0:
		return failure{"expected no events", diff(nil, got.recorded), "the decision does not see that there is nothing left to do"}
	}
	return failure{"expected other events", diff(want, got.recorded), likelyCause(want, got.recorded, "expected")}
}

// wrongRefusal explains a refusal that is not ok, or none. want is "" if any would do.
func wrongRefusal(want string, ok bool, got result) failure {
	expected := strings.TrimSuffix("expected a refusal: "+want, ": ")
	switch {
	case got.refusal == nil && len(got.recorded) == 0:
		return failure{expected, "", "expected a refusal, but it recorded nothing and returned no error"}
	case got.refusal == nil:
		return failure{expected, diff(nil, got.recorded), "expected a refusal, but it recorded " + count(got.recorded)}
	case ok:
		return failure{}
	}
	cause := "refused for another reason"
	if strings.Contains(got.refusal.Error(), want) {
		cause = "only the text is the same: the error is made anew, or wrapped with %v instead of %w"
	}
	return failure{"expected another refusal", fmt.Sprintf("  - %s\n  + %v\n", want, got.refusal), cause}
}

// notRecognised explains that a command was not taken for one that was carried out before.
func notRecognised(got result, answered int) failure {
	const what = "expected the answer of a command that was carried out before"
	switch {
	case got.refusal != nil:
		return failure{what, "", fmt.Sprintf("it was decided anew, and refused: %v; a command is recognised by its aggregate.CommandID", got.refusal)}
	case len(got.recorded) > 0:
		return failure{what, diff(nil, got.recorded), "it was carried out again: the command has no aggregate.CommandID, or another one each time"}
	case answered == 0:
		return failure{what, "", "it was decided anew, and had nothing to do: what wrote nothing is not remembered, and without an aggregate.CommandID nothing is"}
	}
	return failure{}
}

func stateChanged(differences []string) failure {
	return failure{"the decision changes the state that it is given", indent(differences),
		"it writes to a map, a slice or a pointer of the state, which only Evolve may do"}
}

func impureEvolve(differences []string) failure {
	return failure{"the same events, folded again, lead to another state", indent(differences),
		"Evolve looks at more than state and event (a clock, chance, the order of a map), or Initial hands out the same map twice"}
}

func nilMapFailure(event line, noInitial bool) failure {
	cause := "neither Initial nor an earlier event has made a map that the state holds"
	if noInitial {
		cause = "Initial is nil: the state starts as its zero value, whose maps are nil"
	}
	return failure{"Evolve panics: assignment to entry in nil map", "  on " + event.text + "\n", cause}
}

func impureDecision(first, again result) failure {
	const what = "decided again on the same events, the result is another one"
	const rule = "; times, random values and new IDs are arguments of a command, and what comes from a map is sorted"
	if first.refusal != nil || again.refusal != nil {
		return failure{what, fmt.Sprintf("  - refused: %v\n  + refused: %v\n", said(first.refusal), said(again.refusal)),
			"the decision looks at more than the state" + rule}
	}
	return failure{what, diff(first.recorded, again.recorded), likelyCause(first.recorded, again.recorded, "the first time") + rule}
}

func said(refusal error) string {
	if refusal == nil {
		return "no"
	}
	return refusal.Error()
}

// likelyCause says in a sentence how two lists of events differ. word introduces
// what is in want.
func likelyCause(want, got []line, word string) string {
	if slices.EqualFunc(sorted(want), sorted(got), line.equal) {
		return "the same events in another order"
	}
	for i := 0; len(want) == len(got); i++ {
		w, g := want[i], got[i]
		switch {
		case w.equal(g):
			continue
		case w.name != g.name:
			return fmt.Sprintf("event %d is %s, %s %s", i+1, g.name, word, w.name)
		}
		return fmt.Sprintf("event %d: %s", i+1, strings.Join(differences(w.content, g.content, word), "; "))
	}
	return fmt.Sprintf("%s, %s %d", count(got), word, len(want))
}

func sorted(lines []line) []line {
	return slices.SortedFunc(slices.Values(lines), func(a, b line) int { return strings.Compare(a.text, b.text) })
}

func count(lines []line) string {
	switch len(lines) {
	case 0:
		return "no events"
	case 1:
		return "1 event"
	}
	return fmt.Sprintf("%d events", len(lines))
}

func indent(lines []string) string { return "  " + strings.Join(lines, "\n  ") + "\n" }
