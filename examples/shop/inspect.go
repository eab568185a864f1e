package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
)

func (a *app) streamsCommand() *cobra.Command {
	var limit int
	var after string
	c := &cobra.Command{
		Use:   "streams",
		Short: "List the streams of the customers",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return wrongUse(cmd, "shop streams: --limit %d: at least 1, or 0 for all", limit)
			}
			var begin eventstore.StreamID // before all
			if after != "" {
				if err := begin.UnmarshalText([]byte(after)); err != nil {
					return wrongUse(cmd, "shop streams: --after: %v", err)
				}
			}
			return a.with(cmd.Context(), func(s *Service) error { return a.streams(cmd.Context(), s, begin, limit) })
		},
	}
	c.Flags().IntVar(&limit, "limit", 0, "at the most this many; 0 lists all")
	c.Flags().StringVar(&after, "after", "", "begin behind this stream")
	return c
}

func (a *app) streams(ctx context.Context, s *Service, begin eventstore.StreamID, limit int) error {
	n := 0
	var last eventstore.StreamID
	for stream, err := range s.Store.Streams(ctx, customerCategory, begin) {
		if err != nil {
			return err
		}
		if limit > 0 && n == limit {
			words := []string{"streams", "--limit", strconv.Itoa(limit), "--after", last.String()}
			if a.json {
				words = append(words, "--json")
			}
			fmt.Fprintln(a.stderr, "next:", a.command(words...))
			return nil
		}
		n++
		last = stream
		if a.json {
			err = printJSON(a.stdout, map[string]string{"stream": stream.String()})
		} else {
			_, err = fmt.Fprintln(a.stdout, stream)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eventAnswer is an event as it is stored.
type eventAnswer struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Schema  int             `json:"schema"`
	Time    time.Time       `json:"time"`
	Commit  string          `json:"commit"`
	Payload json.RawMessage `json:"payload"`
}

func (a *app) eventsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "events STREAM",
		Short: "Show the events of a stream, for example user-17850",
		RunE: func(cmd *cobra.Command, args []string) error {
			stream, err := eventstore.ParseStreamID(args[0])
			if err != nil {
				return wrongUse(cmd, "shop events: %v", err)
			}
			return a.with(cmd.Context(), func(s *Service) error { return a.events(cmd.Context(), s, stream) })
		},
	}
}

func (a *app) events(ctx context.Context, s *Service, stream eventstore.StreamID) error {
	found := false
	for c, err := range s.Store.Read(ctx, stream, 0) {
		if err != nil {
			return err
		}
		found = true
		for i, e := range c.Events {
			if err := a.printEvent(eventAnswer{c.EventID(i).String(), e.Type, e.Schema, c.Time, c.ID, e.Payload}); err != nil {
				return err
			}
		}
	}
	if !found {
		return notFoundf(a.command("streams")+" lists the streams", "there is no stream %q", stream)
	}
	return nil
}

func (a *app) printEvent(e eventAnswer) error {
	if a.json {
		return printJSON(a.stdout, e)
	}
	_, err := fmt.Fprintf(a.stdout, "%s  %s  %s  %s\n", e.ID, e.Time.Format(time.RFC3339), e.Type, e.Payload)
	return err
}

func (a *app) parkedCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "parked",
		Short: "List the streams that wait because a projection failed on an event",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(s *Service) error { return a.parked(cmd.Context(), s) })
		},
	}
}

func (a *app) parked(ctx context.Context, s *Service) error {
	parked, err := parkedStreams(ctx, s)
	if err != nil {
		return err
	}
	rows := [][]string{{"PROJECTION", "EVENT", "TYPE", "ATTEMPTS", "SINCE", "ERROR"}}
	for _, p := range parked {
		if a.json {
			if err := printJSON(a.stdout, p); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{fmt.Sprintf("%s#%d", p.Projection, p.Generation), fmt.Sprintf("%s@%d", p.Stream, p.Version),
			p.Type, strconv.Itoa(p.Attempts), p.Since.Format(time.RFC3339), p.Error})
	}
	if a.json {
		return nil
	}
	if len(parked) == 0 {
		fmt.Fprintln(a.stderr, "no stream is parked")
		return nil
	}
	return table(a.stdout, rows)
}

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Read every stream: no gap, no overlap, everything decodable, each claim held once",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(s *Service) error { return a.verify(cmd.Context(), s) })
		},
	}
}

