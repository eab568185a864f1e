package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestWhatAProgramOfBeforeWouldBreakForItselfIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.env["LEFTFOLD_HINTS"] = "1"
		newer := p.mended
		p.types("rebuild start totals --quiet" + yes)
		p.note("the program of before, which carries version 1 alone")
		p.mended = nil
		require.Equal(t, terminal.Refused, p.types("rebuild switch totals"+named))
		p.all("rebuild switch totals --force --dry-run")
		p.note("the new one, while a worker of before runs")
		p.mended = newer
		p.all("rebuild switch totals --quiet" + named)
		p.beat(projection.Heartbeat{Frozen: []uint64{2}})
		require.Equal(t, terminal.Refused, p.types("rebuild retire totals"+named))
		p.all("rebuild retire totals --dry-run", "rebuild retire totals --json"+named)
		p.note("the worker has ended; the program of before again")
		p.beat(projection.Heartbeat{Frozen: []uint64{2}, Ended: true})
		p.mended = nil
		require.Equal(t, terminal.Refused, p.types("rebuild retire totals"+named))
		p.all("rebuild retire totals --force --dry-run", "rebuild retire totals --force"+named, "activity --limit 1")
		p.note("a worker of the new one runs")
		p.beat(projection.Heartbeat{})
		p.all("status", "projections totals")
		require.Equal(t, terminal.CheckFailed, p.types("status --check"))
		p.note("only a worker of the program of before")
		p.beat(projection.Heartbeat{Frozen: []uint64{2}})
		p.types("status")
		require.Equal(t, terminal.CheckFailed, p.types("status --check"))
		p.note("the new one, and its worker")
		p.beat(projection.Heartbeat{})
		p.mended = newer
		p.all("status", "status --check")
		p.compare("rebuild-before")
	})
}

func TestASwitchThatIsToBeSweptInAPauseNamesTheCommandThatEndsIt(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.all("rebuild start totals --quiet"+yes, "rebuild switch totals --quiet"+named, "rebuild rollback totals --quiet"+named)
		<-time.After(2 * time.Hour)
		p.types("pause totals --quiet" + yes)
		require.Equal(t, terminal.Refused, p.types("rebuild switch totals --force"+named))
		p.compare("rebuild-unswept")
	})
}
