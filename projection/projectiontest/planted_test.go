package projectiontest_test

import (
	"cmp"
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	anyTest   = "TestAnEngineKeepsItsPromises"
	oneTest   = "TestAnEngineKeepsItsPromisesUnderAFeedThatRepeats"
	inPackage = "projection/projectiontest"
)

// faults are mistakes that this kit exists to find.
var faults = []planted.Fault{
	{
		Name: "events that were seen before are applied again",
		Edits: []planted.Edit{
			{File: "projection/delivery.go", Old: "rest := d.commits[i:]", New: "rest := d.commits[i*0:]"},
			{File: "projection/plan.go", Old: "if id.Version <= at {", New: "if false {"},
			{File: "projection/round.go", Old: "if c.Parked == nil && t.reach <= c.Version {", New: "if false {"},
		},
	},
	{
		Name:  "a gap is not noticed",
		Edits: []planted.Edit{{File: "projection/delivery.go", Old: "for n < len(rest) && rest[n].First <= c+1 {", New: "for n < len(rest) {"}},
	},
	{
		Name: "the checkpoint is written apart from the rows",
		Edits: []planted.Edit{{
			File: "projection/slice.go",
			Old:  "if err := a.views.Apply(ctx, slice); err != nil {",
			New: `rows := slice
	rows.Moves = nil
	own := func(w RowWrite) bool { return IsPerStream(w.Row.ID.View) }
	rows.Writes = slices.DeleteFunc(slices.Clone(slice.Writes), own)
	slice.Writes = slices.DeleteFunc(slices.Clone(slice.Writes), func(w RowWrite) bool { return !own(w) })
	if err := a.views.Apply(ctx, rows); err != nil {
		return err
	}
	if err := a.views.Apply(ctx, slice); err != nil {`,
		}},
	},
	{
		Name:  "rows are written without the condition that they are what was read",
		Edits: []planted.Edit{{File: "projection/rowfold.go", Old: "Conditional: w.read,", New: "Conditional: false,"}},
	},
	{
		Name: "a worker remembers which streams are parked",
		Edits: []planted.Edit{{
			File: "projection/round.go",
			Old:  "if c.Waits() && !t.retry && !canRetry(c, r.projection, r.skips) {",
			New: `if r.opts.Build == "" {
		r.opts.Build = ":"
	}
	if c.Waits() {
		r.opts.Build += t.stream.String() + ":"
	}
	if !t.retry && strings.Contains(r.opts.Build, ":"+t.stream.String()+":") {`,
		}, {File: "projection/round.go", Old: `"errors"`, New: "\"errors\"\n\t\"strings\""}},
	},
	{
		Name:  "a batch is acknowledged although it was not applied",
		Edits: []planted.Edit{{File: "projection/deliver.go", Old: "if undone {", New: "if undone && len(all) > 1000 {"}},
	},
	{
		Name: "a park record is removed before the stream was read to its head",
		Edits: []planted.Edit{{
			File: "projection/round.go",
			Old:  "commits := t.after(c.Version)",
			New: `if c.Parked != nil && !c.Waits() {
		_ = r.views.Park(ctx, r.generation, t.stream, c.Version, nil)
		return nil, false, nil
	}
	commits := t.after(c.Version)`,
		}},
	},
	{
		Name:  "a checkpoint moves past a park record that the worker has not seen",
		Edits: []planted.Edit{{File: "projection/memviews/memviews.go", Old: "if c.Parked != nil && !m.Parked {", New: "if false {"}},
		// Two builds and a repeat must meet within a few accesses: one test arranges it.
		Package: "projection", Test: "TestAStreamThatOlderCodeHasParkedMeanwhileIsNotMovedByAccident",
	},
	{
		Name:  "a failed event is parked wherever the checkpoint is",
		Edits: []planted.Edit{{File: "projection/round.go", Old: "if w.failure == nil || w.applied != w.failure.event.id.Version-1 {", New: "if w.failure == nil {"}},
	},
	{
		Name:    "a reaction's checkpoint moves before its code has run",
		Edits:   []planted.Edit{{File: "projection/react.go", Old: "err = guard(func() error { return react(ctx, e) })", New: "if err = r.moveTo(ctx, w, id.Version); err == nil {\n\t\t\t\terr = guard(func() error { return react(ctx, e) })\n\t\t\t}"}},
		Package: "projection", Test: "TestEveryEventReachesTheReceiver",
	},
	{
		Name:    "a reaction goes on behind an event that it failed on",
		Edits:   []planted.Edit{{File: "projection/react.go", Old: "unknown: react == nil}\n\t\t\t\treturn nil", New: "unknown: react == nil}\n\t\t\t\tcontinue"}},
		Package: "projection", Test: "TestEveryEventReachesTheReceiver",
	},
	{
		Name:    "a reaction runs on what was before its start",
		Edits:   []planted.Edit{{File: "projection/react.go", Old: "if r.skips[e.id] || c.Time.Before(r.entry.startOf(c.Stream.Category())) {", New: "if r.skips[e.id] {"}},
		Package: "projection", Test: "TestAReactionThatMeetsAnOldStore",
	},
	{
		Name:  "a failed event is passed over",
		Edits: []planted.Edit{{File: "projection/plan.go", Old: "passOver(id.Version - 1)\n\t\t\tif f != nil {", New: "passOver(id.Version - 1)\n\t\t\tif f != nil {\n\t\t\t\tif f.unknown {\n\t\t\t\t\tseen = id.Version\n\t\t\t\t\tcontinue\n\t\t\t\t}"}},
	},
}