// verifyReport is what verify found.
type verifyReport struct {
	Streams int      `json:"streams"`
	Commits int      `json:"commits"`
	Events  int      `json:"events"`
	Faults  []string `json:"faults"`

	held map[eventstore.Claim]eventstore.EventID // at the end of the stream that took it
}

func (a *app) verify(ctx context.Context, s *Service) error {
	report, err := verifyStore(ctx, s.Store)
	if err != nil {
		return err
	}
	if a.json {
		err = printJSON(a.stdout, report)
	} else {
		for _, f := range report.Faults {
			fmt.Fprintln(a.stdout, f)
		}
		_, err = fmt.Fprintf(a.stdout, "%s in %s of %s, %s\n", counted(report.Events, "event"),
			counted(report.Commits, "commit"), counted(report.Streams, "stream"), counted(len(report.Faults), "fault"))
	}
	if err == nil && len(report.Faults) > 0 {
		err = errSilent
	}
	return err
}

// verifyStore reads everything. A damaged stream is noted and left; damage that
// belongs to no stream is noted and ends it.
func verifyStore(ctx context.Context, store Store) (verifyReport, error) {
	report := verifyReport{Faults: []string{}, held: map[eventstore.Claim]eventstore.EventID{}}
	var cursor eventstore.Cursor
	for again := true; again; {
		again = false
		v := verifier{report: &report}
		for scanned, err := range store.ReadAll(ctx, cursor) {
			if err != nil && !errors.Is(err, eventstore.ErrCorrupt) {
				return report, err
			}
			if err == nil {
				v.check(&scanned.Commit)
				continue
			}
			damage, ok := errors.AsType[*eventstore.CorruptError](err)
			if !ok {
				report.fault("%v; what comes behind %q could not be read", err, v.stream)
				v.holds = nil
				break
			}
			v.enter(damage.Stream)
			v.holds = nil // what it holds at its end can not be read
			report.fault("%v", err)
			cursor, again = cursor.Past(damage.Stream), true
			break
		}
		v.leave()
	}
	return report, report.checkClaims(ctx, store)
}

// checkClaims compares who holds a claim by the commits with who does by the store.
func (r *verifyReport) checkClaims(ctx context.Context, store Store) error {
	for _, c := range slices.SortedFunc(maps.Keys(r.held), func(a, b eventstore.Claim) int { return strings.Compare(a.String(), b.String()) }) {
		holder, err := store.Claimed(ctx, c)
		if err != nil {
			return err
		}
		if holder != r.held[c] {
			r.fault("the claim %s is held by %s, and was taken by %s", c, orNobody(holder), r.held[c])
		}
	}
	return nil
}

func orNobody(id eventstore.EventID) string {
	if id.Version == 0 {
		return "nobody"
	}
	return id.String()
}

func (r *verifyReport) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

// verifier follows one stream after the other.
type verifier struct {
	report *verifyReport
	stream eventstore.StreamID
	last   eventstore.Version
	holds  map[eventstore.Claim]eventstore.EventID
}

// enter begins another stream.
func (v *verifier) enter(stream eventstore.StreamID) {
	if stream != v.stream {
		v.leave()
		v.stream, v.last = stream, 0
		v.report.Streams++
	}
}

func (v *verifier) check(c *eventstore.Commit) {
	v.enter(c.Stream)
	if c.First != v.last+1 {
		v.report.fault("%s@%d follows version %d", c.Stream, c.First, v.last)
	}
	v.last = c.Last()
	v.report.Commits++
	v.claims(c)
	for i := range c.Events {
		v.report.Events++
		if _, err := Events.Decode(c, i); err != nil {
			v.report.fault("%v", err)
		}
	}
}

// claims follows what the stream holds.
func (v *verifier) claims(c *eventstore.Commit) {
	for _, claim := range c.Releases {
		delete(v.holds, claim)
	}
	for _, claim := range c.Taken() {
		if v.holds == nil {
			v.holds = map[eventstore.Claim]eventstore.EventID{}
		}
		v.holds[claim] = c.EventID(0)
	}
}

// leave notes what the stream holds at its end.
func (v *verifier) leave() {
	for claim, id := range v.holds {
		if other, taken := v.report.held[claim]; taken {
			v.report.fault("the claim %s is held by %s and by %s", claim, other, id)
		}
		v.report.held[claim] = id
	}
	v.holds = nil
}
