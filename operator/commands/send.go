package commands

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/query"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

// mostSent is how many bytes stdin may have.
const mostSent = 1 << 20

func (m *mounted) send() *cobra.Command {
	var id, actor string
	c := m.look("send [NAME] [JSON]", "Send a command of the service, or list them", nil, nil)
	Mark(Acts, c)
	c.PreRunE = m.templateOf(command.Receipt{})
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			if m.Service.Commands == nil {
				return untold("commands")
			}
			return m.listEntries(m.Service.Commands.Entries(), "send")
		}
		content, err := m.content(cmd, args)
		if err != nil {
			return err
		}
		if id == "" {
			id = uuid.NewString() // so that what is interrupted can be sent again
		}
		return m.withBus(cmd, Acts, actor, func(ctx context.Context, o *operator.Operator) error {
			return m.sent(ctx, o.Commands(), command.Request{Name: args[0], ID: id, Content: content})
		})
	}
	c.Long = lines(c.Short+".",
		"JSON is the command, - takes it from stdin, and none is the empty object. The answer is a receipt.",
		"Sent again with the same --id it takes effect once.")
	c.Flags().StringVar(&id, "id", "", "the command's ID: sent again under it, it takes effect once (default a new one)")
	m.actorFlag(c, &actor)
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return names(entriesOf(m.Service.Commands), args), cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

func (m *mounted) ask() *cobra.Command {
	var actor string
	var token tokenValue
	c := m.look("ask [NAME] [JSON]", "Ask a query of the service, or list them", nil, nil)
	c.PreRunE = m.templateOf(nil) // it is for the query to say what the answer has
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			if m.Service.Queries == nil {
				return untold("queries")
			}
			return m.listEntries(m.Service.Queries.Entries(), "ask")
		}
		content, err := m.content(cmd, args)
		if err != nil {
			return err
		}
		return m.withBus(cmd, Looks, actor, func(ctx context.Context, o *operator.Operator) error {
			return m.asked(ctx, o.Queries(), query.Request{Name: args[0], Content: content, After: dispatch.Tokens(token)})
		})
	}
	c.Long = lines(c.Short+".",
		"JSON is the query, - takes it from stdin, and none is the empty object. The answer is JSON, as the query has it.",
		"With the --token of a receipt the answer waits until it shows what the command wrote.")
	c.Flags().Var(&token, "token", "what the answer has to show, from a receipt")
	m.actorFlag(c, &actor)
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return names(entriesOf(m.Service.Queries), args), cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// tokenValue is a flag that is the token of a receipt.
type tokenValue dispatch.Tokens

func (v *tokenValue) String() string { return "" }
func (v *tokenValue) Type() string   { return "token" }
func (v *tokenValue) Set(text string) error {
	return (*dispatch.Tokens)(v).UnmarshalText([]byte(text))
}

// entries are what a bus has.
type entries interface{ Entries() []*dispatch.Entry }

// entriesOf returns those of a bus, none where there is no bus.
func entriesOf[B interface {
	comparable
	entries
}](bus B,
) []*dispatch.Entry {
	var none B
	if bus == none {
		return nil
	}
	return bus.Entries()
}

func names(entries []*dispatch.Entry, args []string) (names []string) {
	if len(args) > 0 {
		return nil
	}
	for _, e := range entries {
		names = append(names, cobra.CompletionWithDesc(e.Name, e.Summary))
	}
	return names
}

// entry is one of a bus, in JSON.
type entry struct {
	Name    string          `json:"name"`
	Summary string          `json:"summary"`
	Example json.RawMessage `json:"example"`
	NeedsID bool            `json:"needs_id,omitempty"`
}

// templateOf checks the template of a list of entries, or of an answer where one is named.
func (m *mounted) templateOf(answer any) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return m.Terminal.CheckTemplate(entry{})
		}
		return m.Terminal.CheckTemplate(answer)
	}
}

