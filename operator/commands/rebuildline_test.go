package commands_test

import (
	"context"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// sluggish is a store that takes its time for each commit that is read of all.
type sluggish struct {
	memory
	takes time.Duration
}

func (s sluggish) ReadAll(ctx context.Context, from eventstore.Cursor) iter.Seq2[eventstore.ScannedCommit, error] {
	return func(yield func(eventstore.ScannedCommit, error) bool) {
		for c, err := range s.memory.ReadAll(ctx, from) {
			<-time.After(s.takes)
			if !yield(c, err) {
				return
			}
		}
	}
}

// lines are those that were drawn over one another at the bottom.
func (p *program) lines() (all []string) {
	for line := range strings.Lines(p.text.String()) {
		if text, talk := strings.CutPrefix(line, "err: "); talk {
			for drawn := range strings.SplitSeq(text, "ESC[K") {
				all = append(all, drawn)
			}
		}
	}
	return all
}

func TestTheLineOfAFoldFitsATerminalAndCountsItsOwnPart(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.store, p.views = sluggish{p.store, time.Second}, &slow{ViewStore: p.views, takes: 2 * time.Second}
		p.width, p.env["NO_COLOR"] = 80, "1"
		require.Equal(t, terminal.Done, p.types("rebuild start totals --ranges 4"+yes))
		parts := map[string]bool{}
		for _, line := range p.lines() {
			if strings.HasPrefix(line, "fold  ") {
				assert.NotContains(t, line, "…")
				assert.Contains(t, line, "^C pauses")
				parts[regexp.MustCompile(`part \d of \d`).FindString(line)] = true
			}
		}
		assert.Equal(t, map[string]bool{"part 1 of 4": true, "part 2 of 4": true, "part 3 of 4": true, "part 4 of 4": true}, parts)
		p.width = 60
		p.text.Reset()
		p.types("rebuild cancel totals --quiet" + named)
		require.Equal(t, terminal.Done, p.types("rebuild start totals --ranges 4"+yes))
		assert.Contains(t, p.text.String(), "fold        62%  part 3 of 4  left 11–19 s   ^C pauses")
	})
}

func TestTheRateOfAFoldIsThatOfThePartOnItsWay(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.store = sluggish{p.store, 100 * time.Millisecond}
		p.width, p.env["NO_COLOR"] = 200, "1"
		p.types("rebuild start totals --ranges 4" + yes)
		var rates []string
		for _, line := range p.lines() {
			if strings.HasPrefix(line, "fold  ") && strings.Contains(line, "2/4 events") {
				rates = append(rates, regexp.MustCompile(`[^ ]+/s`).FindString(line))
			}
		}
		require.Greater(t, len(rates), 3)
		assert.Equal(t, []string{"20/s"}, slices.Compact(rates[len(rates)-3:]), "the other parts take as long as the first: two events in a tenth of a second")
	})
}

func TestProgressInJSONLeavesOutWhatIsNotKnown(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.types("rebuild start totals --dry-run --progress json")
		assert.Contains(t, p.text.String(), `"phase":"fold"`)
		assert.NotContains(t, p.text.String(), `"progress":{"generation"`)
		p.types("rebuild start totals --progress json" + yes)
		for line := range strings.Lines(p.text.String()) {
			if strings.Contains(line, `"phase":"fold"`) {
				assert.NotContains(t, line, `"streams":`)
			}
		}
	})
}

func TestADryRunOfARebuildThatIsQuietSaysItInALine(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		require.Equal(t, terminal.Done, p.types("rebuild start totals --dry-run -q"))
		assert.Contains(t, p.text.String(), "out: totals generation 2: 3 streams, 4 events; 3 rows, 3 checkpoints\nexit 0")
		p.text.Reset()
		p.order("4", "cup", -7, "")
		require.Equal(t, terminal.CheckFailed, p.types("rebuild start totals --dry-run -q"))
		assert.Contains(t, p.text.String(), "out: totals generation 2: fails: fold of generation 2 of totals at order-4@1")
	})
}

func TestARebuildThatIsReadyIsDone(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.types("rebuild start totals --quiet" + yes)
		p.text.Reset()
		p.types("rebuild status totals --json")
		assert.Contains(t, p.text.String(), `"condition":"ready","phase":"catch-up"`)
		assert.Contains(t, p.text.String(), `"done":1,"filled":1`)
	})
}

func TestTheStatusOfARebuildSaysThatItsProjectionIsPaused(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.env["LEFTFOLD_HINTS"] = "1"
		p.other(func(projection.State) error { return nil })
		<-time.After(time.Hour)
		p.all("pause totals --quiet"+yes, "rebuild status totals", "rebuild status totals --json")
		assert.Contains(t, p.text.String(), "out: paused        since 2000-01-01T01:01:00Z by anna@ops: large orders, ADR-14\n")
		assert.Contains(t, p.text.String(), `"paused":{"since":`)
		assert.Contains(t, p.text.String(), "next: orders resume totals --reason")
	})
}
