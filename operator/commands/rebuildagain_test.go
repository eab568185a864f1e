package commands_test

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestAProgramThatIsTooOldSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		current := p.mended
		old := func(lines ...string) {
			p.mended = nil
			p.all(lines...)
			p.mended = current
		}
		p.other(func(projection.State) error { return nil })
		p.note("version 2 is being built, and this program has version 1")
		old("rebuild start totals"+yes, "rebuild start totals --dry-run", "rebuild resume totals"+yes)
		p.all("rebuild resume totals --quiet"+yes, "rebuild switch totals --quiet"+named)
		p.note("readers use version 2")
		old("rebuild start totals"+yes, "rebuild resume totals"+yes, "doctor", "verify --views", "verify --views --json", "ask total {\"item\":\"tea\"}")
		p.note("and version 1 is retired")
		p.types("rebuild retire totals --quiet" + named)
		old("ask total {\"item\":\"tea\"}", "sweep"+yes)
		p.compare("rebuild-old")
	})
}

// first calls a function before the first heartbeat of a coordinator is left, and behind it.
type first struct {
	projection.ViewStore
	once   sync.Once
	after  sync.Once
	before func()
	behind func()
}

func (f *first) Beat(ctx context.Context, b projection.Heartbeat) error {
	f.once.Do(f.before)
	defer f.after.Do(f.behind)
	return f.ViewStore.Beat(ctx, b)
}

func TestARebuildIsStartingUntilItsCoordinatorIsHeardOf(t *testing.T) {
	for _, verb := range []string{"start", "resume"} {
		t.Run(verb, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *program) {
				p.filled()
				if verb == "resume" {
					p.other(func(projection.State) error { return nil })
					<-time.After(time.Hour)
				}
				views := p.views
				status := func() string {
					other := *p
					other.views = views
					other.text.Reset()
					other.types("rebuild status totals")
					return other.text.String()
				}
				var before, behind string
				p.views = &first{ViewStore: views, before: func() { before = status() }, behind: func() { behind = status() }}
				require.Equal(t, terminal.Done, p.types("rebuild "+verb+" totals"+yes))
				assert.Contains(t, before, "rebuild       ◐ starting")
				assert.Contains(t, before, "not heard of yet")
				assert.Contains(t, behind, "rebuild       ◐ running")
			})
		})
	}
}

// ended is a view store that ends a context where rows are read to be compared.
type ended struct {
	projection.ViewStore
	end func()
}

func (e ended) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	e.end()
	return e.ViewStore.ScanRows(ctx, g, view)
}

func TestWhatIsInterruptedSaysHowFarItHasCome(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		interrupted := func(line string, views func(cancel func()) projection.ViewStore) {
			t.Helper()
			before := p.views
			ctx, cancel := context.WithCancelCause(t.Context())
			p.ctx, p.views = ctx, views(func() { cancel(context.Canceled) })
			require.Equal(t, terminal.Interrupted, p.types(line))
			p.ctx, p.views = nil, before
		}
		p.note("nothing is filled yet")
		interrupted("rebuild start totals"+yes, func(cancel func()) projection.ViewStore {
			return &slow{ViewStore: views, then: func(int) { cancel() }}
		})
		p.types("rebuild pause totals" + yes)
		p.note("it is compared")
		interrupted("rebuild resume totals"+yes, func(cancel func()) projection.ViewStore { return ended{views, cancel} })
		p.all("rebuild status totals", "activity")
		p.note("nothing is done yet")
		interrupted("rebuild start totals --dry-run", func(cancel func()) projection.ViewStore {
			cancel()
			return views
		})
		p.width, p.env["NO_COLOR"] = 200, "1"
		interrupted("rebuild cancel totals --reason 'not wanted any more'", func(cancel func()) projection.ViewStore {
			p.asked = cancel
			return views
		})
		p.compare("rebuild-stopped")
	})
}

func TestATemplateIsCheckedBeforeTheWork(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		for _, line := range []string{"rebuild start totals --template '{{.generation}} {{.nonsense}}'" + yes, "rebuild start totals --dry-run --template '{{.details.nonsense}}'",
			"rebuild diff totals --template '{{.rows}}'", "verify --template '{{range .faults}}{{.nonsense}}{{end}}'", "rebuild switch totals --template '{{.to}}'" + named} {
			p.types(line)
		}
		s, err := p.views.State(t.Context(), "totals")
		require.NoError(t, err)
		require.Nil(t, s.Rebuilding(), "nothing was begun")
		p.types("rebuild start totals --template '{{.generation}} {{.diff.wrong}} {{range .phases}}{{.phase}} {{end}}{{(index .diff.samples 0).new.count}}'" + yes)
		p.compare("template")
	})
}

// slowAndWrong takes its time to be read, too, and changes what it is given.
type slowAndWrong struct{ *slow }

