// Package changes shows while a service is developed what each event did: the event, and
// each row that it changed, field by field, before and after, as it happens.
//
//	report := changes.New(changes.Options{Terminal: out, Source: store})
//	worker, err := projection.NewWorker(store, views, report.Feed(feed), projection.Options{Changes: report.Changed}, …)
//
// It reads each commit once more, and the engine reads all rows: it is for development.
package changes

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// Options say what is shown. Terminal and Source are needed.
type Options struct {
	// Terminal is what the report is printed on.
	Terminal *terminal.Terminal
	// Source is where the events are read.
	Source projection.Source
	// Costs, if not nil, says what a commit costs to append.
	Costs operator.CostModel
	// Describe returns an event in a few words. Defaults to its payload.
	Describe func(c *eventstore.Commit, i int) string
	// Most is how many events are shown one by one; where more come at once they are
	// counted. Defaults to 20.
	Most int
}

// Report prints what events change. It is made by [New] and safe for concurrent use.
type Report struct {
	opts  Options
	began time.Time

	mu sync.Mutex
	// open is how many calls of During are under way.
	open int
	// events wait for the end of one, in the order in which they were first told of.
	events []*event
}

// event is an event, with what it has changed so far.
type event struct {
	id   eventstore.EventID
	typ  string
	rows []row
}

// row is a row that an event has changed.
type row struct {
	projection.RowChange
	at time.Time
}

// New returns a report.
func New(o Options) *Report {
	if o.Most <= 0 {
		o.Most = 20
	}
	if o.Describe == nil {
		o.Describe = func(c *eventstore.Commit, i int) string { return string(c.Events[i].Payload) }
	}
	return &Report{opts: o, began: time.Now().Truncate(time.Millisecond)} // stores keep times no finer
}

// Changed takes what an engine tells: it is for [projection.Options]. What is told outside of
// [Report.During], such as by a sweep, is shown by the next one, if its event is not older
// than the report: a sweep of an old store is no news.
func (r *Report) Changed(_ context.Context, changes []projection.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, c := range changes {
		if r.open == 0 && c.Time.Before(r.began) {
			continue
		}
		i := slices.IndexFunc(r.events, func(e *event) bool { return e.id == c.Event })
		if i < 0 {
			i = len(r.events)
			r.events = append(r.events, &event{id: c.Event, typ: c.Type})
		}
		for _, changed := range c.Rows {
			r.events[i].rows = append(r.events[i].rows, row{changed, now})
		}
	}
}

// During runs what feeds an engine, and then shows what that has changed, and what else was
// told since the last one.
func (r *Report) During(ctx context.Context, feed func()) {
	r.mu.Lock()
	r.open++
	r.mu.Unlock()
	feed()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	events := r.events
	r.events = nil
	r.print(ctx, events)
}

// Feed returns a feed whose batches are shown once they are applied.
func (r *Report) Feed(f eventstore.Feed) eventstore.Feed { return feed{f, r} }

type feed struct {
	eventstore.Feed
	report *Report
}

// Run implements [eventstore.Feed].
func (f feed) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	return f.Feed.Run(ctx, func(ctx context.Context, b eventstore.Batch) (failed []eventstore.Announcement) {
		f.report.During(ctx, func() { failed = handle(ctx, b) })
		return failed
	})
}
