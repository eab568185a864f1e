package sqliteviews_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// Measured is an event of a meter.
type Measured struct{ Place, N int }

type place struct {
	Measured int
	Sum      int
}

var measurements = eventstore.MustRegistry(eventstore.Type[Measured]("MEASURED", 1))

// newPlaces is a projection whose rows are shared by all streams; it carries the versions
// before.
func newPlaces(version int) *projection.Projection {
	parts := []projection.Part{projection.Follow("meter"), projection.Fold("places",
		projection.On(func(e projection.Event[Measured]) projection.Key { return projection.KeyOf(fmt.Sprint(e.Data.Place)) },
			func(p *place, e projection.Event[Measured]) error {
				p.Measured++
				p.Sum += e.Data.N
				return nil
			}))}
	if version > 1 {
		parts = append(parts, projection.Replaces(newPlaces(version-1)))
	}
	return projection.MustNew("places", version, measurements, parts...)
}

// TestTheMemoryOfARebuildDoesNotGrowWithTheHistory rebuilds over a store, and over one with
// the same streams and rows and ten times the events. It is allowed a part of the rows at a
// time, so it reads the log several times over. In soak the smaller one has 5 million events
// in 500,000 streams.
func TestTheMemoryOfARebuildDoesNotGrowWithTheHistory(t *testing.T) {
	if plaintest.Run(t) {
		return
	}
	streams := 1_500
	if os.Getenv("LEFTFOLD_SOAK") != "" {
		streams = 500_000
	}
	_, store, views := openBoth(t)
	var peaks []uint64
	for round, events := range []int{10, 90} { // all in all ten times as many behind the second
		measureAll(t, store, streams, events)
		g, peak := rebuildMeasured(t, store, views, round+1, streams*75)
		t.Logf("%d streams, %d events: at the most %d KB of objects", g.Rebuild.Manifest.Streams, g.Rebuild.Manifest.Events, peak>>10)
		require.Equal(t, streams, g.Rebuild.Manifest.Streams)
		peaks = append(peaks, peak)
	}
	assert.Less(t, peaks[1], peaks[0]+peaks[0]/4+4<<20)
}

// measureAll appends a commit of some events to each stream.
func measureAll(t *testing.T, store *sqlitestore.Store, streams, events int) {
	t.Helper()
	next := make(chan int)
	var group sync.WaitGroup
	for range 64 { // so that many commits share a transaction
		group.Go(func() {
			for i := range next {
				w := eventstore.Write{Stream: streamNamed(t, fmt.Sprint("meter-", i)), Revision: eventstore.Any}
				for n := range events {
					event, err := measurements.Encode(Measured{Place: (i*events + n) % streams, N: n})
					if err != nil {
						t.Error(err)
						return
					}
					w.Events = append(w.Events, event)
				}
				if _, err := store.Append(t.Context(), w); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range streams {
		next <- i
	}
	close(next)
	group.Wait()
}

func streamNamed(t *testing.T, name string) eventstore.StreamID {
	id, err := eventstore.ParseStreamID(name)
	if err != nil {
		t.Error(err)
	}
	return id
}

// rebuildMeasured rebuilds and switches, and returns the most bytes of objects that there
// were meanwhile.
func rebuildMeasured(t *testing.T, store *sqlitestore.Store, views *sqliteviews.Views, version, memory int) (projection.Generation, uint64) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // what is garbage counts little
	r, err := projection.NewRebuilder(store, views, newPlaces(version), projection.RebuildOptions{Memory: memory})
	require.NoError(t, err)
	_, err = r.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, err)
	runtime.GC()
	before := objectBytes()
	most, stop, stopped := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			most = max(most, objectBytes())
			select {
			case <-ticker.C:
			case <-stop:
				return
			}
		}
	}()
	g, err := r.Run(t.Context())
	close(stop)
	<-stopped
	require.NoError(t, err)
	_, err = r.Switch(t.Context(), projection.SwitchOptions{Force: true})
	require.NoError(t, err)
	return g, most - min(most, before)
}

func objectBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
