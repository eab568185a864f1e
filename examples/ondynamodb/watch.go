package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/leftfold/leftfold/eventstore/dynamofeed"
	"github.com/leftfold/leftfold/projection"
)

// keepWatching logs every minute what alarms are made of, until ctx ends.
func keepWatching(ctx context.Context, views projection.StateStore, feed *dynamofeed.Feed, logger *slog.Logger) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := watch(ctx, views, feed, logger); err != nil && ctx.Err() == nil {
				logger.WarnContext(ctx, "the heartbeats can not be read", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// watch logs how the workers of a projection stand, of any process, and how the feed of
// this one does. What a worker that is gone has left is old, but for its last sweep.
func watch(ctx context.Context, views projection.StateStore, feed *dynamofeed.Feed, logger *slog.Logger) error {
	beats, err := views.Heartbeats(ctx, guestsV1.Name())
	if err != nil {
		return err
	}
	workers, lastSweep := 0, time.Time{} // zero: none has ended yet
	for _, b := range beats {
		if b.LastSweep.After(lastSweep) {
			lastSweep = b.LastSweep
		}
		if time.Since(b.At) > time.Minute {
			continue
		}
		workers++
		var late time.Duration // the age of the oldest commit that waits
		if !b.Oldest.IsZero() {
			late = time.Since(b.Oldest)
		}
		logger.InfoContext(ctx, "heartbeat", "projection", b.Projection, "worker", b.Worker, "ago", time.Since(b.At),
			"waiting", b.Waiting, "late", late, "lastError", b.LastError, "frozen", b.Frozen,
			"sweepBehind", b.SweepBehind)
	}
	logger.InfoContext(ctx, "heartbeats", "projection", guestsV1.Name(), "workers", workers, "lastSweep", lastSweep)
	s := feed.Status() // of this process alone
	logger.InfoContext(ctx, "feed", "shards", s.Shards, "free", s.Free, "behind", s.Behind, "failing", s.Failing,
		"trimmed", s.Trimmed, "corrupt", s.Corrupt)
	return nil
}
