package commands_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestASwitchIsRefusedWhereSomethingSpeaksAgainstIt(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.types("rebuild start totals" + yes)
		p.order("6", "tea", 0, "")
		p.sweep()
		p.beat(projection.Heartbeat{Frozen: []uint64{2}})
		p.note("a stream is parked, and a worker does not know version 2")
		require.Equal(t, terminal.Refused, p.types("rebuild switch totals"+named))
		p.all("rebuild switch totals --dry-run", "rebuild switch totals --json"+named, "projections totals", "rebuild switch totals --force --dry-run", "rebuild switch totals --force"+named, "activity --limit 2", "status",
			"rebuild rollback totals --dry-run", "rebuild rollback totals"+named, "rebuild diff totals", "status")
		p.compare("rebuild-refused")
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

func TestARebuildThatIsWrongIsComparedAsAWholeOrCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.env["LEFTFOLD_HINTS"] = "1"
		p.built(&projection.Compared{At: time.Now().UTC(), Against: 1, Equal: 3, Checked: 3, Wrong: 1, Full: true}, "")
		p.all("rebuild status totals", "rebuild switch totals"+named, "rebuild diff totals --actor anna@ops")
		p.compare("rebuild-wrong")
	})
}

func TestAComparisonOrAPauseOfARebuildThatIsRefusedIsNotRecorded(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		require.Equal(t, terminal.NotThere, p.types("rebuild diff totals --actor anna@ops"), "there is no rebuild")
		p.other(func(projection.State) error { return nil })
		require.Equal(t, terminal.Refused, p.types("rebuild diff totals --actor anna@ops"), "it is not built yet")
		_, err := projection.CancelRebuild(t.Context(), p.views, "totals", 0)
		require.NoError(t, err)
		p.built(nil, "")
		require.Equal(t, terminal.NotThere, p.types("rebuild pause totals"+yes), "it has come to its end")
		p.mended = nil
		require.Equal(t, terminal.Refused, p.types("rebuild diff totals --actor anna@ops"), "another version has built it")
		require.Contains(t, p.text.String(), "it is built by version 2, and this program has version 1")
		head, err := p.store.Head(t.Context(), operator.ActivityStream)
		require.NoError(t, err)
		require.Zero(t, head.Version(), p.text.String())
	})
}

func TestARollbackToAFrozenGenerationIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.beat(projection.Heartbeat{})
		p.all("rebuild start totals"+yes, "rebuild switch totals"+named)
		<-time.After(time.Hour)
		p.note("a program without version 1 is deployed")
		both := p.mended
		v := projection.Fold("totals", projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
			func(t *totalWithOrders, e projection.Event[ordered]) error { t.Count += e.Data.Count; return nil }))
		p.mended = projection.MustNew("totals", 2, registry, projection.Follow("order"), v)
		p.order("7", "tea", 5, "")
		p.sweep()
		require.NoError(t, p.views.Beat(t.Context(), projection.Heartbeat{Projection: "totals", Worker: "host/2", At: time.Now().UTC(), Frozen: []uint64{1}}))
		p.all("status", "status --check", "projections", "projections totals", "rebuild status totals", "rebuild rollback totals --dry-run")
		require.Equal(t, terminal.Refused, p.types("rebuild rollback totals"+named))
		p.note("and one with version 1 again")
		p.mended = both
		p.all("rebuild rollback totals"+named, "ask total {\"item\":\"tea\"}")
		p.compare("rebuild-frozen")
	})
}

func TestWhatWasConfirmedIsDoneOrNothingIs(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.width, p.env["NO_COLOR"] = 200, "1"
		meanwhile := func(happens string) { // another operator, while this one reads the plan
			p.answers = "totals\n"
			p.asked = func() {
				other := *p
				other.width, other.asked = 0, nil
				other.text.Reset()
				require.Equal(t, terminal.Done, other.types(happens), other.text.String())
				p.note("meanwhile: " + happens)
			}
		}
		const why = " --reason 'looked at by anna, bo' --actor anna@ops"
		p.types("rebuild start totals --quiet" + yes)
		meanwhile("rebuild cancel totals" + named)
		require.Equal(t, terminal.Changed, p.types("rebuild cancel totals"+why))
		p.types("rebuild start totals --quiet" + yes)
		meanwhile("rebuild switch totals" + named)
		require.Equal(t, terminal.Changed, p.types("rebuild switch totals"+why))
		meanwhile("rebuild rollback totals" + named)
		require.Equal(t, terminal.Changed, p.types("rebuild rollback totals"+why))
		meanwhile("rebuild retire totals" + named)
		require.Equal(t, terminal.Changed, p.types("rebuild retire totals"+why))
		p.width = 0
		p.all("rebuild status totals", "activity")
		p.compare("rebuild-changed")
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

func TestARetireThatIsGivenTwiceNamesTheGenerationThatItRetired(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.all("rebuild start totals --quiet"+yes, "rebuild switch totals --quiet"+named)
		<-time.After(time.Minute)
		p.all("rebuild start totals --quiet"+yes, "rebuild cancel totals --quiet"+named)
		<-time.After(time.Minute)
		for range 2 {
			require.Equal(t, terminal.Done, p.types("rebuild retire totals"+named))
		}
		require.Contains(t, p.text.String(), "generation 1 of totals is retired already")
	})
}
