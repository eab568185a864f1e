package sqliteviews_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// The test binary runs itself as another process: this variable names the file, and
// the worker that the process is.
const workerVariable = "LEFTFOLD_TEST_VIEWS_WORKER"

const (
	processes    = 2
	slicesOfEach = 80
)

func TestMain(m *testing.M) {
	if worker, path, isWorker := strings.Cut(os.Getenv(workerVariable), "="); isWorker {
		if err := work(worker, path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestProcessesApplyEachSliceOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	views := openAt(t, path)
	outputs := make([]bytes.Buffer, processes)
	var group sync.WaitGroup
	for i := range processes {
		group.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=worker-%d=%s", workerVariable, i, path))
			cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
			assert.NoError(t, cmd.Run(), "worker %d", i)
		})
	}
	group.Wait()
	applied := 0
	for i := range outputs {
		n, err := strconv.Atoi(strings.TrimSpace(outputs[i].String()))
		require.NoError(t, err, "worker %d said: %s", i, &outputs[i])
		applied += n
	}
	assert.Equal(t, slicesOfEach, applied, "each event of the stream that both work on was applied by one of them")

	all := read(t, views)
	require.Len(t, all.Rows, 2)
	assert.Equal(t, strconv.Itoa(processes*slicesOfEach), string(all.Rows[0].Content), "the row that both change")
	assert.Equal(t, strconv.Itoa(slicesOfEach), string(all.Rows[1].Content), "the row of the stream that both work on")
	require.Len(t, all.Checkpoints, processes+1)
	for _, c := range all.Checkpoints {
		assert.EqualValues(t, slicesOfEach, c.Version, c.Stream)
	}
}

// work is what a process does: it applies a stream of its own to a row that the
// others change too, and a stream that all of them apply. It prints how many events
// of that one went through here.
func work(worker, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // where the others never come
	defer cancel()
	views, err := sqliteviews.Open(ctx, path, sqliteviews.Options{})
	if err != nil {
		return err
	}
	applied := 0
	for i := range eventstore.Version(slicesOfEach) {
		err := inStep(ctx, views, i)
		for done := false; !done && err == nil; {
			done, err = count(ctx, views, "all", stream(worker), i)
		}
		if err == nil {
			var done bool
			if done, err = count(ctx, views, "each", ann, i); done {
				applied++
			}
		}
		if err != nil {
			return errors.Join(err, views.Close())
		}
	}
	fmt.Println(applied)
	return views.Close()
}

// inStep waits until every process has applied some events of its own stream. Left to
// themselves, one works until it is done while the other waits for the lock, and they
// never meet.
func inStep(ctx context.Context, views *sqliteviews.Views, at eventstore.Version) error {
	streams := make([]eventstore.StreamID, processes)
	for i := range streams {
		streams[i] = stream(fmt.Sprint("worker-", i))
	}
	for {
		found, err := views.Checkpoints(ctx, generation, streams)
		if err != nil || !slices.ContainsFunc(found, func(c projection.Checkpoint) bool { return c.Version < at }) {
			return err
		}
	}
}

// count applies the event of a stream behind a version: it adds one to a row. It
// reports false if another worker was there.
func count(ctx context.Context, views *sqliteviews.Views, partition string, s eventstore.StreamID, at eventstore.Version) (bool, error) {
	w := write(partition, 0, "")
	rows, err := views.Rows(ctx, generation, []projection.RowID{w.Row.ID})
	if err != nil {
		return false, err
	}
	n := 0
	w.Conditional = true
	if len(rows) == 1 {
		w.Expect = rows[0].Rev
		if n, err = strconv.Atoi(string(rows[0].Content)); err != nil {
			return false, err
		}
	}
	w.Row.Rev = eventstore.EventID{Stream: s, Version: at + 1}
	w.Row.Content = []byte(strconv.Itoa(n + 1))
	err = views.Apply(ctx, projection.Slice{Generation: generation,
		Moves: []projection.Move{{Stream: s, From: at, To: at + 1}}, Writes: []projection.RowWrite{w}})
	if errors.Is(err, projection.ErrChanged) {
		return false, nil
	}
	return err == nil, err
}
