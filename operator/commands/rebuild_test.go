package commands_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestARebuildFromItsPlanToItsRollback(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.all("rebuild", "rebuild status totals", "rebuild start totals --dry-run", "rebuild start totals --dry-run --json", "rebuild start totals", "rebuild start totals --compare some", "rebuild start totals --ranges 0",
			"rebuild start totals --compare full"+yes, "rebuild status totals", "rebuild", "rebuild status --json", "status", "projections totals", "projections",
			"rebuild start totals"+yes, "rebuild resume totals"+yes, "rebuild diff totals --actor bo@ops", "rebuild diff totals --samples 1 --json --reason 'before the switch' --actor bo@ops", "rebuild diff totals --reason no", "rebuild diff totals --samples 0",
			"rebuild switch totals --dry-run", "rebuild switch totals", "rebuild switch totals --confirm tea --reason 'looked at it'", "rebuild switch totals"+named,
			"rebuild switch totals"+named, "rebuild switch totals --json"+named, "rebuild status totals", "status --check", "rebuild diff totals", "rebuild rollback totals --dry-run", "rebuild rollback totals"+named, "rebuild rollback totals"+named,
			"rebuild status totals --json", "rebuild switch totals --json"+named, "rebuild retire totals --generation 7"+named, "rebuild retire totals --dry-run", "rebuild retire totals"+named, "rebuild retire totals"+named,
			"rebuild status totals", "projections totals", "activity", "activity --limit 1 --json")
		p.compare("rebuild")
	})
}

func TestHintsOfARebuildNameWhatCanBeTyped(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.env["LEFTFOLD_HINTS"] = "1"
		p.next(1)
		p.others = []projection.Consumer{projection.MustNewReaction("mails", registry, projection.Follow("order"),
			projection.React(func(context.Context, projection.Event[ordered]) error { return nil }))}
		p.order("1", "tea", 2, "")
		_ = p.engine() // of a worker that begins
		p.note("workers build the first generation")
		p.all("rebuild", "rebuild status totals", "rebuild start totals --dry-run", "rebuild start totals"+yes, "rebuild resume totals"+yes, "rebuild pause totals"+yes, "rebuild cancel totals"+named, "rebuild switch totals"+named, "rebuild diff totals --actor anna@ops")
		p.sweep()
		p.note("nothing of that name, and nothing to go to")
		for _, verb := range []string{"start", "pause", "resume", "cancel", "diff", "switch", "rollback", "retire"} {
			p.types("rebuild " + verb + " stats --reason 'large orders'")
			p.types("rebuild " + verb + " mails --reason 'large orders'")
		}
		p.all("rebuild switch totals"+named, "rebuild rollback totals"+named)
		p.note("paused")
		p.all("pause totals"+yes, "pause totals --dry-run", "rebuild start totals --dry-run", "rebuild start totals"+yes, "rebuild resume totals"+yes, "resume totals"+yes, "resume totals --dry-run")
		p.note("rolled back")
		p.all("rebuild start totals --quiet"+yes, "rebuild start totals --dry-run", "rebuild switch totals"+named, "rebuild rollback totals"+named, "rebuild status totals")
		p.compare("rebuild-hints")
	})
}

func TestARebuildOnAnEmptyStore(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.next(1)
		p.all("rebuild start totals --dry-run", "rebuild pause totals"+yes, "rebuild resume totals"+yes, "rebuild cancel totals"+named, "rebuild diff totals", "rebuild switch totals"+named, "rebuild rollback totals"+named,
			"rebuild retire totals"+named, "rebuild status stats", "rebuild start stats"+yes, "rebuild start totals"+yes, "rebuild switch totals"+named, "rebuild status totals")
		p.compare("rebuild-empty")
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

func TestARebuildThatFailsAtAnEventGoesOnOnceTheCodeIsMended(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.order("4", "cup", -7, "")
		p.all("rebuild start totals --dry-run")
		require.Equal(t, terminal.Failed, p.types("rebuild start totals"+yes))
		p.all("rebuild status totals", "rebuild", "status", "rebuild start totals --json"+yes, "rebuild switch totals --dry-run", "rebuild switch totals --force"+named)
		p.note("the code is mended")
		p.next(-9)
		p.all("rebuild resume totals"+yes, "rebuild status totals", "activity")
		p.compare("rebuild-fails")
	})
}

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