// skipFaults are mistakes with events that are skipped, and with pauses.
var skipFaults = []planted.Fault{
	{
		Name:  "a skip moves the checkpoint over the whole commit",
		Edits: []planted.Edit{{File: "projection/plan.go", Old: "if a.skips[id] ||", New: "if a.skips[id] {\n\t\t\t\tseen = c.Last()\n\t\t\t\tbreak\n\t\t\t}\n\t\t\tif"}},
		Test:  oneTest,
	},
	{
		Name:  "an event is applied although it was marked to skip meanwhile",
		Edits: []planted.Edit{{File: "projection/memviews/memviews.go", Old: "if marked(c) != m.Skip {", New: "if m.Skip && !marked(c) {"}},
		Test:  oneTest,
	},
	{
		Name:  "a mark is overwritten by who parks the stream again",
		Edits: []planted.Edit{{File: "projection/memviews/memviews.go", Old: "if p != nil && !p.Skip && marked(c) {", New: "if false {"}},
		// Two operators must meet within a few accesses: a clause of the store arranges it.
		Package: "projection/memviews", Test: "^TestViews$/^Skips$/^keep_the_mark",
	},
	{
		Name:  "a skip is carried out before the state has it",
		Edits: []planted.Edit{{File: "projection/skips.go", Old: "\t\tif found {\n\t\t\treturn true, nil", New: "\t\tif found || i >= 0 {\n\t\t\treturn true, nil"}},
		Test:  oneTest,
	},
	{
		Name:    "a worker brings a skip back that was taken back",
		Edits:   []planted.Edit{{File: "projection/skips.go", Old: "if err != nil || !c[0].marks(id.Version) {", New: "if err != nil || len(c) == 0 {"}},
		Package: "projection", Test: "TestAWorkerThatSawAMark",
	},
	{
		Name:    "a new generation does not honour the skips",
		Edits:   []planted.Edit{{File: "projection/generations.go", Old: "known.skips[id] = true", New: "known.skips[id] = false"}},
		Package: "projection", Test: "TestANewGenerationPassesOverWhatIsSkipped",
	},
	{
		Name:    "a reaction does not honour the skips",
		Edits:   []planted.Edit{{File: "projection/react.go", Old: "if r.skips[e.id] || ", New: "if "}},
		Package: "projection", Test: "TestAReactionPassesOverAnEvent",
	},
	{
		Name:    "a sweep that began before the end of a pause ends it",
		Edits:   []planted.Edit{{File: "projection/paused.go", Old: "if !s.Paused.resumed().Equal(resumed) {", New: "if s.Paused == nil {"}},
		Package: "projection", Test: "TestOnlyASweepThatBegan",
	},
	{
		Name:    "a generation is active although a pause kept the sweep from it",
		Edits:   []planted.Edit{{File: "projection/generations.go", Old: "if s.Paused.stops() || !s.Paused.resumed().Equal(resumed) {", New: "if false {"}},
		Package: "projection", Test: "TestAGenerationIsNotActive",
	},
	{
		Name:    "a pause ends without a sweep",
		Edits:   []planted.Edit{{File: "projection/paused.go", Old: "resumed := *s.Paused\n", New: "resumed := *s.Paused\n\t\ts.Paused = nil\n\t\tif !resumed.Since.IsZero() {\n\t\t\treturn true\n\t\t}\n"}},
		Package: "projection", Test: "TestAnIdleWorkerLearns",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range append(faults, skipFaults...) {
		if f.Package == "" {
			f.Package, f.Says = inPackage, "found by schedule"
			f.Test = cmp.Or(f.Test, anyTest)
		}
		t.Run(f.Name, func(t *testing.T) { planted.MustBeFoundInTurn(t, f, "LEFTFOLD_SEED=1") })
	}
}
