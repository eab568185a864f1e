package sqlitefile

import (
	"context"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var errJob = errors.New("the job does not like it")

func TestJobsThatWaitShareOneTransaction(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		commits := 0
		onCommit(t, f, func() bool { commits++; return false })
		release := hold(f)
		var calls []call
		for n := range 50 {
			calls = append(calls, start(t.Context(), f, insert(n)))
		}
		release()
		for _, c := range calls {
			assert.NoError(t, <-c.answer)
		}
		assert.Len(t, numbers(t, f), 50)
		assert.Equal(t, 2, commits, "one of the job that held the writer, one of the others")
	})
}

func TestNobodyIsAnsweredBeforeTheGroupIsDurable(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		release := hold(f)
		first := start(t.Context(), f, insert(1))
		refused := start(t.Context(), f, func(*Tx) error { return Refuse(errJob) })
		gate := make(chan struct{})
		last := start(t.Context(), f, func(*Tx) error { <-gate; return nil })
		release()
		assert.Empty(t, first.answer)
		assert.Empty(t, refused.answer)
		close(gate)
		assert.NoError(t, <-first.answer)
		assert.Equal(t, errJob, <-refused.answer)
		assert.NoError(t, <-last.answer)
	})
}

func TestARefusalThatWroteNothingIsItsMembersAlone(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		runs := 0
		release := hold(f)
		before := start(t.Context(), f, func(tx *Tx) error { runs++; return insert(1)(tx) })
		refused := start(t.Context(), f, func(*Tx) error { return Refuse(errJob) })
		behind := start(t.Context(), f, insert(2))
		release()
		assert.NoError(t, <-before.answer)
		assert.Equal(t, errJob, <-refused.answer, "the reason itself")
		assert.NoError(t, <-behind.answer)
		assert.Equal(t, []int{1, 2}, numbers(t, f))
		assert.Equal(t, 1, runs, "nobody was tried again")
	})
}

func TestAnyOtherEndOfAJobLeavesNothingOfItAndTheOthersWhole(t *testing.T) {
	for name, test := range map[string]struct {
		job     Job
		message string
	}{
		"an error": {func(tx *Tx) error { _ = insert(3)(tx); return errJob },
			"test PATH: the job does not like it"},
		"a refusal after a write": {func(tx *Tx) error { _ = insert(3)(tx); return Refuse(errJob) },
			"the job does not like it"},
		"a statement that fails": {func(tx *Tx) error { _ = insert(3)(tx); return insert(3)(tx) },
			"test PATH: constraint failed: UNIQUE constraint failed: numbers.n (1555)"},
		"a panic": {func(tx *Tx) error { _ = insert(3)(tx); panic("out of luck") },
			"test PATH: a write panicked: out of luck"},
		"a roll back of its own": {func(tx *Tx) error { _ = insert(3)(tx); _, _ = tx.Exec("ROLLBACK"); return nil },
			"test PATH: SQLite rolled the transaction back"},
		"a write after that": {func(tx *Tx) error { _, _ = tx.Exec("ROLLBACK"); return insert(3)(tx) },
			"test PATH: SQLite has rolled the transaction back"},
		"a read after that": {func(tx *Tx) error {
			_, _ = tx.Exec("ROLLBACK")
			_, err := tx.QueryRow("SELECT 1")
			return err
		}, "test PATH: SQLite has rolled the transaction back"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, f *File) {
				release := hold(f)
				before := start(t.Context(), f, insert(1))
				bad := start(t.Context(), f, test.job)
				behind := start(t.Context(), f, insert(2))
				release()
				assert.NoError(t, <-before.answer)
				err := <-bad.answer
				assert.EqualError(t, err, replace(test.message, f.Path()))
				assert.NotErrorIs(t, err, ErrUnknown)
				assert.NoError(t, <-behind.answer)
				assert.Equal(t, []int{1, 2}, numbers(t, f))
			})
		})
	}
}

// panicking is an argument that can not be converted.
type panicking struct{}

func (panicking) Value() (driver.Value, error) { panic("no value") }

func TestAnArgumentThatPanicsDoesNotCostTheOthersTheirConnection(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		write := func(arg any) error {
			return f.Do(t.Context(), "test", func(tx *Tx) error {
				_, err := tx.Exec("INSERT INTO numbers VALUES (?)", arg)
				return err
			})
		}
		require.NoError(t, write(1))
		assert.EqualError(t, write(panicking{}), replace("test PATH: a write panicked: no value", f.Path()))
		assert.ErrorContains(t, write(struct{}{}), "unsupported type struct {}")
		require.NoError(t, write(2))
		assert.Equal(t, []int{1, 2}, numbers(t, f))
	})
}

