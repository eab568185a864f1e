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

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

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

func TestARebuildShowsHowFarItIs(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.views = &slow{ViewStore: p.views, takes: 2 * time.Second}
		p.types("rebuild start totals --ranges 8" + yes)
		p.types("rebuild cancel totals" + named)
		p.note("on a terminal")
		p.width, p.env["NO_COLOR"] = 110, "1"
		p.types("rebuild start totals --ranges 8" + yes)
		p.compare("rebuild-progress")
		assert.Contains(t, p.text.String(), "^C pauses")
	})
}

func TestProgressIsTalkedInJSONToWhoAsksForIt(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.views = &slow{ViewStore: p.views, takes: 2 * time.Second}
		p.types("rebuild start totals --ranges 8 --progress json" + yes)
		var last projection.RebuildProgress
		phases := map[projection.Phase]int{}
		for line := range strings.Lines(p.text.String()) {
			if text, ok := strings.CutPrefix(line, "err: {"); ok {
				var answer struct{ Progress projection.RebuildProgress }
				require.NoError(t, json.Unmarshal([]byte("{"+text), &answer))
				last = answer.Progress
				phases[last.Phase]++
			}
		}
		require.Greater(t, phases[projection.PhaseFold], 4, "one for each row at the least")
		require.Less(t, phases[projection.PhaseFold], 2*2*8, "and no more than two a second")
		require.Contains(t, p.text.String(), `"took_seconds":2`)
		require.NotContains(t, p.text.String(), `"took":`)
		require.EqualValues(t, 4, last.Applied)
		require.Equal(t, terminal.WrongUse, p.types("rebuild start totals --progress xml"+yes))
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

func TestAStatusSaysThatARebuildIsCompared(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.env["LEFTFOLD_HINTS"] = "1"
		p.built(nil, "host/9")
		require.NoError(t, p.views.Beat(t.Context(), projection.Heartbeat{Projection: "totals", Worker: "rebuild host/9", Coordinator: "host/9", At: time.Now().UTC(),
			Rebuild: &projection.RebuildProgress{Generation: 2, Phase: projection.PhaseCompare, Events: 3, EventsOf: 4, Left: projection.Span{Least: time.Second, Most: 3 * time.Second}}}))
		p.all("rebuild status totals", "rebuild status --json", "status")
		<-time.After(20 * time.Second)
		p.note("it was killed")
		p.types("rebuild status totals")
		p.compare("rebuild-compared")
	})
}
