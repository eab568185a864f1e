package operator

import (
	"fmt"
	"time"
)

// Limits are what a service has to keep to pass a check. The zero value asks only that
// everything is built, nothing is parked, paused or frozen, and this program carries what is
// read.
type Limits struct {
	// MaxOldest is the greatest age of a commit that waits. Where no worker has ever
	// reported it is not known, and not kept. Defaults to none.
	MaxOldest time.Duration
	// MaxSilence is how long no worker may have reported. It is for services with workers
	// that run on and on: functions only report while they work. Defaults to none.
	MaxSilence time.Duration
}

// Check is what a monitor wants to know.
type Check struct {
	OK bool `json:"ok"`
	// OldestSeconds is the age of the oldest commit that waits, absent where it is not
	// known of every projection.
	OldestSeconds *float64  `json:"oldest_seconds,omitempty"`
	Parked        int       `json:"parked"`
	Projections   int       `json:"projections"`
	CheckedAt     time.Time `json:"checked_at"`
	// Failures say what is not as it should be.
	Failures []string `json:"failures,omitempty"`
}

// Check holds a status against limits.
func (s Status) Check(l Limits) Check {
	c := Check{Projections: len(s.Projections), CheckedAt: s.At, OldestSeconds: new(0.0)}
	for i := range s.Projections {
		c.add(&s.Projections[i], l, s.At)
	}
	c.OK = len(c.Failures) == 0
	return c
}

func (c *Check) add(p *ProjectionStatus, l Limits, now time.Time) {
	fail := func(format string, args ...any) {
		c.Failures = append(c.Failures, p.Projection+": "+fmt.Sprintf(format, args...))
	}
	c.Parked += p.Parked
	if p.Condition == NotStarted {
		return
	}
	switch {
	case p.OldestSeconds == nil:
		c.OldestSeconds = nil
	case c.OldestSeconds != nil:
		*c.OldestSeconds = max(*c.OldestSeconds, *p.OldestSeconds)
	}
	switch p.Condition {
	case NotBuilt:
		fail("it was never built")
	case IsBuilding:
		fail("it is still being built")
	case IsBuilt:
		g, _ := p.Active()
		fail("generation %d is built, and waits for the switch", g.Number)
	case IsFrozen:
		g, _ := p.Active()
		fail("no worker carries generation %d", g.Number)
	}
	if p.NotCarried {
		g, _ := p.Active()
		fail("this program does not carry version %d, of generation %d", g.Version, g.Number)
	}
	if p.Paused != nil {
		fail("paused since %s", p.Paused.Since.Format(time.RFC3339))
	}
	if p.Parked > 0 {
		fail("parked streams: %d", p.Parked)
	}
	if l.MaxOldest > 0 {
		switch {
		case p.OldestSeconds == nil:
			fail("no worker has reported, so nobody knows what waits")
		case *p.OldestSeconds > l.MaxOldest.Seconds():
			fail("the oldest commit waits since %.1f s, the limit is %s", *p.OldestSeconds, l.MaxOldest)
		}
	}
	if l.MaxSilence > 0 && now.Sub(p.Heard) > l.MaxSilence {
		if p.Heard.IsZero() {
			fail("no worker has reported")
		} else {
			fail("no worker has reported for %s, the limit is %s", now.Sub(p.Heard).Round(time.Second), l.MaxSilence)
		}
	}
}
