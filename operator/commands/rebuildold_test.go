package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestAProgramThatIsTooOldIsRefusedInOneWay(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		newer := p.mended
		old := func(note string) {
			t.Helper()
			p.mended = nil
			p.note(note)
			for _, line := range []string{"rebuild start totals" + yes, "rebuild start totals --dry-run", "rebuild resume totals" + yes, "rebuild diff totals --actor anna@ops", "rebuild switch totals" + named} {
				require.Equal(t, terminal.Refused, p.types(line))
			}
			p.mended = newer
		}
		p.other(func(projection.State) error { return nil })
		old("nobody works on the rebuild")
		p.types("rebuild resume totals --quiet" + yes)
		old("it is ready")
		p.types("activity")
		p.types("rebuild switch totals --quiet" + named)
		p.note("readers use it")
		p.mended = nil
		require.Equal(t, terminal.Refused, p.types("rebuild start totals"+yes))
		p.compare("rebuild-too-old")
	})
}
