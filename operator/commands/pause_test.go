package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestAProjectionIsPausedAndResumed(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.types("pause totals --yes --reason 'a spare part is missing'")
		p.fill()
		const because = " --actor anna@ops --reason 'the table is restored'"
		for _, line := range []string{"resume totals --yes" + because, "pause totals --dry-run", "pause stats --yes" + because, "pause totals" + because, "pause totals --yes" + because,
			"pause totals --yes" + because, "status", "status --check", "projections totals"} {
			p.types(line)
		}
		p.note("what is stored now is dropped, and what acts is refused")
		p.order("6", "tea", 1, "")
		p.sweep()
		for _, line := range []string{"parked retry totals order-3 --yes" + because, "parked skip totals order-4@1 --confirm order-4@1" + because, "sweep totals --yes" + because, "parked try totals --quiet"} {
			p.types(line)
		}
		p.note("workers have reported just now")
		p.types("resume totals --dry-run")
		<-time.After(2 * time.Minute)
		p.note("no worker has reported for a while")
		for _, line := range []string{"resume totals --dry-run --json", "resume totals --yes" + because, "resume totals --yes" + because, "status", "ask total '{\"item\":\"tea\"}' --json", "activity"} {
			p.types(line)
		}
		p.compare("pause")
	})
}

func TestWorkersSweepWhatIsResumedWhereThereAreSome(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		const because = " --actor anna@ops --reason 'the table is restored'"
		p.types("pause totals --yes --json" + because)
		p.beat(projection.Heartbeat{})
		require.Equal(t, terminal.Done, p.types("resume totals --yes --json"+because))
		p.types("resume totals --yes" + because)
		p.sweep()
		p.types("resume totals --yes --json" + because)
		p.compare("resume")
	})
}

func TestAReasonDoesNothingToTheTerminalOfWhoLooks(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.types("pause totals --yes --reason 'it is\x1b[2J late\n● everything is live'")
		for _, line := range []string{"status", "projections totals", "activity", "status --json"} {
			p.text.Reset()
			p.types(line)
			require.NotContains(t, p.text.String(), "ESC", line)
			require.NotContains(t, p.text.String(), "out: ● everything", line)
			require.Contains(t, p.text.String(), `\u001b[2J`, line)
		}
	})
}
