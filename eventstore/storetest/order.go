package storetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/leftfold/leftfold/eventstore"
)

// explained says why no order of the calls explains their answers, given the IDs that are
// stored at the end. It is no search: that takes porcupine too long where many writers meet
// thousands of conflicts, each of which may have its place in many orders.
//
// A stream only grows, and what is stored says in which order. So each answer says what
// the head was at some moment of its call: after an append its own version, and the one
// before it just before; of a head that version; of a conflict at least the winner's.
// There is an order exactly if nobody knew less than somebody whose call was over before;
// on small histories a test lets porcupine say the same.
func explained(operations []porcupine.Operation, stored slots) error {
	told := slots(make([]string, len(stored)))
	var ends []knowledge
	for _, o := range operations {
		k, err := knownBy(o, stored)
		if err != nil {
			return err
		}
		if in := o.Input.(request); in.id != "" && in.id == o.Output.(answer).id {
			told[k.after-1] = in.id
		}
		ends = append(ends, k)
	}
	for i := range stored {
		if told[i] != stored[i] {
			return fmt.Errorf("nobody was told that %q is stored at version %d", stored[i], i+1)
		}
	}
	begins := slices.SortedFunc(slices.Values(ends), func(a, b knowledge) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortFunc(ends, func(a, b knowledge) int { return cmp.Compare(a.Return, b.Return) })
	var most knowledge // of the calls that were over
	for _, k := range begins {
		for len(ends) > 0 && ends[0].Return < k.Call {
			if ends[0].after > most.after {
				most = ends[0]
			}
			ends = ends[1:]
		}
		if most.after > k.before {
			return fmt.Errorf("%s, when %s was over", k, most)
		}
	}
	return nil
}

// knowledge is a call, the highest version that the head can have had when it took place,
// and the lowest that it had afterwards.
type knowledge struct {
	porcupine.Operation
	before, after eventstore.Version
}

func (k knowledge) String() string {
	return fmt.Sprintf("%d..%d writer %d: %s", k.Call, k.Return, k.ClientId, storeModel.DescribeOperation(k.Input, k.Output))
}

func knownBy(o porcupine.Operation, stored slots) (knowledge, error) {
	in, out := o.Input.(request), o.Output.(answer)
	k := knowledge{o, out.version, out.version}
	if out.version > eventstore.Version(len(stored)) || in.id != "" && (out.version != in.expected+1 || stored[in.expected] != out.id) {
		return k, fmt.Errorf("%s is not what is stored", k)
	}
	if in.id == "" {
		return k, nil
	}
	if k.before = in.expected; out.id != in.id {
		k.before = math.MaxUint64 // a conflict may come at any later time
	}
	return k, nil
}
