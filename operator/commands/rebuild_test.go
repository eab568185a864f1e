package commands_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// next lets the program carry version 2 of the totals beside version 1: it counts orders too,
// and an order of less than none is goods that came back.
func (p *program) next(worst int) {
	p.Helper()
	v := projection.Fold("totals", projection.On(func(e projection.Event[ordered]) projection.Key { return projection.KeyOf(e.Data.Item) },
		func(t *totalWithOrders, e projection.Event[ordered]) error {
			if e.Data.Count < worst {
				return fmt.Errorf("count: %d of %q is not to be believed", e.Data.Count, e.Data.Item)
			}
			t.Count += e.Data.Count
			if e.Data.Count > 100 {
				t.Large++
			}
			return nil
		}))
	shows := projection.Shows(v, p.view, func(t total) totalWithOrders { return totalWithOrders{Count: t.Count} })
	p.mended = projection.MustNew("totals", 2, registry, projection.Follow("order"), projection.Replaces(p.totals, shows), v)
}

type totalWithOrders struct {
	Count int `json:"count"`
	Large int `json:"large,omitempty"`
}

const yes = " --yes --reason 'large orders, ADR-14' --actor anna@ops"

const named = " --confirm totals --reason 'looked at by anna, bo' --actor anna@ops"

func (p *program) all(lines ...string) {
	p.Helper()
	for _, line := range lines {
		p.types(line)
	}
}

// filled is a store whose version 1 has no trouble, and a program that carries version 2.
func (p *program) filled() {
	p.Helper()
	p.order("1", "tea", 2, "")
	p.order("2", "mug", 1, "")
	p.order("2", "tea", 1500, "")
	p.order("3", "cup", 4, "")
	p.sweep()
	p.next(1)
	<-time.After(time.Minute)
}

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

// slow is a view store that takes its time to fill, and says when it does.
type slow struct {
	projection.ViewStore
	takes time.Duration
	fills atomic.Int32
	then  func(n int)
}

func (s *slow) Fill(ctx context.Context, g projection.GenerationID, f projection.Filling) error {
	<-time.After(s.takes)
	if s.then != nil {
		s.then(int(s.fills.Add(1)))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.ViewStore.Fill(ctx, g, f)
}

func TestARebuildThatIsInterruptedIsPausedAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		ctx, cancel := context.WithCancelCause(t.Context())
		p.views, p.ctx = &slow{ViewStore: views, then: func(n int) {
			if n == 5 {
				cancel(context.Canceled)
			}
		}}, ctx
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals --ranges 16"+yes))
		p.views, p.ctx = views, nil
		p.all("rebuild status totals", "rebuild", "rebuild start totals"+yes, "rebuild pause totals"+yes, "rebuild resume totals --dry-run", "rebuild resume totals --ranges 16"+yes, "activity")
		p.compare("rebuild-interrupted")
	})
}

func TestARebuildThatSomebodyPausesOrCancelsEnds(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		p.views = &slow{ViewStore: views, takes: time.Second, then: func(n int) {
			if n == 5 {
				require.NoError(t, projection.PauseRebuild(t.Context(), views, "totals"))
			}
		}}
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals --ranges 16"+yes))
		p.views = &slow{ViewStore: views, takes: time.Second, then: func(n int) {
			if n == 1 {
				_, err := projection.CancelRebuild(t.Context(), views, "totals", 0)
				require.NoError(t, err)
			}
		}}
		require.Equal(t, terminal.NotThere, p.types("rebuild resume totals --json --ranges 16"+yes))
		p.views = views
		p.all("rebuild status totals", "rebuild start totals --dry-run", "rebuild start totals"+yes, "rebuild cancel totals --dry-run", "rebuild cancel totals", "rebuild cancel totals --yes", "rebuild cancel totals"+named, "rebuild cancel totals"+named, "rebuild status totals", "ask total {\"item\":\"tea\"}", "activity")
		p.compare("rebuild-paused")
	})
}

// other lets another coordinator work on a rebuild, which ends without a word.
func (p *program) other(then func(projection.State) error) {
	p.Helper()
	r, err := projection.NewRebuilder(p.store, p.views, p.code(), projection.RebuildOptions{Name: "host/9", Build: "orders@2"})
	require.NoError(p, err)
	_, err = r.Start(p.Context(), projection.StartOptions{By: "bo@ops", Reason: "large orders"})
	require.NoError(p, err)
	s, err := p.views.State(p.Context(), "totals")
	require.NoError(p, err)
	s.Rebuilding().Rebuild.Coordinator = "host/9"
	require.NoError(p, then(s))
}

