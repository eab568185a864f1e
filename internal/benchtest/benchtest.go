// Package benchtest measures a piece of work against the limit of what it could cost:
// the same work done by hand with nothing but the driver.
package benchtest

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// Work is one run. It measures itself, so that preparing and checking do not count.
type Work func() Usage

// Usage is what a run took.
type Usage struct {
	Time   time.Duration
	Allocs uint64
}

// Measure runs f and says what it took.
func Measure(f func()) Usage {
	runtime.GC() // what was left by others is not f's to clean up
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	f()
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	return Usage{Time: took, Allocs: after.Mallocs - before.Mallocs}
}

// Alternate runs limit and ours in turns, so that a machine that slows down slows both,
// at least so many times each, and returns their medians. It reports "ratio", that of the
// limit's time to ours: 1 is as good as by hand.
func Alternate(b *testing.B, rounds int, limit, ours Work) (limitMedian, oursMedian Usage) {
	b.Helper()
	var limits, all []Usage
	for b.Loop() {
		limits, all = append(limits, limit()), append(all, ours())
	}
	for len(all) < rounds {
		limits, all = append(limits, limit()), append(all, ours())
	}
	limitMedian, oursMedian = median(limits), median(all)
	b.ReportMetric(limitMedian.Time.Seconds()/oursMedian.Time.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op") // of a round: says nothing
	return limitMedian, oursMedian
}

// median takes each measure by itself.
func median(all []Usage) (m Usage) {
	slices.SortFunc(all, func(x, y Usage) int { return int(x.Time - y.Time) })
	m.Time = all[len(all)/2].Time
	slices.SortFunc(all, func(x, y Usage) int { return int(x.Allocs) - int(y.Allocs) })
	m.Allocs = all[len(all)/2].Allocs
	return m
}
