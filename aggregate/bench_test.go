package aggregate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

type basketEvent interface{ basketEvent() }

func (lineBought) basketEvent() {}

type lineBought struct {
	Invoice  string    `json:"invoice"`
	Product  string    `json:"product"`
	Quantity int       `json:"quantity"`
	Cents    int64     `json:"cents"`
	At       time.Time `json:"at"`
}

type basket struct {
	Lines int
	Cents int64
}

func evolveBasket(b basket, e basketEvent) basket {
	if e, ok := e.(lineBought); ok {
		b.Lines += e.Quantity
		b.Cents += e.Cents
	}
	return b
}

// BenchmarkReplay loads a long stream, and says how much dearer an event is than
// in a loop that only decodes and evolves the same payloads.
func BenchmarkReplay(b *testing.B) {
	const events = 10_000
	for _, perCommit := range []int{1, 20} {
		b.Run(fmt.Sprintf("events=%d/per-commit=%d", events, perCommit), func(b *testing.B) {
			benchmarkReplay(b, events, perCommit)
		})
	}
}

func benchmarkReplay(b *testing.B, events, perCommit int) {
	decider := aggregate.Decider[basket, basketEvent]{
		Category: "basket",
		Events:   eventstore.MustRegistry(eventstore.Type[lineBought]("LINE_BOUGHT", 1)),
		Evolve:   evolveBasket,
	}
	store := memstore.New()
	repo := aggregate.NewRepository(store, decider, aggregate.Options{CacheStreams: 1})
	line := func(i int) lineBought {
		return lineBought{Invoice: fmt.Sprint(536365 + i/20), Product: fmt.Sprintf("%dA", 20000+i%4000), Quantity: i % 12, Cents: int64(i),
			At: time.Date(2010, 12, 1, 8, 26, i, 0, time.UTC)}
	}
	var payloads [][]byte
	for i := 0; i < events; i += perCommit {
		lines := make([]basketEvent, perCommit)
		for k := range lines {
			lines[k] = line(i + k)
		}
		c, err := repo.Execute(b.Context(), "1", func(basket) ([]basketEvent, error) { return lines, nil })
		require.NoError(b, err)
		for _, e := range c.Events {
			payloads = append(payloads, e.Payload)
		}
	}

	bare := func() (state basket) {
		for _, p := range payloads {
			var e lineBought
			if err := json.Unmarshal(p, &e); err != nil {
				b.Fatal(err)
			}
			state = evolveBasket(state, e)
		}
		return state
	}
	load := func() basket {
		loaded, err := repo.Load(context.Background(), "1")
		if err != nil {
			b.Fatal(err)
		}
		return loaded.State
	}
	require.Equal(b, bare(), load())

	// The two take turns in one loop, so that a machine that slows down slows both.
	var sums [2]usage
	for b.Loop() {
		sums[0].add(bare)
		sums[1].add(load)
	}
	n := float64(b.N * events)
	b.ReportMetric(float64(sums[0].time.Nanoseconds())/n, "bare-ns/event")
	b.ReportMetric(float64(sums[1].time.Nanoseconds())/n, "load-ns/event")
	b.ReportMetric(float64((sums[1].time-sums[0].time).Nanoseconds())/n, "more-ns/event")
	b.ReportMetric(float64(sums[1].allocs-sums[0].allocs)/n, "more-allocs/event")
}

type usage struct {
	time   time.Duration
	allocs uint64
}

func (u *usage) add(work func() basket) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	work()
	u.time += time.Since(start)
	runtime.ReadMemStats(&after)
	u.allocs += after.Mallocs - before.Mallocs
}
