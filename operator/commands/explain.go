package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) explain() *cobra.Command {
	commits := 0
	c := m.look("explain [PROJECTION]", "Say what each projection and reaction costs on DynamoDB, and why", operator.Explained{}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if commits < 1 {
			return Wrong(cmd, "--commits %d: it takes at least 1", commits)
		}
		return m.with(cmd.Context(), func(o *operator.Operator) error {
			e, err := o.Explain(cmd.Context(), arg(args, 0), commits)
			if err != nil {
				return err
			}
			return m.Terminal.Object(e, "", func() error { return m.showExplained(e) })
		})
	}
	c.Flags().IntVar(&commits, "commits", 1000, "how many commits of the store to look at")
	c.ValidArgsFunction = m.completeProjection
	return c
}

func (m *mounted) showExplained(e operator.Explained) error {
	out, commits := m.Terminal.Stdout(), float64(e.Commits)
	fmt.Fprintf(out, "%s with %s were looked at\n\n", terminal.Counted(e.Commits, "commit"), terminal.Counted(e.Events, "event"))
	fmt.Fprintf(out, "An append takes %.2f write units: %.1f events in an item of %.1f KB, one unit for each KB;\nthe first commit of a stream one more for the directory. A million appends: $%.2f\n\n",
		e.WriteUnits/commits, float64(e.Events)/commits, float64(e.Bytes)/commits/1024, e.WriteUnits/commits*e.Prices.Write)
	table := m.Terminal.Table(terminal.Column{Name: "CONSUMER"}, terminal.Column{Name: "FED"}, terminal.Column{Name: "WRITE UNITS/EVENT", Right: true},
		terminal.Column{Name: "READ UNITS/EVENT", Right: true}, terminal.Column{Name: "A MILLION EVENTS", Right: true})
	var reactions []string
	for _, c := range e.Consumers {
		if err := table.Row(c.Consumer, c.Way, fmt.Sprintf("%.3f", c.WriteUnits), fmt.Sprintf("%.3f", c.ReadUnits), fmt.Sprintf("$%.2f", c.Dollars)); err != nil {
			return err
		}
		if c.Reaction && (len(reactions) == 0 || reactions[len(reactions)-1] != c.Consumer) {
			reactions = append(reactions, c.Consumer)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, c := range e.Consumers {
		fmt.Fprintf(out, "%s, %s: %s\n", c.Consumer, c.Way, unitsText(c.Cost))
	}
	fmt.Fprintf(out, "\n%s\n", e.Prices.Notes)
	if len(reactions) > 0 {
		fmt.Fprintf(out, "Reactions have checkpoints and no rows: %s. What their effects cost is not in here.\n", strings.Join(reactions, ", "))
	}
	_, err := fmt.Fprintf(out, "\nPrices are those of %s: $%.3f for a million write units, $%.3f for a million read units.\n", e.Prices.Of, e.Prices.Write, e.Prices.Read)
	return err
}

// unitsText says what the write units are for: they add up.
func unitsText(c operator.ViewCost) string {
	var parts []string
	for _, p := range c.Parts {
		parts = append(parts, fmt.Sprintf("%s for %s", terminal.Thousands(int(p.WriteUnits)), p.For))
	}
	return fmt.Sprintf("%s write units in %s: %s", terminal.Thousands(int(c.WriteUnits)), terminal.Counted(c.Slices, "slice"), strings.Join(parts, "; "))
}
