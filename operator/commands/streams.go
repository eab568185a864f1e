package commands

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) streams() *cobra.Command {
	var limit int
	var after string
	c := m.look("streams [CATEGORY]", "List the streams", operator.Stream{}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if limit < 0 {
			return Wrong(cmd, "--limit %d: at least 1, or 0 for all", limit)
		}
		q := operator.StreamQuery{Category: arg(args, 0)}
		if q.Category != "" {
			if err := eventstore.CheckCategory(q.Category); err != nil {
				return Wrong(cmd, "%v", err)
			}
		}
		if after != "" {
			if err := q.After.UnmarshalText([]byte(after)); err != nil {
				return Wrong(cmd, "--after: %v", err)
			}
		}
		return m.with(cmd.Context(), func(o *operator.Operator) error { return m.listStreams(cmd.Context(), o, q, limit) })
	}
	c.Flags().IntVar(&limit, "limit", 0, "at the most this many; 0 lists all")
	c.Flags().StringVar(&after, "after", "", "begin behind this stream")
	c.ValidArgsFunction = m.completeCategory
	return c
}

// listStreams lists page by page.
func (m *mounted) listStreams(ctx context.Context, o *operator.Operator, q operator.StreamQuery, limit int) error {
	list := m.Terminal.List(terminal.Column{})
	for more := true; more; {
		q.Limit = pageOf(limit, list.Len())
		page, err := o.Streams(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range page.Streams {
			if err := list.Add(s, s.Stream.String(), s.Stream.String()); err != nil {
				return err
			}
		}
		q.After = page.Next
		more = !page.Next.IsZero() && (limit == 0 || list.Len() < limit)
	}
	if list.Len() == 0 {
		m.Terminal.Say("no stream is there")
	}
	if err := list.End(); err != nil {
		return err
	}
	if !q.After.IsZero() {
		words := []string{"streams"}
		if q.Category != "" {
			words = append(words, q.Category)
		}
		m.Terminal.Next(m.Line(m.sameOutput(append(words, "--limit", strconv.Itoa(limit), "--after", q.After.String())...)...))
	}
	return nil
}

// pageOf is the size of the next page, of a list that may be limited.
func pageOf(limit, shown int) int {
	if limit == 0 {
		return operator.MaxPage
	}
	return min(limit-shown, operator.MaxPage)
}

// sameOutput lets a command that is proposed print as this one does.
func (m *mounted) sameOutput(words ...string) []string {
	if m.Terminal.JSON {
		words = append(words, "--json")
	}
	return words
}
