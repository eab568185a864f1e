package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/leftfold/leftfold/eventstore"
)

// calls returns a history that has an order, and what is stored by it. Each call takes
// place between its begin and its end.
func calls(t *rapid.T) (operations []porcupine.Operation, stored slots) {
	for n := range rapid.IntRange(1, 12).Draw(t, "calls") {
		in, out := request{}, answer{}
		switch head := eventstore.Version(len(stored)); rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			out.version = head
		case 1:
			in = request{id: fmt.Sprint(n), expected: head}
			out = answer{version: head + 1, id: in.id}
			stored = append(stored, in.id)
		default:
			if head == 0 {
				continue
			}
			expected := rapid.Uint64Range(0, uint64(head)-1).Draw(t, "expected")
			in = request{id: fmt.Sprint(n), expected: eventstore.Version(expected)}
			out = answer{version: in.expected + 1, id: stored[expected]}
		}
		wide := rapid.Int64Range(0, 6)
		operations = append(operations, porcupine.Operation{Input: in, Output: out,
			Call: 100*(int64(n)-wide.Draw(t, "before")) + int64(2*n), Return: 100*(int64(n)+wide.Draw(t, "after")) + int64(2*n+1)})
	}
	return operations, stored
}

// lie changes one answer, or when a call began or ended, or forgets it.
func lie(t *rapid.T, operations []porcupine.Operation, stored slots) []porcupine.Operation {
	which := rapid.IntRange(0, len(operations)-1).Draw(t, "which")
	o := &operations[which]
	in, out := o.Input.(request), o.Output.(answer)
	other := rapid.Uint64Range(0, uint64(len(stored))+1).Draw(t, "version")
	switch kind := rapid.IntRange(0, 4).Draw(t, "lie"); {
	case kind == 0 && in.id == "":
		o.Output = answer{version: eventstore.Version(other)}
	case kind == 0 && other > 0 && other <= uint64(len(stored)) && out.id != in.id:
		o.Input, o.Output = request{id: in.id, expected: eventstore.Version(other - 1)}, answer{version: eventstore.Version(other), id: stored[other-1]}
	case kind == 1 && in.id != "":
		o.Input, o.Output = request{id: "lie", expected: in.expected}, answer{version: out.version, id: "lie"}
	case kind == 2:
		o.Call, o.Return = o.Call+200, o.Return+400
	case kind == 3:
		return slices.Delete(operations, which, which+1)
	default:
		o.Call, o.Return = o.Call-400, o.Return-200
	}
	return operations
}

// What is stored at the end is for porcupine a last client, who meets each commit in a
// conflict and then looks at the head.
func judged(operations []porcupine.Operation, stored slots) bool {
	last := int64(1 << 20)
	operations = slices.Clone(operations)
	add := func(in request, out answer) {
		operations = append(operations, porcupine.Operation{Input: in, Output: out, Call: last, Return: last + 1})
		last += 2
	}
	for i, id := range stored {
		add(request{id: "last", expected: eventstore.Version(i)}, answer{version: eventstore.Version(i + 1), id: id})
	}
	add(request{}, answer{version: eventstore.Version(len(stored))})
	return porcupine.CheckOperations(storeModel, operations)
}

func TestWhatHasAnOrderIsWhatPorcupineSays(t *testing.T) {
	t.Parallel()
	verdicts := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		for range 50 {
			operations, stored := calls(t)
			assert.NoError(t, explained(operations, stored), "it has one")
			if len(operations) == 0 {
				continue
			}
			operations = lie(t, operations, stored)
			err := explained(operations, stored)
			assert.Equal(t, judged(operations, stored), err == nil, "%v", err)
			verdicts[err == nil]++
		}
	})
	t.Logf("lies that are none: %d of %d", verdicts[true], verdicts[true]+verdicts[false])
	assert.Greater(t, verdicts[true], 100)
	assert.Greater(t, verdicts[false], 100)
}