func (s slowAndWrong) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	for i := range f.Rows {
		if f.Rows[i].ID.Key.Partition == "tea" {
			f.Rows[i].Content = []byte(`{"count":7}`)
		}
	}
	return s.slow.Fill(ctx, g, f)
}

func (s slowAndWrong) ScanRows(ctx context.Context, g projection.GenerationID, view string) iter.Seq2[projection.Row, error] {
	<-time.After(time.Second)
	return s.slow.ScanRows(ctx, g, view)
}

func (s slowAndWrong) Rows(ctx context.Context, g projection.GenerationID, ids []projection.RowID) ([]projection.Row, error) {
	<-time.After(time.Second)
	return s.slow.Rows(ctx, g, ids)
}

func TestTheShareOfAPhaseOnlyGrows(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.views = slowAndWrong{&slow{ViewStore: p.views, takes: 2 * time.Second}}
		require.Equal(t, terminal.CheckFailed, p.types("rebuild start totals --compare full --progress json"+yes))
		share, phase, lines, between, rows := 0.0, projection.Phase(""), 0, 0, 0
		for line := range strings.Lines(p.text.String()) {
			text, ok := strings.CutPrefix(line, "err: {")
			if !ok {
				continue
			}
			var answer struct{ Progress projection.RebuildProgress }
			require.NoError(t, json.Unmarshal([]byte("{"+text), &answer))
			now := answer.Progress
			if now.Phase != phase {
				share, phase = 0, now.Phase
			}
			require.GreaterOrEqual(t, now.Share, share, line)
			if share = now.Share; phase == projection.PhaseCompare {
				require.LessOrEqual(t, now.Rows, 3, line)
				rows = now.Rows
			}
			if lines++; share > 0 && share < 1 && phase == projection.PhaseFold {
				between++
			}
		}
		require.Greater(t, lines, 4)
		require.Positive(t, between)
		require.Equal(t, projection.PhaseCompare, phase)
		require.InDelta(t, 1, share, 0)
		require.Positive(t, rows)
	})
}

func TestProgressInJSONIsTwoLinesASecond(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.views = &slow{ViewStore: p.views, takes: 100 * time.Millisecond}
		began := time.Now()
		p.types("rebuild start totals --ranges 16 --progress json" + yes)
		seconds := time.Since(began).Seconds()
		require.Greater(t, seconds, 0.5)
		require.LessOrEqual(t, strings.Count(p.text.String(), `"phase":"fold"`), int(2*seconds)+1)
	})
}

// told is a store that says when something was appended.
type told struct {
	memory
	then func()
}

func (s *told) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	c, err := s.memory.Append(ctx, w)
	if then := s.then; then != nil {
		s.then = nil
		then()
	}
	return c, err
}

func TestOfTwoRetiresOneIsTooLate(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.all("rebuild start totals --quiet"+yes, "rebuild switch totals --quiet"+named)
		p.store = &told{memory: p.store, then: func() { // it is recorded that the first one begins
			_, err := projection.Retire(t.Context(), p.views, "totals", projection.RetireOptions{Number: 1})
			require.NoError(t, err)
		}}
		require.Equal(t, terminal.Changed, p.types("rebuild retire totals"+named))
		require.Contains(t, p.text.String(), "generation 1 is retired already")
	})
}

func TestAFirstBuildHasNothingToBeComparedWith(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.next(1)
		p.order("1", "tea", 2, "")
		p.all("rebuild start totals"+yes, "rebuild", "rebuild start totals"+yes, "status", "status --check", "doctor", "projections totals", "ask total {\"item\":\"tea\"}", "rebuild switch totals"+named, "rebuild switch totals"+named)
		p.compare("rebuild-first")
	})
}

func TestASwitchOfARebuildThatIsPausedNamesHowToGoOn(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(projection.State) error { return nil })
		p.all("rebuild pause totals"+yes, "rebuild switch totals"+named, "rebuild diff totals --actor anna@ops --rate -1", "rebuild diff totals --actor anna@ops")
		p.compare("rebuild-standing")
	})
}

func TestAComparisonThatIsRefusedIsNotRecorded(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		require.Equal(t, terminal.NotThere, p.types("rebuild diff totals --actor anna@ops"), "there is no rebuild")
		p.other(func(projection.State) error { return nil })
		require.Equal(t, terminal.Refused, p.types("rebuild diff totals --actor anna@ops"), "it is not built yet")
		_, err := projection.CancelRebuild(t.Context(), p.views, "totals", 0)
		require.NoError(t, err)
		p.built(nil, "")
		p.mended = nil
		require.Equal(t, terminal.Refused, p.types("rebuild diff totals --actor anna@ops"), "another version has built it")
		require.Contains(t, p.text.String(), "it is built by version 2, and this program has version 1")
		head, err := p.store.Head(t.Context(), operator.ActivityStream)
		require.NoError(t, err)
		require.Zero(t, head.Version(), p.text.String())
	})
}
