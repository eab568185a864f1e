package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/retail"
)

func (a *app) loadCommand() *cobra.Command {
	var rejects string
	c := &cobra.Command{
		Use:   "load FILE",
		Short: "Load the online-retail CSV, plain or gzipped; loading it again changes nothing",
		RunE:  func(cmd *cobra.Command, args []string) error { return a.load(cmd.Context(), args[0], rejects) },
	}
	c.Flags().StringVar(&rejects, "rejects", "", "write the rows that were not loaded to this file, as CSV")
	return c
}

func (a *app) load(ctx context.Context, path, rejects string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return withHint(err, "give the path of a CSV that this user may read")
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return usageErrorf("shop load: %s is a directory, not a CSV", path)
	}
	s, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	out, closeRejects, err := a.createRejects(rejects, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRejects()) }()

	l := newLoader(s, out, newProgress(a.stderr))
	err = l.run(ctx, file)
	l.progress.end()
	if err != nil {
		return l.broken(fmt.Errorf("load %s: %w", path, err))
	}
	return a.printLoad(l.report)
}

// broken says how far the load came, unless the error says what to do itself.
func (l *loader) broken(err error) error {
	if eventstore.Hint(err) != "" {
		return err
	}
	return withHint(err, fmt.Sprintf("of the file, %s in the store; load it again when the cause is gone, nothing is stored twice",
		counted(l.report.Events+l.report.Known, "event is", "events are")))
}

// createRejects returns a writer that discards where no file is wanted. It refuses
// to write over what the command reads.
func (a *app) createRejects(path, input string) (io.Writer, func() error, error) {
	if path == "" {
		return io.Discard, func() error { return nil }, nil
	}
	for _, precious := range []string{input, strings.TrimPrefix(a.store, "sqlite:")} {
		if sameFile(path, precious) {
			return nil, nil, usageErrorf("--rejects %s: that would write over %s", path, precious)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, &spokenError{text: fmt.Sprintf("--rejects: %v", err), hint: "name a file that can be written"}
	}
	return f, f.Close, nil
}

func sameFile(one, other string) bool {
	x, err := os.Stat(one)
	if err != nil {
		return false
	}
	y, err := os.Stat(other)
	return err == nil && os.SameFile(x, y)
}

// loadReport is what a load did.
type loadReport struct {
	Parts    int            `json:"parts"`
	Events   int            `json:"events"`
	Known    int            `json:"known"`
	Rejected int            `json:"rejected"`
	Reasons  map[string]int `json:"reasons"`
	Seconds  float64        `json:"seconds"`
}

func (a *app) printLoad(r loadReport) error {
	if a.json {
		return printJSON(a.stdout, r)
	}
	took := time.Duration(r.Seconds * float64(time.Second))
	fmt.Fprintf(a.stdout, "loaded %s in %s, %s; %s there already; %s rejected\n", counted(r.Events, "event"), counted(r.Parts, "part"),
		perSecond(r.Events, took), counted(r.Known, "event"), counted(r.Rejected, "row"))
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		fmt.Fprintf(a.stdout, "  %6s  %s\n", thousands(r.Reasons[reason]), reason)
	}
	fmt.Fprintln(a.stderr, "next: shop project")
	return nil
}

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
	progress *progress
	began    time.Time

	mu      sync.Mutex // guards what follows
	rejects *csv.Writer
	report  loadReport
}

func newLoader(s *Service, rejects io.Writer, p *progress) *loader {
	l := &loader{service: s, progress: p, began: time.Now(), rejects: csv.NewWriter(rejects)}
	l.report.Reasons = map[string]int{}
	return l
}

func (l *loader) run(ctx context.Context, file io.Reader) error {
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
	err := l.read(ctx, file, queues)
	for _, q := range queues {
		close(q)
	}
	group.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	l.report.Seconds = time.Since(l.began).Seconds()
	l.rejects.Flush()
	return errors.Join(err, l.rejects.Error())
}

// read hands the parts out, those of a customer to one queue.
func (l *loader) read(ctx context.Context, file io.Reader, queues []chan *retail.Part) error {
	for item, err := range retail.Parts(file) {
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
	l.progress.show("%s events, %s", thousands(done), perSecond(done, time.Since(l.began)))
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
