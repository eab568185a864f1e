package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

// groupFlags let a command name a group of parked streams.
type groupFlags struct{ error, typ string }

func (f *groupFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.error, "error", "", "only streams whose error has this in it")
	c.Flags().StringVar(&f.typ, "type", "", "only streams that failed on an event of this type")
}

// selection is what arguments and flags mean.
func (f *groupFlags) selection(cmd *cobra.Command, args []string) (operator.Selection, error) {
	stream, err := streamArg(cmd, arg(args, 1))
	if err == nil && !stream.IsZero() && (f.error != "" || f.typ != "") {
		err = Wrong(cmd, "--error and --type choose among all streams, and one is named")
	}
	for _, name := range []string{"error", "type"} {
		if err == nil && cmd.Flags().Changed(name) && cmd.Flags().Lookup(name).Value.String() == "" {
			err = Wrong(cmd, "--%s is empty; without it all streams are meant", name) // as of a script whose variable is not set
		}
	}
	return operator.Selection{Projection: args[0], Stream: stream, Error: f.error, Type: f.typ}, err
}

// words are the same on another command line.
func (f *groupFlags) words() (words []string) {
	if f.error != "" {
		words = append(words, "--error", f.error)
	}
	if f.typ != "" {
		words = append(words, "--type", f.typ)
	}
	return words
}

func (m *mounted) parkedTry() *cobra.Command {
	var group groupFlags
	c := m.look("try PROJECTION [STREAM]", "Run this program's code on the events that failed, and write nothing", operator.Tried{}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := group.selection(cmd, args)
		if err != nil {
			return err
		}
		return m.with(cmd.Context(), func(o *operator.Operator) error {
			tried, more, err := o.Try(cmd.Context(), s)
			if err != nil {
				return m.hinted(err, args[0], m.Line("parked", "list")+" lists what is parked")
			}
			return m.listTried(append(args, group.words()...), tried, more)
		})
	}
	c.Long = c.Short + fmt.Sprintf(".\nIt exits with 5 if one of them would fail again. It tries %s streams at the most.", terminal.Thousands(operator.MaxSelected))
	c.ValidArgsFunction = m.completeParked
	group.add(c)
	return c
}

func (m *mounted) listTried(words []string, tried []operator.Tried, more int) error {
	list := m.Terminal.List(terminal.Column{Name: "EVENT"}, terminal.Column{Name: "RESULT"}, terminal.Column{Name: "CHANGES", Text: true})
	good := 0
	for _, t := range tried {
		result, text := terminal.Cell{Text: "ok", Color: terminal.Good}, changesText(t)
		if t.OK {
			good++
		} else {
			result, text = terminal.Cell{Text: "fails", Color: terminal.Bad}, t.Error
		}
		if err := list.Add(t, t.ID().String(), t.ID().String(), result, text); err != nil {
			return err
		}
	}
	if err := list.End(); err != nil {
		return err
	}
	if len(tried) == 0 {
		m.Terminal.Say("no such stream is parked")
		return nil
	}
	if more > 0 {
		m.Terminal.Say("%s were not tried", terminal.Counted(more, "more stream"))
	}
	m.Terminal.Say("%s of %s would succeed with this build. Nothing was written.", terminal.Thousands(good), terminal.Thousands(len(tried)))
	if good < len(tried) {
		return terminal.ErrCheck
	}
	if len(words) == 1 || strings.HasPrefix(words[1], "-") {
		words = append(words, "--all")
	}
	m.Terminal.Next(m.Line(append([]string{"parked", "retry"}, words...)...) + ` --reason "…"`)
	return nil
}

// changesText says which fields of which rows would be others.
func changesText(t operator.Tried) string {
	var texts []string
	for _, r := range t.Rows {
		var fields []string
		for _, c := range r.Changes {
			fields = append(fields, strings.TrimSpace(c.Field+" "+changeText(c)))
		}
		texts = append(texts, fmt.Sprintf("%s %s: %s", r.View, strings.TrimSpace(r.Partition+" "+r.Sort), strings.Join(fields, ", ")))
	}
	if len(texts) == 0 {
		return "no row would change"
	}
	return strings.Join(texts, "; ")
}
