package projection

import (
	"context"
	"errors"
	"iter"
	"math"
	"sync"
	"time"
)

// RebuildProgress is how far a coordinator has come.
type RebuildProgress struct {
	// Generation is 0 in a plan, which makes none.
	Generation uint64 `json:"generation,omitempty"`
	Phase      Phase  `json:"phase"`
	// Streams and Events count what the phase has looked at, of StreamsOf and EventsOf; 0
	// where that is not known yet, or not counted.
	Streams   int    `json:"streams,omitempty"`
	StreamsOf int    `json:"streams_of,omitempty"`
	Events    uint64 `json:"events"`
	EventsOf  uint64 `json:"events_of,omitempty"`
	// Share is how much of the rows is filled, or looked at, from 0 to 1, and Part how much of
	// them the pass makes that is on its way. Put of PutOf rows and checkpoints of it are
	// filled; in a plan and a comparison, which fill nothing, they are folded.
	Share float64 `json:"share"`
	Part  float64 `json:"part,omitempty"`
	Put   int     `json:"put,omitempty"`
	PutOf int     `json:"put_of,omitempty"`
	// Rows were put, those included that were there, and checkpoints, too. A plan and a
	// comparison count those that were folded in their place.
	Rows        int `json:"rows"`
	Checkpoints int `json:"checkpoints"`
	// Applied counts the events that were folded, each once for each range, those of the pass
	// that is on its way included; what was lost with a coordinator is not in it.
	Applied uint64 `json:"applied"`
	// Units are those of DynamoDB, as its rules count them, about: for 1 KB written and 4 KB
	// read.
	Units Units `json:"units"`
	// Behind is how many streams the sweep has found behind.
	Behind int           `json:"behind"`
	Took   time.Duration `json:"took"`
	// Left is how long the phase takes yet, zero where that can not be told.
	Left Span `json:"left,omitzero"`
}

// Done returns how much of the phase is done, from 0 to 1; 0 where that is not known.
func (p RebuildProgress) Done() float64 {
	read := ratio(p.Events, p.EventsOf)
	switch p.Phase {
	case PhaseFold:
		return min(1, p.Share+p.Part*(read+ratio(p.Put, p.PutOf))/2)
	case PhaseCompare:
		return read
	}
	return ratio(p.Streams, p.StreamsOf)
}

// Pass returns which pass of the fold is on its way, of how many there are if all make as much
// of the rows as it does; 0 where none is. One that has not got enough memory makes less.
func (p RebuildProgress) Pass() (number, of int) {
	if p.Phase != PhaseFold || p.Part <= 0 {
		return 0, 0
	}
	of = int(math.Round(1 / p.Part))
	return min(int(math.Round(p.Share/p.Part))+1, of), of
}

func ratio[N int | uint64](n, of N) float64 {
	if of == 0 {
		return 0
	}
	return min(1, float64(n)/float64(of))
}

// Units count what DynamoDB charges for.
type Units struct {
	Read  float64 `json:"read"`
	Write float64 `json:"write"`
}

// meter counts what a coordinator does, and keeps it from doing it too fast. It is safe for
// concurrent use.
type meter struct {
	rate   float64
	report func(RebuildProgress)
	began  time.Time // when it was made
	// telling is held while report is called; nothing else waits for it.
	telling sync.Mutex

	mu   sync.Mutex // guards what follows
	now  RebuildProgress
	told time.Time
	paid time.Time // until when the units that were used last
	pace pace
}

func newMeter(o RebuildOptions) *meter {
	return &meter{rate: o.Rate, report: o.Progress, began: time.Now()}
}

// reportEvery is how often progress is told while nothing new begins.
const reportEvery = 20 * time.Millisecond

// note changes what is known, and tells it from time to time.
func (m *meter) note(change func(*RebuildProgress)) {
	m.mu.Lock()
	phase := m.now.Phase
	change(&m.now)
	now := time.Now()
	m.now.Took = now.Sub(m.began)
	m.now.Left = m.pace.left(now, m.now)
	due := m.now.Phase != phase || now.Sub(m.told) >= reportEvery
	if due {
		m.told = now
	}
	known := m.now
	m.mu.Unlock()
	if due {
		m.tell(known)
	}
}

