package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
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
