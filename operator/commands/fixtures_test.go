package commands_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/query"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type ordered struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
	Note  string `json:"note,omitempty"`
}

var registry = eventstore.MustRegistry(eventstore.Type[ordered]("ORDERED", 1))

type order struct {
	Items map[string]int `json:"items"`
	Note  string         `json:"note"`
}

var orders = aggregate.Decider[order, ordered]{
	Category: "order", Events: registry,
	Initial: func(string) order { return order{Items: map[string]int{}} },
	Evolve: func(o order, e ordered) order {
		o.Items[e.Item] += e.Count
		o.Note = e.Note
		return o
	},
}

type total struct {
	Count int `json:"count"`
}

// view is that of the totals, by code that takes orders of so many or more.
func view(least int, wrong string) *projection.View[total] {
	return projection.Fold("totals", projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
		func(t *total, e projection.Event[ordered]) error {
			if e.Data.Count < least {
				return fmt.Errorf("count: %d of %q is %s", e.Data.Count, e.Data.Item, wrong)
			}
			t.Count += e.Data.Count
			return nil
		}))
}

// takeOrder is the command of the service.
type takeOrder struct {
	Order string `json:"order" example:"7"`
	Item  string `json:"item" example:"tea"`
	Count int    `json:"count" example:"2"`
}

// Validate refuses what is no order.
func (c takeOrder) Validate() error {
	if c.Item == "" {
		return fmt.Errorf("%w: an order needs an item", eventstore.ErrInvalid)
	}
	return nil
}

var errSoldOut = errors.New("there are only 9 left")

var options = dispatch.Options{Refusals: []dispatch.Refusal{{Err: errSoldOut, Code: "sold-out"}}}

func (p *program) commands(r *aggregate.Repository[order, ordered]) *command.Bus {
	bus := command.NewBus(options)
	command.Register(bus, "order", "Takes an order", command.On(r, func(c takeOrder) (string, aggregate.Decision[order, ordered]) {
		return c.Order, func(order) ([]ordered, error) {
			if c.Count > 9 {
				return nil, errSoldOut
			}
			return []ordered{{Item: c.Item, Count: c.Count}}, nil
		}
	}))
	return bus
}

// ofItem is its query.
type ofItem struct {
	Item string `json:"item" example:"tea"`
}

func (p *program) queries() *query.Bus {
	bus := query.NewBus(options)
	query.Register(bus, "total", "Shows how much of an item was ordered", func(ctx context.Context, call query.Call[ofItem]) (total, error) {
		return p.view.Get(ctx, p.views, projection.KeyOf(call.Query.Item), call.Options()...)
	})
	return bus
}

// memory is all that a store in memory is.
type memory interface {
	eventstore.Store
	eventstore.Transactor
	eventstore.Directory
	eventstore.Scanner
}

// program is a service with a command line.
type program struct {
	testing.TB
	store  memory
	views  projection.ViewStore
	totals *projection.Projection
	view   *projection.View[total] // of totals
	failed error                   // of opening it
	mended *projection.Projection  // nil: the code is as it was
	others []projection.Consumer   // beside it

	env     map[string]string
	config  string // leftfold.toml, "" for none
	width   int    // of the terminal, 0 for a pipe
	answers string
	ctx     context.Context // of a command; nil: that of the test
	asked   func()          // what happens while a question is asked, once
	text    strings.Builder
}

func newProgram(tb testing.TB) *program {
	v := view(1, "no number of items that somebody can order")
	return &program{TB: tb, store: memstore.New(), views: memviews.New(memviews.Options{}), env: map[string]string{}, view: v,
		totals: projection.MustNew("totals", 1, registry, projection.Follow("order"), v)}
}

func (p *program) order(id, item string, count int, note string) {
	p.Helper()
	_, err := aggregate.NewRepository(p.store, orders, aggregate.Options{}).Execute(p.Context(), id,
		func(order) ([]ordered, error) { return []ordered{{item, count, note}}, nil }, aggregate.CommandID(fmt.Sprintf("%s-%s-%d", id, item, count)))
	require.NoError(p, err)
}

func (p *program) stream(name string) eventstore.StreamID {
	p.Helper()
	stream, err := eventstore.ParseStreamID(name)
	require.NoError(p, err)
	return stream
}

// engine is that of a worker with the program's code.
func (p *program) engine() *projection.Engine {
	p.Helper()
	engine, err := projection.NewEngine(p.store, p.views, projection.Options{Build: "orders@1"}, p.code())
	require.NoError(p, err)
	require.NoError(p, engine.Prepare(p.Context()))
	return engine
}

func (p *program) sweep() {
	p.Helper()
	_, err := p.engine().Sweep(p.Context(), nil)
	require.NoError(p, err)
}

func (p *program) beat(b projection.Heartbeat) {
	p.Helper()
	b.Projection, b.Worker, b.Build, b.At = "totals", "host/1", "orders@1", time.Now().UTC()
	require.NoError(p, p.views.Beat(p.Context(), b))
}

