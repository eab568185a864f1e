package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/retail"
	"github.com/leftfold/leftfold/operator/terminal"
)

const (
	// loaders is how many parts are appended at once: together they become one
	// transaction.
	loaders = 64
	// queued is how many parts wait for each of them, so that memory is bounded.
	queued = 4
	// otherContent counts rows of a part that is there with other content.
	otherContent = "loaded before with other content"
)

// loader brings the parts of a file into the store. Those of one customer stay in order.
type loader struct {
	service  *Service
	progress *terminal.Progress
	began    time.Time

	mu      sync.Mutex // guards what follows
	rejects *csv.Writer
	report  loadReport
}

func newLoader(s *Service, rejects io.Writer, p *terminal.Progress) *loader {
	l := &loader{service: s, progress: p, began: time.Now(), rejects: csv.NewWriter(rejects)}
	l.report.Reasons = map[string]int{}
	return l
}

func (l *loader) run(ctx context.Context, sales *retail.File) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := l.rejects.Write([]string{"Line", "Kind", "Reason", "Row"}); err != nil {
		return err
	}
	var group sync.WaitGroup
	queues := make([]chan *retail.Part, loaders)
	for i := range queues {
		queues[i] = make(chan *retail.Part, queued)
		group.Go(func() {
			for part := range queues[i] {
				if err := l.add(ctx, part); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	err := l.read(ctx, sales, queues)
	for _, q := range queues {
		close(q)
	}
	group.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	l.report.Seconds = time.Since(l.began).Seconds()
	l.rejects.Flush()
	if err == nil {
		err = l.rejects.Error()
	}
	return err
}

// read hands the parts out, those of a customer to one queue.
func (l *loader) read(ctx context.Context, sales *retail.File, queues []chan *retail.Part) error {
	for item, err := range sales.Parts() {
		switch {
		case err != nil:
			return err
		case item.Reject != nil:
			if err := l.reject(item.Reject.Line, string(item.Reject.Kind), item.Reject.Reason, item.Reject.Raw); err != nil {
				return err
			}
		default:
			select {
			case queues[queueOf(item.Part.User)] <- item.Part:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

func queueOf(user string) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, user) // a hash never fails
	return int(h.Sum32() % loaders)
}

// add appends one part: one command, one commit.
func (l *loader) add(ctx context.Context, part *retail.Part) error {
	decided := false
	decide := func(c Customer) ([]CustomerEvent, error) {
		decided = true
		return Import(part)(c)
	}
	commit, err := l.service.Customers.Execute(ctx, part.User, decide,
		aggregate.CommandID(part.CommitID()), aggregate.CommandDigest(part.Digest()), aggregate.OccurredAt(part.Time()))
	if errors.Is(err, eventstore.ErrIDReused) {
		return l.rejectPart(part, err)
	}
	if err != nil {
		return fmt.Errorf("part %s: %w", part.CommitID(), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if decided {
		l.report.Parts++
		l.report.Events += len(commit.Events)
	} else { // the commit was met before anything had to be decided
		l.report.Known += len(commit.Events)
	}
	done := l.report.Events + l.report.Known
	l.progress.Show("%s events, %s", terminal.Thousands(done), terminal.PerSecond(done, time.Since(l.began)))
	return nil
}

// rejectPart reports each line of a part whose ID is taken by other content.
func (l *loader) rejectPart(part *retail.Part, err error) error {
	for _, line := range part.Lines {
		if err := l.reject(line.Number, otherContent, err.Error(), line.Raw); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) reject(line int, kind, reason, raw string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Rejected++
	l.report.Reasons[kind]++
	return l.rejects.Write([]string{strconv.Itoa(line), kind, reason, raw})
}
