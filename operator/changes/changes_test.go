package changes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/operator/changes"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

type booked struct {
	Guest string `json:"guest"`
	Seats int    `json:"seats"`
}

type cancelled struct {
	Guest string `json:"guest"`
}

type noted struct{}

var registry = eventstore.MustRegistry(eventstore.Type[booked]("BOOKED", 1), eventstore.Type[cancelled]("CANCELLED", 1), eventstore.Type[noted]("NOTED", 1))

type guest struct {
	Seats int `json:"seats"`
}

// office is a store with a view, which is fed by hand and shown.
type office struct {
	*testing.T
	store  *memstore.Store
	engine *projection.Engine
	report *changes.Report
	out    bytes.Buffer
	said   bytes.Buffer
}

// open opens an office where something has happened an hour ago.
func open(t *testing.T, before ...any) *office {
	o := &office{T: t, store: memstore.New()}
	if len(before) > 0 {
		o.append(before...)
		<-time.After(time.Hour)
	}
	guests := projection.Fold("guests",
		projection.On(func(e projection.Event[booked]) projection.Key { return projection.KeyOf(e.Data.Guest) },
			func(g *guest, e projection.Event[booked]) error { g.Seats += e.Data.Seats; return nil }),
		projection.OnDelete[guest](func(e projection.Event[cancelled]) projection.Key { return projection.KeyOf(e.Data.Guest) }))
	p := projection.MustNew("guests", 1, registry, projection.Follow("concert"), guests)
	o.report = changes.New(changes.Options{Terminal: terminal.New(terminal.Options{Stdout: &o.out, Stderr: &o.said}), Source: o.store, Most: 3})
	var err error
	o.engine, err = projection.NewEngine(o.store, memviews.New(memviews.Options{}), projection.Options{Changes: o.report.Changed}, p)
	require.NoError(t, err)
	require.NoError(t, o.engine.Prepare(t.Context()))
	return o
}

func (o *office) append(events ...any) eventstore.Announcement {
	o.Helper()
	stream, err := eventstore.NewStreamID("concert", "opera")
	require.NoError(o, err)
	w := eventstore.Write{Stream: stream, Revision: eventstore.Any}
	for _, e := range events {
		encoded, err := registry.Encode(e)
		require.NoError(o, err)
		w.Events = append(w.Events, encoded)
	}
	c, err := o.store.Append(o.Context(), w)
	require.NoError(o, err)
	return eventstore.Announce(&c)
}

// once is a feed of one batch.
type once eventstore.Batch

func (f once) Run(ctx context.Context, handle func(context.Context, eventstore.Batch) []eventstore.Announcement) error {
	if failed := handle(ctx, eventstore.Batch(f)); len(failed) > 0 {
		return fmt.Errorf("%d failed", len(failed))
	}
	return nil
}

func (o *office) feed(batch ...eventstore.Announcement) string {
	o.Helper()
	o.out.Reset()
	require.NoError(o, o.report.Feed(once{Announcements: batch}).Run(o.Context(), o.engine.Handle))
	text := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d`).ReplaceAllString(o.out.String(), "CLOCK")
	return regexp.MustCompile(` +\d+\.\d ms`).ReplaceAllString(regexp.MustCompile(`(?m)  +`).ReplaceAllString(text, "  "), " N ms")
}

func TestEachEventIsShownWithTheRowsThatItChanged(t *testing.T) {
	t.Parallel()
	o := open(t)
	assert.Equal(t, `CLOCK  concert-opera@1  BOOKED  {"guest":"Ada","seats":4}
  └  guests  Ada  new: seats 4 N ms
CLOCK  concert-opera@2  BOOKED  {"guest":"Ada","seats":2}
  └  guests  Ada  seats 4 → 6 N ms
`, o.feed(o.append(booked{"Ada", 4}, booked{"Ada", 2})))
	assert.Equal(t, `CLOCK  concert-opera@3  CANCELLED  {"guest":"Ada"}
  └  guests  Ada  deleted N ms
CLOCK  concert-opera@4  NOTED  {}
  └  no view changes
`, o.feed(o.append(cancelled{"Ada"}, noted{})))
}

func TestManyEventsAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	o := open(t)
	assert.Empty(t, o.feed(o.append(booked{"Ada", 4}, booked{"Bob", 2}), o.append(booked{"Cid", 1}, noted{})))
	assert.Equal(t, "4 events of 1 stream were applied, with 3 changes of rows\n", o.said.String())
}

// A sweep at the start brings an old store up to date: that is no news. It may be faster than
// the feed with what comes then.
func TestOfWhatASweepAppliesTheNewIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := open(t, booked{"Ada", 4})
		announced := o.append(booked{"Ada", 2})
		_, err := o.engine.Sweep(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, `CLOCK  concert-opera@2  BOOKED  {"guest":"Ada","seats":2}
  └  guests  Ada  seats 4 → 6 N ms
`, o.feed(announced))
		assert.Empty(t, o.said.String())
	})
}

func TestARowIsDescribedByItsFields(t *testing.T) {
	t.Parallel()
	for want, c := range map[string][2]string{
		"a 1 → 2":                     {`{"a":1,"b":"x"}`, `{"a":2,"b":"x"}`},
		"b x → y  c – → [1]":          {`{"b":"x"}`, `{"b":"y","c":[1]}`},
		"n 9007199254740993 → 1.10":   {`{"n":9007199254740993}`, `{"n":1.10}`},
		"new: a 0":                    {"", `{"a":0}`},
		"deleted":                     {`{"a":0}`, ""},
		"4 → 6":                       {`4`, `6`},
		"as it was":                   {`{"a":0}`, `{"a":0}`},
		"not there, before and after": {"", ""},
	} {
		assert.Equal(t, want, changes.Text(projection.RowChange{Before: raw(c[0]), After: raw(c[1])}))
	}
}

func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}
