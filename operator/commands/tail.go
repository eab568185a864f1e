package commands

import (
	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) tail() *cobra.Command {
	var q operator.TailQuery
	var limit int
	c := m.look("tail [CATEGORY]", "Show events as they are stored, until interrupted", operator.Event{}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if q.Category = arg(args, 0); q.Category != "" {
			if err := eventstore.CheckCategory(q.Category); err != nil {
				return Wrong(cmd, "%v", err)
			}
		}
		if limit < 0 {
			return Wrong(cmd, "--limit %d: at least 1, or 0 for all", limit)
		}
		return m.with(cmd.Context(), func(o *operator.Operator) error {
			m.Terminal.Note("events from now on; interrupt it to stop")
			list := m.Terminal.List(terminal.Column{Name: "EVENT"}, terminal.Column{Name: "TIME"}, terminal.Column{Name: "TYPE"}, terminal.Column{Name: "PAYLOAD", Text: true})
			for e, err := range o.Tail(cmd.Context(), q) {
				if err != nil {
					return err
				}
				if err := list.Add(e, e.ID, e.ID, e.Time, typeText(e), payloadText(e)); err != nil {
					return err
				}
				if err := list.End(); err != nil { // at once
					return err
				}
				if limit > 0 && list.Len() == limit {
					break
				}
			}
			return nil
		})
	}
	c.Long = c.Short + ".\nIt writes nothing and keeps no position. It does its best: some events may be missing, or come twice."
	c.Flags().StringVar(&q.Type, "type", "", "only events of this type")
	c.Flags().IntVar(&limit, "limit", 0, "end after this many")
	c.ValidArgsFunction = m.completeCategory
	return c
}
