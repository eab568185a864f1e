package streams

import (
	"context"
	"errors"

	"github.com/leftfold/leftfold/projection"
)

// SweepRequest is what a sweep is invoked with. The zero value, and whatever a schedule
// sends, begins one; a SweepResult that is not done goes on with it.
type SweepRequest struct {
	// Next is that of the result before.
	Next projection.SweepCursor `json:"next,omitzero"`
}

// SweepResult is what an invocation did. The counts are those of
// [projection.SweepReport], of this invocation alone.
type SweepResult struct {
	// Done says that every stream was looked at. If not, the function is to be invoked
	// again, with this result.
	Done    bool                   `json:"done"`
	Next    projection.SweepCursor `json:"next,omitzero"`
	Streams int                    `json:"streams"`
	Behind  int                    `json:"behind"`
	Parked  int                    `json:"parked"`
	Events  int                    `json:"events"`
	Left    int                    `json:"left"`
	Damaged int                    `json:"damaged"`
	Ahead   int                    `json:"ahead"`
}

// Sweep brings streams to their heads until all are, or until shortly before its time is
// up; see [projection.Engine.Sweep]. It is a handler for lambda.Start, for a schedule. It
// finds what no record announced: what was appended before the stream was there, what
// Lambda gave up, what waited for longer than the 24 hours that a stream keeps.
//
// A result that is not done has to come back as the next request. Where nobody sends it,
// the next sweep begins anew and gets no further, if the same time is too short again.
// It is an error if the time was too short for a single step; and at the end of a sweep,
// if it left something behind that needs an operator, in whatever invocation. Errors are
// logged, as by Handle.
func (h *Handler) Sweep(ctx context.Context, request SweepRequest) (result SweepResult, err error) {
	ctx, cancel := h.working(ctx)
	defer cancel()
	defer func() {
		if err != nil {
			h.failed(ctx, err)
		}
	}()
	_, engine, err := h.connected(ctx)
	if err != nil {
		return SweepResult{Next: request.Next}, err
	}
	report, err := engine.SweepFrom(ctx, request.Next, nil)
	result = resultOf(report)
	if err == nil || !errors.Is(err, errTime) {
		return result, err
	}
	if report.Next.After == request.Next.After && (report.Events == 0 || report.Left > 0) { // else within a long stream
		return result, errors.Join(errShort, err)
	}
	if report.Left > 0 || len(report.Ahead) > 0 {
		h.opts.Logger.ErrorContext(ctx, "a sweep that is not at its end found what needs an operator", "error", err)
	}
	return result, nil
}

// errShort: an invocation that does nothing would be repeated for ever.
var errShort = errors.New("streams: a sweep needs more time than the function has")

func resultOf(r projection.SweepReport) SweepResult {
	return SweepResult{Done: r.Next.IsZero(), Next: r.Next, Streams: r.Streams, Behind: r.Behind, Parked: r.Parked, Events: r.Events,
		Left: r.Left, Damaged: r.Damaged, Ahead: len(r.Ahead)}
}
