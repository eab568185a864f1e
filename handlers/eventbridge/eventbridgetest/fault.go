package eventbridgetest

import (
	"math/rand/v2"
	"slices"
)

// Fault is what the network, or EventBridge, does to a PutEvents.
type Fault int

const (
	// None: the request goes through.
	None Fault = iota
	// Throttled: refused with a ThrottlingException. Nothing was accepted.
	Throttled
	// Denied: refused with an AccessDeniedException.
	Denied
	// Failed: answered with an InternalException, and nothing was accepted.
	Failed
	// FailedAfter: accepted, and answered with an InternalException all the same.
	FailedAfter
	// CutBefore: the connection is cut before anything is accepted.
	CutBefore
	// CutAfter: the connection is cut when the events are accepted: the answer is lost.
	CutAfter
	// Torn: accepted, and the answer ends in its middle.
	Torn
	// Partial: some of the entries, one at least, fail with a ThrottlingException or an
	// InternalFailure; the others are accepted.
	Partial
	// Slow: it goes through after [Options.Delay].
	Slow
)

var faultNames = []string{"none", "throttled", "denied", "failed", "failed after", "cut before", "cut after", "torn", "partial", "slow"}

func (f Fault) String() string { return faultNames[f] }

// Call is a PutEvents on its way.
type Call struct {
	// N counts them from 1.
	N int
	// IDs are what the details of its entries have as "id", in their order.
	IDs []string
}

// Plan says what happens to a call. It is called for one call at a time.
type Plan func(Call) Fault

// Seeded is the plan under which a share of the calls, 0 to 1, suffers one of the faults,
// each as often. The same seed makes the same plan.
func Seeded(seed uint64, share float64, faults ...Fault) Plan {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(Call) Fault {
		if random.Float64() >= share {
			return None
		}
		return faults[random.IntN(len(faults))]
	}
}

// InTurn is the plan under which the calls suffer these faults one after the other, and
// none after that.
func InTurn(faults ...Fault) Plan {
	rest := slices.Clone(faults)
	return func(Call) Fault {
		if len(rest) == 0 {
			return None
		}
		next := rest[0]
		rest = rest[1:]
		return next
	}
}