func (m *mounted) listEntries(entries []*dispatch.Entry, verb string) error {
	list := m.Terminal.List(terminal.Column{Name: "NAME"}, terminal.Column{Name: "WHAT IT DOES"}, terminal.Column{Name: "EXAMPLE", Text: true})
	for _, e := range entries {
		if err := list.Add(entry{e.Name, e.Summary, e.Example, e.NeedsID}, e.Name, e.Name, e.Summary, string(e.Example)); err != nil {
			return err
		}
	}
	if err := list.End(); err != nil {
		return err
	}
	if len(entries) == 0 {
		m.Terminal.Say("the service has nothing to %s", verb)
		return nil
	}
	m.Terminal.Next(m.Line(verb, entries[0].Name, string(entries[0].Example)))
	return nil
}

// content is the JSON of a command line, or of stdin.
func (m *mounted) content(cmd *cobra.Command, args []string) (json.RawMessage, error) {
	text := []byte(arg(args, 1))
	if string(text) == "-" {
		var err error
		if text, err = io.ReadAll(io.LimitReader(m.Terminal.Stdin(), mostSent+1)); err != nil {
			return nil, err
		}
		if len(text) > mostSent {
			return nil, Wrong(cmd, "stdin has more than %d bytes", mostSent)
		}
	}
	return text, nil
}

// withBus opens the service for a request of an actor.
func (m *mounted) withBus(cmd *cobra.Command, impact Impact, actor string, run func(context.Context, *operator.Operator) error) error {
	if actor == "" {
		actor = userAtHost()
	}
	return m.opened(cmd.Context(), impact, func(o *operator.Operator) error {
		return run(eventstore.WithMetadata(cmd.Context(), eventstore.Metadata{Actor: actor}), o)
	})
}

func (m *mounted) sent(ctx context.Context, bus *command.Bus, r command.Request) error {
	if bus == nil {
		return &operator.NotFoundError{What: "command", Name: r.Name}
	}
	receipt, err := bus.Dispatch(ctx, r)
	if err != nil {
		again := m.Line("send", r.Name, string(r.Content), "--id", r.ID) + " sends the same again: it takes effect once"
		return m.explained(ctx, err, "send", bus.Entry(r.Name), again)
	}
	if m.Terminal.JSON || m.Terminal.Quiet || m.Terminal.Template != "" {
		return m.Terminal.Object(receipt, receipt.ID, nil)
	}
	return m.printAnswer(receipt)
}

func (m *mounted) asked(ctx context.Context, bus *query.Bus, r query.Request) error {
	if bus == nil {
		return &operator.NotFoundError{What: "query", Name: r.Name}
	}
	answer, err := bus.Dispatch(ctx, r)
	if err != nil {
		return m.explained(ctx, err, "ask", bus.Entry(r.Name), "ask again")
	}
	if m.Terminal.Template != "" {
		return m.Terminal.Object(answer, "", nil)
	}
	return m.printAnswer(answer)
}

// printAnswer prints what the service has answered as it is: on one line with --json, else
// for people to read.
func (m *mounted) printAnswer(v any) error {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if !m.Terminal.JSON {
		encoder.SetIndent("", "  ")
	}
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(m.Terminal.Stdout(), terminal.Clean(text.String()))
	return err
}

// explained says what to do about a failure, in terms of the command line.
func (m *mounted) explained(ctx context.Context, err error, verb string, e *dispatch.Entry, again string) error {
	if ctx.Err() != nil {
		return terminal.Interrupt(ctx, err, again)
	}
	f, ok := errors.AsType[*dispatch.Failure](err)
	if !ok {
		return err
	}
	switch {
	case e == nil:
		return terminal.WithHint(err, m.Line(verb)+" lists them")
	case f.Class == dispatch.Invalid:
		return terminal.WithHint(err, "for example: "+m.Line(verb, e.Name, string(e.Example)))
	case f.Class.RetryAfter() > 0:
		return terminal.WithHint(err, again)
	}
	return err
}