// tell calls Options.Progress, without what its callee may wait for.
func (m *meter) tell(p RebuildProgress) {
	m.telling.Lock()
	defer m.telling.Unlock()
	m.report(p)
}

func (m *meter) progress() RebuildProgress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// spend counts units, and waits until they may be used.
func (m *meter) spend(ctx context.Context, u Units) error {
	m.note(func(p *RebuildProgress) {
		p.Units.Read += u.Read
		p.Units.Write += u.Write
	})
	if m.rate <= 0 {
		return nil
	}
	m.mu.Lock()
	if now := time.Now(); m.paid.Before(now) {
		m.paid = now
	}
	m.paid = m.paid.Add(time.Duration((u.Read + u.Write) / m.rate * float64(time.Second)))
	left := time.Until(m.paid)
	m.mu.Unlock()
	return sleep(ctx, left)
}

// spendAt is of how many bytes read the units are spent together.
const spendAt = 64 << 10

// metered is a sequence of what is read, whose units are spent as it goes on.
func metered[T any](ctx context.Context, m *meter, all iter.Seq2[T, error], bytes func(*T) int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		read := 0
		spend := func() error {
			u := Units{Read: float64(read) / readBytes}
			read = 0
			return m.spend(ctx, u)
		}
		for one, err := range all {
			if err == nil {
				if read += bytes(&one); read >= spendAt {
					err = spend()
				}
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
		if err := spend(); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// scanRows yields the rows of a view, and allCheckpoints the checkpoints of a generation.
func (r *Rebuilder) scanRows(ctx context.Context, g GenerationID, view string) iter.Seq2[Row, error] {
	return metered(ctx, r.meter, r.views.ScanRows(ctx, g, view), func(row *Row) int { return rowBytes(row) })
}

func (r *Rebuilder) allCheckpoints(ctx context.Context, g GenerationID) iter.Seq2[Checkpoint, error] {
	return metered(ctx, r.meter, r.views.AllCheckpoints(ctx, g, false), func(*Checkpoint) int { return itemOverhead })
}

// coordinatorWorker is whose heartbeats a coordinator leaves.
func coordinatorWorker(name string) string { return "rebuild " + name }

// watch leaves heartbeats, and stops the work where somebody has paused or cancelled the
// rebuild, until the function that it returns is called.
func (r *Rebuilder) watch(ctx context.Context, stop context.CancelCauseFunc) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(r.opts.HeartbeatEvery)
		defer ticker.Stop()
		seen := uint64(0)
		for {
			if err := r.look(ctx, &seen); err != nil && ctx.Err() == nil {
				stop(err)
				return
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// look leaves a heartbeat where this coordinator works, and returns why it must stop, or nil.
// The generation that was seen last may have been switched to: who works on it sees that, too.
func (r *Rebuilder) look(ctx context.Context, seen *uint64) error {
	s, g, err := r.building(ctx)
	switch {
	case errors.Is(err, ErrNoRebuild):
		if was := s.Find(*seen); *seen == 0 || was != nil && was.read() {
			return nil
		}
		return err
	case err != nil:
		return nil // whoever works meets it
	case g.Rebuild.Paused:
		return ErrRebuildPaused
	}
	if *seen = g.Number; g.Rebuild.Coordinator == r.opts.Name {
		r.beat(ctx, g)
	}
	return nil
}

// beat leaves a heartbeat, also where nothing of the generation was done yet.
func (r *Rebuilder) beat(ctx context.Context, g Generation) {
	progress := r.meter.progress()
	if progress.Generation != g.Number {
		progress = RebuildProgress{Generation: g.Number, Phase: g.Rebuild.Phase}
	}
	beat := Heartbeat{Projection: r.p.name, Worker: coordinatorWorker(r.opts.Name), Build: r.opts.Build, At: time.Now().UTC(), Coordinator: r.opts.Name, Rebuild: &progress}
	if err := r.views.Beat(ctx, beat); err != nil && ctx.Err() == nil {
		r.opts.Logger.WarnContext(ctx, "heartbeat failed", "projection", r.p.name, "error", err)
	}
}
