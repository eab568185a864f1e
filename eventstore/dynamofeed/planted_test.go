package dynamofeed

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const dir = "eventstore/dynamofeed/"

// faults are the classic mistakes of a consumer of a divided stream.
var faults = []planted.Fault{
	{
		Name: "the place is saved before the batch is handled",
		Edits: []planted.Edit{
			{File: dir + "run.go", Old: "\t\tfailed := handle(ctx, b)\n", New: "\t\tr.ledger.settle(again, pages, nil, time.Now())\n\t\tfailed := handle(ctx, b)\n\t\t_ = failed\n"},
			{File: dir + "run.go", Old: "\t\tr.ledger.settle(again, pages, failed, time.Now())\n"},
		},
		Says: "was not taken care of",
	},
	{
		Name: "a shard is begun with the oldest record that is left",
		Edits: []planted.Edit{{File: dir + "reader.go", Old: "\trd.sequence, _ = l.place.number(afterPrefix)\n",
			New: "\tif rd.sequence, _ = l.place.number(afterPrefix); rd.sequence == \"\" && l.place != lost {\n\t\trd.from = begin(time.Now())\n\t}\n"}},
		Says: "was not taken care of",
	},
	{
		Name:  "the place passes what has to come again",
		Edits: []planted.Edit{{File: dir + "ledger.go", Old: "\tif _, ok := f.first[t]; !ok {\n", New: "\tif true {\n"}},
		Says:  "was not taken care of",
	},
	{
		Name:  "a shard is done although something of it has to come again",
		Edits: []planted.Edit{{File: dir + "ledger.go", Old: "\tif t.ended && !waits {\n", New: "\tif t.ended {\n"}},
		Says:  "was not taken care of",
	},
	{
		Name:  "a shard is read before the one that it follows",
		Edits: []planted.Edit{{File: dir + "lease.go", Old: "\tif l.ready {\n", New: "\tif true {\n"}},
		Says:  "is handed over before",
	},
	{
		Name: "a lease lapses by the time that its owner wrote into it",
		Edits: []planted.Edit{
			{File: dir + "lease.go", Old: "\t\"time\"\n\n\t\"github.com/google/uuid\"\n", New: "\t\"sync/atomic\"\n\t\"time\"\n"},
			{File: dir + "lease.go", Old: "func newNonce() string { return uuid.NewString() }", New: `var written atomic.Int64

// newNonce is the time, on machines whose clocks differ by seconds.
func newNonce() string {
	return time.Now().Add(time.Duration(written.Add(1)%3-1) * 15 * time.Second).Format(time.RFC3339Nano)
}`},
			{File: dir + "share.go", Old: "\treturn l.owner != \"\" && now.Sub(w.seen[l.shard].since) >= w.leaseFor\n",
				New: "\trenewed, _ := time.Parse(time.RFC3339Nano, l.nonce)\n\treturn l.owner != \"\" && now.Sub(renewed) >= w.leaseFor\n"},
		},
		Says: "which renews it",
	},
	{
		Name:  "a lease is given back and renewed whoever has it",
		Edits: []planted.Edit{{File: dir + "holding.go", Old: "\t\tif current.owner != h.run.worker {\n", New: "\t\tif current.shard == \"\" {\n"}},
	},
	{
		Name:  "a worker takes a lease that it believes to have",
		Edits: []planted.Edit{{File: dir + "assign.go", Old: "\t\tif a.run.holds(l.shard) {\n", New: "\t\tif false {\n"}},
		Says:  "goes back",
	},
	{
		Name:  "a loss is not reported",
		Edits: []planted.Edit{{File: dir + "run.go", Old: "\t\tb.Trimmed = b.Trimmed || p.trimmed\n"}},
		Says:  "was not taken care of",
	},
	{
		Name:  "a shard that is not found for a moment is given up",
		Edits: []planted.Edit{{File: dir + "reader.go", Old: "\tif slices.ContainsFunc(listed, func(s shard) bool { return s.id == rd.shard }) {\n", New: "\tif slices.ContainsFunc(listed, func(s shard) bool { return s.id == rd.shard }) && rd.missing > 9 {\n"}, {File: dir + "reader.go", Old: "\tgoneAfter = 3\n", New: "\tgoneAfter = 1\n"}},
	},
	{
		Name:  "records that come again move the place back",
		Edits: []planted.Edit{{File: dir + "reader.go", Old: "\t\tif rd.sequence != \"\" && !comesAfter(r.sequence, rd.sequence) {\n", New: "\t\tif false {\n"}},
	},
	{
		Name:  "leases are removed while the stream has their shards",
		Edits: []planted.Edit{{File: dir + "lease.go", Old: "\t\tif l.done() && !present[l.shard] &&", New: "\t\tif l.done() &&"}},
		Says:  "goes back",
	},
	{
		Name:  "leases are never removed",
		Edits: []planted.Edit{{File: dir + "lease.go", Old: "\t\tif l.done() && !present[l.shard] &&", New: "\t\tif false && !present[l.shard] &&"}},
		Says:  "is kept",
	},
	{
		Name:  "a worker keeps what it has",
		Edits: []planted.Edit{{File: dir + "share.go", Old: "\tif len(most) >= len(held[me])+2 {\n", New: "\tif false {\n"}},
		Says:  "shared unevenly",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		t.Run(f.Name, func(t *testing.T) {
			f.Package, f.Test = "eventstore/dynamofeed", "TestWhateverHappensNothingIsForgotten"
			planted.MustBeFoundInTurn(t, f)
		})
	}
}

func TestPlantedFaultsOfTheTailAreFound(t *testing.T) {
	for name, edit := range map[string]planted.Edit{
		"a tail begins with the oldest record":            {Old: "= latest, s.closed\n", New: "= begin(w.listed), s.closed\n"},
		"a tail does not look for the shards that follow": {Old: "age >= listAgain && w.hasEnded()", New: "age >= listAgain && false"},
		"a tail shows a shard before the one it follows":  {Old: "s.over || parent != nil && !parent.over", New: "s.over || parent != nil && false"},
		"a tail goes on with the oldest record each time": {Old: "\t\ts.from = after(records[len(records)-1].sequence)\n", New: "\t\ts.from = begin(time.Now())\n"},
	} {
		t.Run(name, func(t *testing.T) {
			edit.File = dir + "tail.go"
			planted.MustBeFoundInTurn(t, planted.Fault{Name: name, Edits: []planted.Edit{edit}, Package: "eventstore/dynamofeed", Test: "TestATail"})
		})
	}
}

func TestPlantedFaultsOfTheTableAreFound(t *testing.T) {
	server.Endpoint(t) // the tests that find them need it
	for name, edit := range map[string]planted.Edit{
		"a lease is written whatever is there":  {Old: "\tconditionSame = attrNonce + \" = :nonce\"\n", New: "\tconditionSame = attrNonce + \" = :nonce OR attribute_exists(\" + attrPK + \")\"\n"},
		"a lost answer is taken for a conflict": {Old: "\treturn current, current.nonce == next.nonce, nil\n", New: "\treturn current, false, nil\n"},
	} {
		t.Run(name, func(t *testing.T) {
			edit.File = dir + "leasetable.go"
			planted.MustBeFoundInTurn(t, planted.Fault{Name: name, Edits: []planted.Edit{edit}, Package: "eventstore/dynamofeed", Test: "TestLeasesInDynamoDBKeepTheContract"})
		})
	}
}
