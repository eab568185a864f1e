package eventsource

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// maxPayload is how many bytes an event has at the most: Lambda's limit.
const maxPayload = 6 << 20

// lane sends its records batch after batch, the next one when one is done.
type lane struct {
	*Mapping
	shard    string
	number   int
	arriving <-chan []message // sent and closed by the shard's reader
	waiting  []message
	ended    bool // arriving is closed
}

func (l *lane) run(ctx context.Context) {
	for {
		b := l.batch(ctx)
		if len(b) == 0 || ctx.Err() != nil {
			return
		}
		l.settle(ctx, b, attempts{})
	}
}

// batch waits for a record, and then for more, for as long as the settings say. None
// means the end.
func (l *lane) batch(ctx context.Context) []message {
	for len(l.waiting) == 0 && !l.ended {
		l.receive(ctx, nil)
	}
	var window <-chan time.Time
	if l.settings.MaximumBatchingWindow > 0 {
		timer := time.NewTimer(l.settings.MaximumBatchingWindow)
		defer timer.Stop()
		window = timer.C
	} else {
		over := make(chan time.Time)
		close(over)
		window = over
	}
	for l.fitting() == len(l.waiting) && len(l.waiting) < l.settings.BatchSize && !l.ended && l.receive(ctx, window) {
	}
	n := l.fitting()
	b := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return b
}

// receive adds what arrives, and reports whether something did before the window closed.
func (l *lane) receive(ctx context.Context, window <-chan time.Time) bool {
	select {
	case page, ok := <-l.arriving: // also where the window has closed at once
		return l.add(page, ok)
	default:
	}
	select {
	case page, ok := <-l.arriving:
		return l.add(page, ok)
	case <-window:
		return false
	case <-ctx.Done():
		l.ended = true
		return false
	}
}

func (l *lane) add(page []message, ok bool) bool {
	l.ended = !ok
	l.waiting = append(l.waiting, page...)
	return ok
}

// fitting is how many of the waiting records make the next batch.
func (l *lane) fitting() int {
	size := len(payloadOf(nil))
	for i, m := range l.waiting {
		if size += len(m.text) + 1; i == l.settings.BatchSize || i > 0 && size > maxPayload {
			return i
		}
	}
	return len(l.waiting)
}

// attempts is what records have behind them.
type attempts struct {
	invoked, retried int
}

// settle invokes the function with records until they are done, discarded, or ctx ends.
func (l *lane) settle(ctx context.Context, b []message, a attempts) {
	wait := l.settings.RetryAfter
	for ctx.Err() == nil {
		if b = l.dropOld(ctx, b, a); len(b) == 0 {
			return
		}
		left, err := l.invoke(ctx, b)
		a.invoked++
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && len(left) == 0:
			return
		case err != nil && l.settings.BisectBatchOnFunctionError && len(b) > 1:
			l.settle(ctx, b[:len(b)/2], a)
			l.settle(ctx, b[len(b)/2:], a)
			return
		}
		b = left
		if most := l.settings.MaximumRetryAttempts; most != nil && *most >= 0 && a.retried >= *most {
			l.discard(ctx, RetryAttemptsExhausted, b, a, err)
			return
		}
		a.retried++
		pause(ctx, wait)
		wait = min(2*wait, 100*l.settings.RetryAfter)
	}
}

// dropOld discards records that are too old to be sent.
func (l *lane) dropOld(ctx context.Context, b []message, a attempts) []message {
	most := l.settings.MaximumRecordAge
	if most <= 0 {
		return b
	}
	young := slices.IndexFunc(b, func(m message) bool { return time.Since(m.record.Change.ApproximateCreationDateTime.Time) <= most })
	if young < 0 {
		young = len(b)
	}
	if young > 0 {
		l.discard(ctx, RecordAgeExceeded, b[:young], a, nil)
	}
	return b[young:]
}

func (l *lane) discard(ctx context.Context, condition string, b []message, a attempts, err error) {
	l.settings.Logger.ErrorContext(ctx, "records are discarded", "condition", condition, "shard", l.shard, "records", len(b), "error", err)
	l.settings.OnFailure(ctx, Discarded{Condition: condition, Shard: l.shard, Records: recordsOf(b), Invocations: a.invoked, Err: err})
}

// invoke returns what is to be repeated: all, if there is an error.
func (l *lane) invoke(ctx context.Context, b []message) (left []message, err error) {
	within := ctx
	if l.settings.Timeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, l.settings.Timeout)
		defer cancel()
	}
	answer, err := l.function.Invoke(within, payloadOf(b))
	if err == nil && within.Err() != nil {
		err = fmt.Errorf("the task timed out after %s", l.settings.Timeout)
	}
	if err == nil && l.settings.ReportBatchItemFailures {
		left, err = leftOf(b, answer)
	}
	if err != nil {
		left = b
	}
	if ctx.Err() == nil {
		if err != nil {
			l.settings.Logger.WarnContext(ctx, "an invocation failed", "shard", l.shard, "records", len(b), "error", err)
		}
		l.settings.OnInvoked(Invocation{Shard: l.shard, Lane: l.number, Records: recordsOf(b), Err: err, Left: recordsOf(left)})
	}
	return left, err
}

func recordsOf(b []message) []Record {
	records := make([]Record, len(b))
	for i := range b {
		records[i] = b[i].record
	}
	return records
}

// payloadOf returns the event with these records.
func payloadOf(b []message) []byte {
	text := []byte(`{"Records":[`)
	for i, m := range b {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, m.text...)
	}
	return append(text, "]}"...)
}