func TestWhatAConditionalWriteHasDoneIsTakenBackWhenItIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		runs := 0
		release := hold(f)
		before := start(t.Context(), f, func(tx *Tx) error { runs++; return insert(1)(tx) })
		refused := start(t.Context(), f, func(tx *Tx) error {
			return tx.Conditionally(func() error { return errors.Join(insert(2)(tx), Refuse(errJob)) })
		})
		accepted := start(t.Context(), f, func(tx *Tx) error { return tx.Conditionally(func() error { return insert(3)(tx) }) })
		afterOwn := start(t.Context(), f, func(tx *Tx) error {
			_ = insert(4)(tx)
			return tx.Conditionally(func() error { return Refuse(errJob) })
		})
		release()
		assert.NoError(t, <-before.answer)
		assert.Equal(t, errJob, <-refused.answer)
		assert.NoError(t, <-accepted.answer)
		assert.Equal(t, errJob, <-afterOwn.answer)
		assert.Equal(t, []int{1, 3}, numbers(t, f), "nor is what stood before the condition")
		assert.Equal(t, 2, runs, "only the one that wrote outside ended its group")
	})
}

func TestACommitThatFailsIsAnUnknownOutcomeForTheWholeGroup(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		fail := true
		onCommit(t, f, func() bool { return fail })
		release := hold(f)
		one, two := start(t.Context(), f, insert(1)), start(t.Context(), f, insert(2))
		refused := start(t.Context(), f, func(*Tx) error { return Refuse(errJob) })
		release()
		for _, c := range []call{one, two, refused} {
			err := <-c.answer
			assert.ErrorIs(t, err, ErrUnknown, "also what a refusal saw may not be so")
			assert.Equal(t, "send the same command again", eventstore.Hint(err))
		}
		fail = false
		require.NoError(t, f.Do(t.Context(), "test", insert(3)))
		assert.Equal(t, []int{3}, numbers(t, f))
	})
}

func TestTheEndOfAContext(t *testing.T) {
	bubble(t, func(t *testing.T, f *File) {
		release := hold(f)
		ctx, cancel := context.WithCancelCause(t.Context())
		waiting := start(ctx, f, insert(1))
		cancel(errJob)
		synctest.Wait()
		assert.Equal(t, errJob, <-waiting.answer, "at once, and it will not run")
		assert.Equal(t, errJob, f.Do(ctx, "test", insert(2)), "nor does one that comes later")

		ctx, cancel = context.WithCancelCause(t.Context())
		gate := make(chan struct{})
		begun := start(ctx, f, func(tx *Tx) error { <-gate; return insert(3)(tx) })
		other := start(t.Context(), f, insert(4))
		release()
		cancel(errJob)
		err := <-begun.answer
		assert.ErrorIs(t, err, ErrUnknown)
		assert.ErrorIs(t, err, errJob)
		close(gate)
		assert.NoError(t, <-other.answer)
		assert.Equal(t, []int{3, 4}, numbers(t, f))
	})
}

func TestAnAnswerThatIsThereIsPreferredToTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	for range 200 {
		w := &writer{requests: make(chan *request, 1), closing: make(chan struct{}), ended: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			r := <-w.requests
			r.state.Store(int32(begun))
			r.done <- nil
			cancel()
		}()
		require.NoError(t, w.do(ctx, nil))
	}
}

func TestCloseAnswersEverybody(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		f, err := Open(t.Context(), path, Options{})
		require.NoError(t, err)
		release := hold(f)
		var calls []call
		for range mostWaiting + 10 { // the last ones have not even a place to wait
			calls = append(calls, start(t.Context(), f, func(*Tx) error { return nil }))
		}
		closed := make(chan error, 1)
		go func() { closed <- f.Close() }()
		synctest.Wait()
		release()
		require.NoError(t, <-closed)
		for _, c := range calls {
			assert.Equal(t, eventstore.ErrClosed, <-c.answer)
		}
		assert.Equal(t, eventstore.ErrClosed, f.Do(t.Context(), "test", insert(1)))
		_, err = f.Query(t.Context(), "read", "SELECT 1")
		assert.EqualError(t, err, "read "+path+": store is closed")
	})
}
