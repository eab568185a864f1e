package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestAStartOfARebuildThatIsPausedIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(projection.State) error { return nil })
		p.types("rebuild pause totals --quiet" + yes)
		require.Equal(t, terminal.Refused, p.types("rebuild start totals"+yes))
		require.Equal(t, terminal.Refused, p.types("rebuild start totals --json"+yes))
		require.Equal(t, terminal.Refused, p.types("rebuild start totals --dry-run"))
		require.Equal(t, terminal.Refused, p.types("rebuild start totals --dry-run --json"))
		p.types("activity")
		p.note("what is ready is done already")
		p.types("rebuild resume totals --quiet" + yes)
		require.Equal(t, terminal.Done, p.types("rebuild start totals"+yes))
		p.compare("rebuild-start-paused")
	})
}