func TestAStartFollowsAnotherCoordinatorAndTakesOverWhereItFallsSilent(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(s projection.State) error {
			_, err := p.views.PutState(t.Context(), s)
			return err
		})
		require.NoError(t, p.views.Beat(t.Context(), projection.Heartbeat{Projection: "totals", Worker: "rebuild host/9", Coordinator: "host/9", At: time.Now().UTC(),
			Rebuild: &projection.RebuildProgress{Generation: 2, Phase: projection.PhaseHeads, Streams: 3, Events: 4, Took: time.Second}}))
		p.all("rebuild status totals", "projections totals", "status")
		<-time.After(10 * time.Second)
		began := time.Now()
		p.types("rebuild start totals" + yes)
		require.Equal(t, 16*time.Second, time.Since(began))
		p.types("activity")
		p.compare("rebuild-second")
	})
}

func TestWhoFollowsAndIsInterruptedLeavesTheOtherAlone(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(s projection.State) error {
			_, err := p.views.PutState(t.Context(), s)
			return err
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, context.Canceled)
		defer cancel()
		p.ctx = ctx
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals"+yes))
		p.ctx = nil
		<-time.After(20 * time.Second)
		p.all("rebuild status totals", "rebuild resume totals --take-over"+yes)
		p.compare("rebuild-follower")
	})
}

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

// built is a rebuild that another coordinator has come to the end of.
func (p *program) built(compared *projection.Compared, coordinator string) {
	p.Helper()
	p.other(func(s projection.State) error {
		b := s.Rebuilding().Rebuild
		b.Phase, b.Swept, b.Coordinator, b.Compared = projection.PhaseCatchUp, time.Now().UTC(), coordinator, compared
		_, err := p.views.PutState(p.Context(), s)
		return err
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

func TestARebuildThatIsWrongIsComparedAsAWholeOrCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.env["LEFTFOLD_HINTS"] = "1"
		p.built(&projection.Compared{At: time.Now().UTC(), Against: 1, Equal: 3, Checked: 3, Wrong: 1, Full: true}, "")
		p.all("rebuild status totals", "rebuild switch totals"+named, "rebuild diff totals --actor anna@ops")
		p.compare("rebuild-wrong")
	})
}

// stopped is a view store that ends a context while a state is put.
type stopped struct {
	projection.ViewStore
	stop context.CancelCauseFunc
}

func (s stopped) PutState(ctx context.Context, _ projection.State) (projection.State, error) {
	s.stop(context.Canceled)
	return projection.State{}, context.Cause(ctx)
}

func TestARebuildEndsWithWhatToTypeNext(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		views := p.views
		p.note("interrupted before it was stored")
		ctx, cancel := context.WithCancelCause(t.Context())
		p.views, p.ctx = stopped{views, cancel}, ctx
		require.Equal(t, terminal.Interrupted, p.types("rebuild start totals"+yes))
		p.note("the projection is paused meanwhile")
		p.ctx, p.views = nil, &slow{ViewStore: views, then: func(n int) {
			if n == 1 {
				require.NoError(t, projection.Pause(t.Context(), views, "totals", projection.Paused{By: "bo@ops"}))
			}
		}}
		require.Equal(t, terminal.Refused, p.types("rebuild start totals"+yes))
		p.all("rebuild status totals", "rebuild resume totals"+yes, "resume totals"+yes, "rebuild resume totals --quiet"+yes)
		p.compare("rebuild-next")
	})
}

func TestARebuildThatIsResumedIsHeardOfAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.filled()
		p.other(func(projection.State) error { return nil })
		<-time.After(time.Hour)
		views, status := p.views, ""
		p.views = &slow{ViewStore: views, then: func(n int) {
			if n == 1 {
				other := *p
				other.views = views
				other.text.Reset()
				other.types("rebuild status totals")
				status = other.text.String()
			}
		}}
		require.Equal(t, terminal.Done, p.types("rebuild resume totals"+yes))
		assert.Contains(t, status, "rebuild       ◐ running")
		assert.Contains(t, status, "heard 0.0 s ago")
	})
}
