package projectiontest

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

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

func replay(recorded []byte) *choices { return &choices{recorded: slices.Clip(recorded)} }

// made returns what was decided: enough to replay it.
func (c *choices) made() []byte { return bytes.TrimRight(c.recorded[:c.at], "\x00") }

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
