package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/retailtest"
)

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory waits for a process and returns its answer, and the most memory that it
// had resident, in KB. It asks the kernel while the process runs: the usage that is
// reported at its end would count what this test had when it started the process.
func (p *process) peakMemory() (a answer, peak int) {
	ended := make(chan answer, 1)
	go func() { ended <- p.wait() }()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case a := <-ended:
			return a, peak
		case <-ticker.C:
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid)) // gone at the end
			if found := highWater.FindSubmatch(status); found != nil {
				peak, _ = strconv.Atoi(string(found[1]))
			}
		}
	}
}

// The file is read part by part, a bounded number of parts waits, and a bounded number
// of customers is remembered; so the whole year, eight times the first part of it,
// must not take eight times the memory. What may grow are the customers, up to their
// bound, and a count for each invoice.
func TestTheMemoryOfALoadDoesNotGrowWithTheFile(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t)
	invoices := 3_000
	if !data.Whole {
		invoices = 300
	}
	var peaks []int
	for _, path := range []string{data.First(t, invoices).Path, data.Path} {
		a, peak := newShop(t).start("load", path).peakMemory()
		require.Equal(t, 0, a.code, a.stderr)
		peaks = append(peaks, peak)
	}
	t.Logf("at most %d MB for %d invoices, %d MB for all", peaks[0]>>10, invoices, peaks[1]>>10)
	assert.Less(t, peaks[1], 3*peaks[0])
}
