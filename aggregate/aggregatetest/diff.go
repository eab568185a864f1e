package aggregatetest

import (
	"fmt"
	"strings"
)

// line is an event as it is shown.
type line struct {
	stream  string // "" where there is one only
	name    string
	content node
	text    string
}

func newLine(name string, content node) line {
	return line{name: name, content: content, text: name + " " + content.text}
}

// of shows the event with its stream.
func (l line) of(stream string) line {
	name := stream + " " + l.name
	return line{stream, name, l.content, name + " " + l.content.text}
}

func (l line) equal(m line) bool { return l.text == m.text }

// diff shows two lists of events as one: ✓ is in both, - only in want, + only in got.
func diff(want, got []line) string {
	var d marked
	for len(want) > 0 && len(got) > 0 && want[0].equal(got[0]) { // long lists mostly begin alike
		d.same = append(d.same, want[0])
		want, got = want[1:], got[1:]
	}
	common := commonTails(want, got)
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i].equal(got[j]):
			d.same = append(d.same, want[i])
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			d.differs("-", want[i])
			i++
		default:
			d.differs("+", got[j])
			j++
		}
	}
	d.flush()
	return d.text.String()
}

// marked is a diff in the making.
type marked struct {
	text strings.Builder
	same []line // not written yet
}

// fewSame is how many equal lines in a row are shown.
const fewSame = 6

func (d *marked) differs(mark string, l line) {
	d.flush()
	fmt.Fprintf(&d.text, "  %s %s\n", mark, l.text)
}

func (d *marked) flush() {
	for i, l := range d.same {
		hidden := len(d.same) - fewSame
		switch {
		case hidden <= 1 || i < fewSame/2 || i >= fewSame/2+hidden:
			fmt.Fprintf(&d.text, "  ✓ %s\n", l.text)
		case i == fewSame/2:
			fmt.Fprintf(&d.text, "  … %d more\n", hidden)
		}
	}
	d.same = nil
}

// commonTails returns, for each pair of tails, how many lines a longest common
// subsequence of them has.
func commonTails(want, got []line) [][]int {
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i].equal(got[j]) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}
