package projection_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// interrupted is a view store whose writes fail from some number on.
type interrupted struct {
	projection.ViewStore
	left int
}

func (i *interrupted) spend() error {
	if i.left--; i.left < 0 {
		return errors.New("interrupted")
	}
	return nil
}

func (i *interrupted) Apply(ctx context.Context, s projection.Slice) error {
	if err := i.spend(); err != nil {
		return err
	}
	return i.ViewStore.Apply(ctx, s)
}

func (i *interrupted) Park(ctx context.Context, g projection.GenerationID, stream eventstore.StreamID, at eventstore.Version, p *projection.Parked) error {
	if err := i.spend(); err != nil {
		return err
	}
	return i.ViewStore.Park(ctx, g, stream, at, p)
}

func (i *interrupted) PutState(ctx context.Context, s projection.State) (projection.State, error) {
	if err := i.spend(); err != nil {
		return s, err
	}
	return i.ViewStore.PutState(ctx, s)
}

func TestASkipThatIsInterruptedAnywhereIsFinishedByWhoeverComesNext(t *testing.T) {
	t.Parallel()
	finish := map[string]func(*testing.T, *world, *projection.Engine){
		"an announcement": func(t *testing.T, w *world, e *projection.Engine) {
			require.Empty(t, handle(t.Context(), e, w.append(t, "user-bad", Ignored{})))
		},
		"a sweep": func(t *testing.T, _ *world, e *projection.Engine) {
			_, err := e.Sweep(t.Context(), nil)
			require.NoError(t, err)
		},
		"a retry": func(t *testing.T, _ *world, e *projection.Engine) {
			require.NoError(t, e.Retry(t.Context(), "counters", streamID(t, "user-bad")))
		},
		"the same skip": func(t *testing.T, _ *world, e *projection.Engine) {
			require.NoError(t, e.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
		},
	}
	for who, run := range finish {
		for writes := 1; writes <= 3; writes++ { // the mark, the state, the slice; then the left-over record
			t.Run(fmt.Sprintf("%s, after %d writes", who, writes), func(t *testing.T) {
				t.Parallel()
				w, _ := parkedWorld(t)
				operator, err := projection.NewEngine(w.store, &interrupted{w.views, writes}, projection.Options{}, w.p)
				require.NoError(t, err)
				require.Error(t, operator.Skip(t.Context(), "counters", eventID(t, "user-bad@2")))
				w.broken = failOn(0, nil) // the code is fixed: it is too late to apply the event
				run(t, w, w.engine(t))
				require.Equal(t, []string{"x=1101"}, w.rows(t))
				require.Nil(t, w.checkpoint(t, "user-bad").Parked)
				require.Equal(t, []string{"user-bad@2"}, w.skips(t))
			})
		}
	}
}
