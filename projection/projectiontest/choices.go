package projectiontest

import "math/rand/v2"

// choices decides everything that is left open in a schedule. What it decides is
// recorded, so that the schedule can be run again, and cut down by changing the
// record. 0 is always the harmless choice.
type choices struct {
	recorded []byte
	at       int
	random   *rand.Rand // nil: a replay, which goes on with 0
}

func record(seed uint64) *choices {
	return &choices{random: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15))}
}

func replay(recorded []byte) *choices { return &choices{recorded: recorded} }

// pick returns a number below n, at most 256.
func (c *choices) pick(n int) int {
	if n <= 1 {
		return 0
	}
	if c.at == len(c.recorded) {
		b := byte(0)
		if c.random != nil {
			b = byte(c.random.UintN(256))
		}
		c.recorded = append(c.recorded, b)
	}
	b := c.recorded[c.at]
	c.at++
	return int(b) % n
}

// rarely is true about once in n, at most 256.
func (c *choices) rarely(n int) bool { return c.pick(n) == n-1 }

// shrink looks for a shorter or simpler record that still fails: it deletes
// stretches, then zeroes single choices, within a number of attempts.
func shrink(recorded []byte, attempts int, fails func([]byte) bool) []byte {
	best := recorded
	try := func(candidate []byte) bool {
		if attempts <= 0 {
			return false
		}
		attempts--
		if !fails(candidate) {
			return false
		}
		best = candidate
		return true
	}
	for size := len(best); size >= 1; size /= 2 {
		for from := 0; from < len(best); {
			end := min(from+size, len(best))
			candidate := append(append([]byte(nil), best[:from]...), best[end:]...)
			if !try(candidate) {
				from += size
			}
		}
	}
	for i := 0; i < len(best); i++ {
		if best[i] == 0 {
			continue
		}
		candidate := append([]byte(nil), best...)
		candidate[i] = 0
		try(candidate)
	}
	return best
}
