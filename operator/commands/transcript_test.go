package commands_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// looks are all commands that look, as somebody types them.
var looks = []string{
	"status", "status --check", "status --check --max-oldest 30s --json", "projections", "projections totals", "streams", "streams order --limit 2", "events order-2", "events order-2 --backward --limit 1",
	"state order-2", "state order-2 --version 1", "parked", "parked list totals", "parked show totals order-3", "parked try totals", "parked skips", "rebuild", "rebuild status", "rebuild status totals", "ask total {\"item\":\"tea\"}", "verify", "verify --views", "model", "model --mermaid", "doctor", "activity",
}

// In a bubble every moment is known: it begins in the year 2000.
func bubble(t *testing.T, test func(t *testing.T, p *program)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newProgram(t)) })
}

func (p *program) fill() {
	p.Helper()
	p.order("1", "tea", 2, "")
	p.order("2", "mug", 1, "as a present, wrapped in the blue paper that we had at Christmas, please")
	<-time.After(time.Minute)
	p.order("2", "tea", 1500, "")
	p.sweep()
	p.order("3", "mug", 1, "")
	p.order("3", "tea", 0, "")
	p.order("4", "cup", -7, "")
	p.order("5", "cup", 1, "")
	p.sweep()
	<-time.After(3 * time.Minute)
	p.beat(projection.Heartbeat{Waiting: 1234, Oldest: time.Now().Add(-41 * time.Second), Rate: 2140.4, Applied: 5000, LastSweep: time.Now().Add(-time.Hour), SweepBehind: 3,
		LastError: "the table is throttled"})
	<-time.After(5 * time.Second)
}

func TestCommandsOnAnEmptyStore(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		for _, line := range looks {
			p.types(line)
		}
		p.compare("empty")
	})
}

func TestCommandsOnAFullStoreInAPipe(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		for _, line := range looks {
			p.types(line)
		}
		p.compare("full")
	})
}

func TestCommandsAnswerInJSON(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		for _, line := range looks {
			p.types(line + " --json")
		}
		p.types("events order-9 --json")
		p.types("events order --json")
		p.compare("json")
	})
}

func TestCommandsOnATerminalOf60Columns(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.width = 60
		for _, line := range looks {
			p.types(line)
		}
		p.types("events order-2 --wide")
		p.types("status --time relative --color never")
		p.env["NO_COLOR"] = "1"
		p.types("status -v")
		p.types("status --color always --quiet")
		delete(p.env, "NO_COLOR")
		p.env["LEFTFOLD_HINTS"], p.env["TERM"] = "0", "dumb"
		p.types("status")
		p.compare("narrow")
	})
}

func TestNamesAndTemplatesForScripts(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		for _, line := range []string{"streams --quiet", "parked list --quiet", "projections -q", "events order-2 --template {{.id}}={{.payload.count}}", "events order-2 --template {{.nothing}}",
			"events order-2 --template {{", "status --template {{.at}}"} {
			p.types(line)
		}
		p.env["LEFTFOLD_TIME"], p.env["LEFTFOLD_COLOR"] = "relative", "blue"
		p.types("events order-2")
		p.env["LEFTFOLD_COLOR"] = "always"
		p.types("events order-1 -v")
		p.types("events order-1 --time utc --color never -v")
		p.compare("scripts")
	})
}

func TestATailShowsWhatIsStoredFromNowOn(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.types("tail --limit 3 --json")
		}()
		synctest.Wait()
		for i := range 4 {
			p.order("77", "tea", i+1, "")
		}
		<-ended
		p.types("tail x!")
		p.types("tail --limit -1")
		p.compare("tail")
	})
}

// damaged is a store that can not read one stream.
type damaged struct{ memory }

func (d damaged) Read(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return d.spoil(d.memory.Read(ctx, stream, from))
}

func (d damaged) ReadBackward(ctx context.Context, stream eventstore.StreamID, from eventstore.Version) iter.Seq2[eventstore.Commit, error] {
	return d.spoil(d.memory.ReadBackward(ctx, stream, from))
}

func (d damaged) spoil(commits iter.Seq2[eventstore.Commit, error]) iter.Seq2[eventstore.Commit, error] {
	return func(yield func(eventstore.Commit, error) bool) {
		for c, err := range commits {
			if err = errors.Join(err, damage(c)); !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func (d damaged) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		for c, err := range d.memory.ReadAll(ctx, from) {
			if err = errors.Join(err, damage(c.Commit)); !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func damage(c eventstore.Commit) error {
	if c.Stream.ID() != "2" {
		return nil
	}
	return &eventstore.CorruptError{Stream: c.Stream, Version: c.First, Reason: "the checksum does not match"}
}

func TestCommandsOnADamagedStore(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.store = damaged{p.store}
		for _, line := range append(looks, "events order-2 --json") {
			p.types(line)
		}
		p.compare("damaged")
	})
}

// locked is an error of opening a file that somebody holds.
type locked struct{}

func (locked) Error() string {
	return "sqlitestore: open orders.db: database is locked by another process"
}
func (locked) Hint() string { return "find the process that holds it, or wait for it and try again" }

func TestCommandsOnALockedStore(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.failed = locked{}
		for _, line := range append(looks, "status --json") {
			want := terminal.Failed
			if strings.HasPrefix(line, "model") {
				want = terminal.Done // it reads no store
			}
			require.Equal(t, want, p.types(line), line)
		}
		p.compare("locked")
	})
}

// Each command is marked. Those that look are tried on a store and views that take nothing,
// and none of them is refused.
func TestCommandsThatLookWriteNothing(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.store, p.views = readOnly{p.store}, readOnlyViews{p.views}
		for _, line := range looks {
			before := p.text.Len()
			code := p.types(line)
			assert.Contains(t, []terminal.Code{terminal.Done, terminal.CheckFailed}, code, line)
			assert.NotContains(t, p.text.String()[before:], errReadOnly.Error(), line)
		}
		root, _ := p.root(nil, nil)
		tried := map[string]bool{}
		for _, line := range looks {
			c, _, err := root.Find(words(line))
			require.NoError(t, err)
			require.Equal(t, commands.Looks, commands.ImpactOf(c), line)
			tried[c.CommandPath()] = true
		}
		each(root, func(c *cobra.Command) {
			switch commands.ImpactOf(c) {
			case commands.Looks:
				assert.True(t, tried[c.CommandPath()] || c.Name() == "explain" || c.Name() == "tail", "%s is not tried", c.CommandPath())
			case commands.Acts, commands.Other:
			default:
				assert.Fail(t, c.CommandPath()+" is not marked")
			}
		})
	})
}

// each calls do for every command below root, but for those of cobra.
func each(root *cobra.Command, do func(*cobra.Command)) {
	for _, c := range root.Commands() {
		do(c)
		each(c, do)
	}
}