func (p *program) open(context.Context, commands.Impact) (operator.Service, error) {
	repository := aggregate.NewRepository[order, ordered](p.store, orders, aggregate.Options{})
	return operator.Service{Name: "orders", Build: "orders@1", Events: registry, Consumers: append([]projection.Consumer{p.code()}, p.others...), Store: p.store, Views: p.views,
		States: []operator.Folder{operator.StateOf(repository)}, Commands: p.commands(repository), Queries: p.queries()}, p.failed
}

// code is the projection that the program carries.
func (p *program) code() *projection.Projection {
	if p.mended != nil {
		return p.mended
	}
	return p.totals
}

// mend lets an order of none count as none, in the program that follows.
func (p *program) mend() {
	p.mended = projection.MustNew("totals", 1, registry, projection.Follow("order"), view(0, "less than none"))
}

// root returns the commands, talking to two writers.
func (p *program) root(out, talk io.Writer) (*cobra.Command, *terminal.Terminal) {
	t := terminal.New(terminal.Options{Stdin: p.stdin(), Stdout: out, Stderr: talk, Getenv: func(name string) string { return p.env[name] }, ReadFile: p.readFile,
		Width: func(any) (int, bool) { return p.width, p.width > 0 }})
	root := &cobra.Command{Use: "orders", Short: "A service that takes orders", RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	commands.Mount(root, commands.Options{Terminal: t, Open: p.open, Service: operator.Service{Events: registry, Consumers: []projection.Consumer{p.totals}, Commands: p.commands(nil), Queries: p.queries()}})
	commands.Prepare(root, t)
	return root, t
}

// readFile reads a file of the working directory, which has no other.
func (p *program) readFile(name string) ([]byte, error) {
	if name != "leftfold.toml" || p.config == "" {
		return nil, fs.ErrNotExist
	}
	return []byte(p.config), nil
}

// types runs a command line and notes what it prints.
func (p *program) types(line string) terminal.Code {
	p.Helper()
	var out, talk bytes.Buffer
	root, t := p.root(&out, &talk)
	root.SetArgs(words(line))
	ctx := p.ctx
	if ctx == nil {
		ctx = p.Context()
	}
	code := t.Fail(ctx, root.ExecuteContext(ctx), "give it again")
	fmt.Fprintf(&p.text, "$ orders %s\n", line)
	for _, stream := range []struct{ mark, text string }{{"out", out.String()}, {"err", talk.String()}} {
		for l := range strings.Lines(stream.text) {
			fmt.Fprintf(&p.text, "%s: %s\n", stream.mark, strings.ReplaceAll(strings.TrimSuffix(l, "\n"), "\x1b", "ESC"))
		}
	}
	fmt.Fprintf(&p.text, "exit %d\n\n", code)
	return code
}

// stdin has the answers. Before the first is read, something may happen.
func (p *program) stdin() io.Reader { return &answering{p, strings.NewReader(p.answers)} }

type answering struct {
	*program
	text io.Reader
}

func (a *answering) Read(b []byte) (int, error) {
	if happens := a.asked; happens != nil {
		a.asked = nil
		happens()
	}
	return a.text.Read(b)
}

func (p *program) note(text string) { fmt.Fprintf(&p.text, "# %s\n", text) }

var fraction = regexp.MustCompile(`(\d\d:\d\d:\d\d)\.\d+Z`)

// compare holds what was noted against a golden file.
func (p *program) compare(name string) {
	p.Helper()
	text := fraction.ReplaceAllString(p.text.String(), "${1}Z") // pauses between attempts are random
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(p, os.MkdirAll("testdata", 0o755))
		require.NoError(p, os.WriteFile(path, []byte(text), 0o600))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(p, err, "write it with: go test ./operator/commands -update")
	assert.Equal(p, string(want), text)
}

// readOnly takes nothing.
type readOnly struct{ memory }

var errReadOnly = errors.New("this store can not be written")

func (readOnly) Append(context.Context, eventstore.Write) (eventstore.Commit, error) {
	return eventstore.Commit{}, errReadOnly
}

func (readOnly) AppendAll(context.Context, eventstore.Transaction) ([]eventstore.Commit, error) {
	return nil, errReadOnly
}

type readOnlyViews struct{ projection.ViewStore }

func (readOnlyViews) Apply(context.Context, projection.Slice) error { return errReadOnly }

func (readOnlyViews) Park(context.Context, projection.GenerationID, eventstore.StreamID, eventstore.Version, *projection.Parked) error {
	return errReadOnly
}

func (readOnlyViews) PutState(context.Context, projection.State) (projection.State, error) {
	return projection.State{}, errReadOnly
}

func (readOnlyViews) Beat(context.Context, projection.Heartbeat) error { return errReadOnly }
