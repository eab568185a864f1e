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

	// The two take turns, and the fastest round of each counts: what else the
	// machine does makes rounds slower, never faster.
	var cheapest [2]usage
	for b.Loop() {
		for i, work := range []func() basket{bare, load} {
			if u := measure(work); cheapest[i].time == 0 || u.time < cheapest[i].time {
				cheapest[i] = u
			}
		}
	}
	perEvent := func(n float64) float64 { return n / float64(events) }
	b.ReportMetric(perEvent(float64(cheapest[0].time)), "bare-ns/event")
	b.ReportMetric(perEvent(float64(cheapest[1].time)), "load-ns/event")
	b.ReportMetric(perEvent(float64(cheapest[1].time-cheapest[0].time)), "more-ns/event")
	b.ReportMetric(perEvent(float64(cheapest[1].allocs)-float64(cheapest[0].allocs)), "more-allocs/event")
}

type usage struct {
	time   time.Duration
	allocs uint64
}

func measure(work func() basket) usage {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	work()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	return usage{took, after.Mallocs - before.Mallocs}
}
