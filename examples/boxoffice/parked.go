package main

import (
	"context"
	"log/slog"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// retryParked tries the events again on which a view has failed: its code may have
// been mended since. What still fails stays parked, and is logged with its reason. That
// ctx ends is no error: what was not tried waits for the next start.
func retryParked(ctx context.Context, engine *projection.Engine, views projection.ViewStore, logger *slog.Logger) (err error) {
	defer func() {
		if ctx.Err() != nil {
			err = nil
		}
	}()
	if err := engine.Prepare(ctx); err != nil {
		return err
	}
	parked, err := parkedStreams(ctx, views, GuestsV1.Name())
	if err != nil {
		return err
	}
	for _, stream := range parked {
		if err := engine.Retry(ctx, GuestsV1.Name(), stream); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "a stream is still parked", "stream", stream.String(), "error", err)
		}
	}
	return nil
}

// parkedStreams returns the streams that wait in a projection because it failed on an
// event. Which event that is, and why, is in the checkpoint too.
func parkedStreams(ctx context.Context, views projection.ViewStore, name string) (parked []eventstore.StreamID, err error) {
	state, err := views.State(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, g := range state.Generations {
		for c, err := range views.AllCheckpoints(ctx, projection.GenerationID{Projection: name, Number: g.Number}, true) {
			if err != nil {
				return nil, err
			}
			if c.Waits() {
				parked = append(parked, c.Stream)
			}
		}
	}
	return parked, nil
}
