package main

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

func TestRetriesThatAreInterruptedAreNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	views := memviews.New(memviews.Options{})
	engine, err := projection.NewEngine(memstore.New(), views, projection.Options{}, GuestsV1)
	require.NoError(t, err)
	require.ErrorIs(t, engine.Prepare(ctx), context.Canceled)
	assert.NoError(t, retryParked(ctx, engine, views, slog.New(slog.DiscardHandler)))
}

// interrupting is a log that ends a context at the first stream which is still parked.
type interrupting struct {
	logText
	cancel context.CancelFunc
}

func (l *interrupting) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "still parked") {
		l.cancel()
	}
	return l.logText.Write(p)
}

func TestAnOfficeThatIsInterruptedWhileItRetriesEndsInPeace(t *testing.T) {
	t.Parallel()
	file := unbooked(t, "jazz", "opera")
	o := open(t, file)
	require.Eventually(t, func() bool { return strings.Count(o.log.String(), "projection parked a stream") == 2 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, o.stop())

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := &interrupting{cancel: cancel}
	require.NoError(t, run(ctx, file, listener, slog.New(slog.NewTextHandler(log, nil))))
	assert.Equal(t, 1, strings.Count(log.String(), "still parked"), "the other one was not tried\n%s", log.String())
	assert.ErrorIs(t, listener.Close(), net.ErrClosed)
}
