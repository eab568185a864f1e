package commands_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// templated are all commands that take --template, in an order in which each has something to do.
var templated = []string{
	"status", "status --check", "projections", "projections totals", "streams", "events order-2", "state order-2", "parked", "parked list", "parked show totals order-3", "parked try totals",
	"verify", "explain", "model", "doctor", "rebuild", "rebuild status", "rebuild status totals", "tail", "send", "ask", "ask total '{\"item\":\"tea\"}'",
	"send order '{\"order\":\"9\",\"item\":\"tea\",\"count\":2}'",
	"parked retry totals --all" + yes,
	"parked skip totals order-4@1 --dry-run", "parked skip totals order-4@1 --confirm order-4@1 --reason 'a test order'", "parked skips", "parked unskip totals order-4@1" + yes,
	"pause totals" + yes, "resume totals" + yes, "sweep --dry-run", "sweep" + yes,
	"rebuild pause totals" + yes, "rebuild resume totals" + yes, "rebuild cancel totals" + named,
	"rebuild start totals --dry-run", "rebuild start totals" + yes, "rebuild diff totals", "rebuild switch totals" + named, "rebuild rollback totals" + named, "rebuild retire totals" + named, "activity",
}

// withTemplate are the names of the commands at and below one that take --template.
func withTemplate(c *cobra.Command) (names []string) {
	if c.Flags().Lookup("template") != nil {
		names = append(names, c.CommandPath())
	}
	for _, sub := range c.Commands() {
		names = append(names, withTemplate(sub)...)
	}
	return names
}

func TestEachCommandChecksItsTemplateBeforeItDoesAnything(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.failed = errors.New("the service was opened") // without which nothing is done
		root, _ := p.root(&bytes.Buffer{}, &bytes.Buffer{})
		var checked []string
		for _, line := range templated {
			c, _, err := root.Find(words(line))
			require.NoError(t, err)
			checked = append(checked, c.CommandPath())
			p.text.Reset()
			if code := p.types(line + " --template {{.nonsense}}"); strings.HasPrefix(line, "ask total") {
				require.Equal(t, terminal.Failed, code, "what a query answers is not known before")
				continue
			}
			require.Contains(t, p.text.String(), `there is no field "nonsense"`+"\nerr: hint: the fields are those that --json prints\nexit 2\n")
		}
		require.ElementsMatch(t, withTemplate(root), slices.Compact(slices.Sorted(slices.Values(checked))), "each command has its line")
	})
}

// What --json prints is a template's to use, also where a check before the work has to know it.
func TestATemplateMayNameEachFieldThatIsPrintedInJSON(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.next(-9)
		for _, line := range templated {
			if line == "tail" || line == "explain" {
				continue // it has no end, or is for a store that charges
			}
			if strings.HasPrefix(line, "rebuild pause") {
				p.other(func(projection.State) error { return nil })
			}
			p.failed = nil
			p.text.Reset()
			p.types(line + " --json")
			_, text, found := strings.Cut(p.text.String(), "out: ")
			require.True(t, found, p.text.String())
			var fields map[string]any
			require.NoError(t, json.NewDecoder(strings.NewReader(text)).Decode(&fields), text)
			var all strings.Builder
			for _, name := range slices.Sorted(maps.Keys(fields)) {
				fmt.Fprintf(&all, "{{.%s}}", name)
			}
			p.failed = errors.New("the service was opened")
			require.NotEqual(t, terminal.WrongUse, p.types(line+" --template "+all.String()), p.text.String())
		}
	})
}

func TestATemplateIsCheckedBeforeTheWork(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		for _, line := range []string{"rebuild start totals --template '{{.generation}} {{.nonsense}}'" + yes, "rebuild start totals --dry-run --template '{{.details.nonsense}}'",
			"rebuild diff totals --template '{{.rows}}'", "verify --template '{{range .faults}}{{.nonsense}}{{end}}'", "rebuild switch totals --template '{{.to}}'" + named,
			"pause totals --template '{{.projection.name}}'" + yes} {
			p.types(line)
		}
		s, err := p.views.State(t.Context(), "totals")
		require.NoError(t, err)
		require.Nil(t, s.Rebuilding(), "nothing was begun")
		require.Nil(t, s.Paused, "nor paused")
		p.types("rebuild start totals --template '{{.generation}} {{.diff.wrong}} {{range .phases}}{{.phase}} {{end}}{{(index .diff.samples 0).new.count}}'" + yes)
		p.compare("template")
	})
}

// A script may do a thing twice.
func TestATemplateOfTheAnswerIsNoMistakeWhereThereIsNothingToDo(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		for _, line := range []string{"pause totals --template '{{.projection}}'" + yes, "resume totals --template '{{.projection}}'" + yes,
			"rebuild start totals --template '{{.generation}}'" + yes, "rebuild switch totals --template '{{.generation}}'" + named} {
			require.Zero(t, p.types(line), p.text.String())
			p.text.Reset()
			require.Zero(t, p.types(line), p.text.String())
			require.NotContains(t, p.text.String(), "out: ")
			require.Contains(t, p.text.String(), "err: ", "it says what it found")
		}
	})
}
