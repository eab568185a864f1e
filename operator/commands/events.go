package commands

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (m *mounted) events() *cobra.Command {
	var from uint64
	var limit int
	var backward bool
	c := m.look("events STREAM", "Show the events of a stream, such as "+m.someStream(), operator.Event{}, nil)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		stream, err := eventstore.ParseStreamID(args[0])
		if err != nil {
			return Wrong(cmd, "%v", err)
		}
		if limit < 0 {
			return Wrong(cmd, "--limit %d: at least 1, or 0 for all", limit)
		}
		q := operator.EventQuery{Stream: stream, From: eventstore.Version(from), Backward: backward}
		return m.with(cmd.Context(), func(o *operator.Operator) error {
			return m.hinted(m.listEvents(cmd.Context(), o, q, limit), "", m.Line("streams", stream.Category())+" lists the streams of this category")
		})
	}
	c.Flags().Uint64Var(&from, "from", 0, "begin with the event of this version")
	c.Flags().IntVar(&limit, "limit", 0, "at the most this many; 0 shows all")
	c.Flags().BoolVar(&backward, "backward", false, "show the newest first")
	c.ValidArgsFunction = m.completeStream
	return c
}

func (m *mounted) listEvents(ctx context.Context, o *operator.Operator, q operator.EventQuery, limit int) error {
	list := m.Terminal.List(terminal.Column{Name: "EVENT"}, terminal.Column{Name: "TIME"}, terminal.Column{Name: "TYPE"},
		terminal.Column{Name: "ACTOR", Wide: true}, terminal.Column{Name: "COMMIT", Wide: true}, terminal.Column{Name: "PAYLOAD", Text: true})
	for more := true; more; {
		q.Limit = pageOf(limit, list.Len())
		page, err := o.Events(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if err := list.Add(e, e.ID, e.ID, e.Time, typeText(e), e.Metadata.Actor, e.Commit, payloadText(e)); err != nil {
				return err
			}
		}
		q.From = page.Next
		more = page.Next > 0 && (limit == 0 || list.Len() < limit)
	}
	if err := list.End(); err != nil {
		return err
	}
	if q.From > 0 {
		words := []string{"events", q.Stream.String(), "--limit", strconv.Itoa(limit), "--from", strconv.FormatUint(uint64(q.From), 10)}
		if q.Backward {
			words = append(words, "--backward")
		}
		m.Terminal.Next(m.Line(m.sameOutput(words...)...))
	}
	return nil
}

// typeText is the type, with its schema version where that is not the first.
func typeText(e operator.Event) string {
	if e.SchemaVersion == 1 {
		return e.Type
	}
	return fmt.Sprintf("%s v%d", e.Type, e.SchemaVersion)
}

func payloadText(e operator.Event) string {
	if e.Payload == nil {
		return base64.StdEncoding.EncodeToString(e.Binary)
	}
	return string(e.Payload)
}
