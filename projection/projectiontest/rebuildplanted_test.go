package projectiontest_test

import (
	"cmp"
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	rebuilt  = "^TestARebuildKeepsItsPromises$/^under_a_feed_that_repeats$"
	versions = "^TestARebuildKeepsItsPromises$/^while_programs_of_each_version_run$"

	rebuilderFile = "projection/rebuilder.go"
	stateFile     = "projection/rebuildstate.go"
	headsFile     = "projection/heads.go"
	foldFile      = "projection/rangefold.go"
	switchFile    = "projection/switch.go"
	memoryFile    = "projection/memviews/rebuild.go"
)

// rebuildFaults are the rules of a rebuild, each switched off. After how many schedules each
// is found stands in docs/adr/0021-schedules-with-rebuilds.md.
var rebuildFaults = []planted.Fault{
	{
		Name:  "a number of a generation comes twice",
		Edits: []planted.Edit{{File: rebuilderFile, Old: "s.Projection, s.Counter = r.p.name, s.Counter+1", New: "s.Projection, s.Counter = r.p.name, 1\n\t\tfor _, g := range s.live() {\n\t\t\ts.Counter = max(s.Counter, g.Number+1)\n\t\t}"}},
	},
	{
		Name:  "a state is written whatever its revision",
		Edits: []planted.Edit{{File: "projection/memviews/state.go", Old: "stored != s.Revision {", New: "stored < s.Revision {"}},
	},
	{
		Name:  "the previous generation is not fed",
		Edits: []planted.Edit{{File: "projection/generations.go", Old: "case !g.Folding():", New: "case g.Role == Previous:\n\t\tcase !g.Folding():"}},
	},
	{
		Name:  "workers feed a generation while it is folded",
		Edits: []planted.Edit{{File: "projection/generations.go", Old: "case !g.Folding():", New: "case g.Number > 0:"}},
	},
	{
		Name:  "a worker acknowledges without looking at the state after its last write",
		Edits: []planted.Edit{{File: "projection/feeder.go", Old: "\t\tf.learn(state)\n\t\tpaused", New: "\t\tif len(fed) == 0 {\n\t\t\tf.learn(state)\n\t\t}\n\t\tpaused"}},
	},
	{
		Name:  "old code feeds a new generation",
		Edits: []planted.Edit{{File: "projection/replaces.go", Old: "\t\t\treturn c\n\t\t}\n\t}\n\treturn nil\n}\n\n// codes", New: "\t\t\treturn c\n\t\t}\n\t}\n\treturn p\n}\n\n// codes"}},
		Test:  versions,
	},
	{
		Name: "a coordinator folds up to heads of its own",
		Edits: []planted.Edit{
			{File: headsFile, Old: "if r.sealed != nil && r.sealed.attempt == m.Attempt {", New: "if r.sealed != nil {"},
			{File: headsFile, Old: "\t\tnow.Rebuild.Phase = PhaseFold\n", New: "\t\tr.sealed = &sealed{attempt: attempt, heads: h, skips: skipsOf(s.Skips)}\n\t\tnow.Rebuild.Phase = PhaseFold\n"},
		},
	},
	{
		Name:  "streams that are born later are added to what is sealed",
		Edits: []planted.Edit{{File: foldFile, Old: "\tb := g.Rebuild\n", New: "\tif newborn, err := r.list(ctx, r.p); err == nil {\n\t\tfor _, head := range newborn.all {\n\t\t\tif _, known := s.heads.index[head.Stream]; !known {\n\t\t\t\ts.heads.add(head)\n\t\t\t}\n\t\t}\n\t}\n\tb := g.Rebuild\n"}},
	},
	{
		Name:  "heads are sealed again",
		Edits: []planted.Edit{{File: headsFile, Old: "now.Rebuild.Phase != PhaseHeads {", New: "now.Rebuild.Phase == PhaseCatchUp {"}},
	},
	{
		Name: "the log is folded beyond the sealed heads",
		Edits: []planted.Edit{
			{File: foldFile, Old: "|| c.First > f.heads.all[i].Version {", New: "{"},
			{File: foldFile, Old: "if c.EventID(n).Version > f.heads.all[i].Version {", New: "if len(c.Events) == 0 {"},
		},
	},
	{
		Name:  "a checkpoint is filled although it is there",
		Edits: []planted.Edit{{File: memoryFile, Old: "if _, there := g.checkpoints[c.Stream]; there {", New: "if _, there := g.checkpoints[c.Stream]; there && c.Version == 0 {"}},
	},
	{
		Name:  "a row is filled although it is there",
		Edits: []planted.Edit{{File: memoryFile, Old: "if _, there := g.rows[row.ID]; there {", New: "if old, there := g.rows[row.ID]; there && isTombstone(old) {"}},
	},
	{
		Name:  "a deletion leaves no tombstone",
		Edits: []planted.Edit{{File: "projection/memviews/memviews.go", Old: "case w.Row.Origin:", New: "case w.Row.Origin && w.Row.ID.View == \"\":"}},
	},
	{
		Name:  "a live write removes the origin of a row",
		Edits: []planted.Edit{{File: "projection/memviews/memviews.go", Old: "row.Content, row.Origin = slices.Clone(row.Content), g.rows[row.ID].Origin", New: "row.Content, row.Origin = slices.Clone(row.Content), false"}},
	},
	{
		Name:  "a worker forgets the origin of a row that it has written before",
		Edits: []planted.Edit{{File: "projection/slice.go", Old: "origin := w.Row.Origin || a.entry.Rebuild != nil && !a.rows[w.Row.ID].exists", New: "origin := w.Row.Origin && len(steps) == 0"}},
	},
	{
		Name:  "a fold honours the skips of the moment",
		Edits: []planted.Edit{{File: foldFile, Old: "\tb := g.Rebuild\n", New: "\tif now, err := r.views.State(ctx, r.p.name); err == nil {\n\t\ts = &sealed{attempt: s.attempt, heads: s.heads, skips: skipsOf(now.Skips)}\n\t}\n\tb := g.Rebuild\n"}},
	},
	{
		Name: "a generation is fed before all of its ranges are filled",
		Edits: []planted.Edit{
			{File: rebuilderFile, Old: "case b.Phase == PhaseFold && b.next() != KeyRange{}:", New: "case b.Phase == PhaseFold && len(b.Done) == 0:"},
			{File: foldFile, Old: " || now.Rebuild.next() != (KeyRange{}) {", New: " {"},
		},
	},
	{
		Name:  "a range is recorded before it is filled",
		Edits: []planted.Edit{{File: foldFile, Old: "together: !r.opts.Sequential})\n\tif err != nil {\n", New: "together: !r.opts.Sequential})\n\tif err != nil {\n\t\tdone, err = keys, nil\n\t}\n\tif err != nil {\n"}},
	},
	{
		Name:  "a late coordinator records a range in another generation",
		Edits: []planted.Edit{{File: rebuilderFile, Old: "\t\tif now.Number != g.Number {\n\t\t\treturn &NoRebuildError", New: "\t\tif now.Number < g.Number {\n\t\t\treturn &NoRebuildError"}},
	},
	{
		Name:  "nothing is swept once a generation is fed",
		Edits: []planted.Edit{{File: "projection/rebuildsweep.go", Old: "late, err := r.sweepGeneration(ctx, s, g)\n\tif err != nil", New: "late, err := []*delivery(nil), error(nil)\n\tif err != nil"}},
	},
	{
		Name:  "a rebuild sweeps what a directory lists",
		Edits: []planted.Edit{{File: "projection/rebuildsweep.go", Old: "\th, err := r.list(ctx, code)\n", New: "\th, err := newHeads(), error(nil)\n\tfor _, category := range code.categories {\n\t\tfor stream, e := range r.source.Streams(ctx, category, eventstore.StreamID{}) {\n\t\t\thead := Head{Stream: stream}\n\t\t\tif err = e; err != nil {\n\t\t\t\tbreak\n\t\t\t}\n\t\t\tfor c, e := range r.source.Read(ctx, stream, 1) {\n\t\t\t\tif err = e; err == nil {\n\t\t\t\t\thead.Version = c.Last()\n\t\t\t\t}\n\t\t\t}\n\t\t\th.add(head)\n\t\t}\n\t}\n"}},
	},
	{
		Name:  "readers are switched although streams are parked",
		Edits: []planted.Edit{{File: switchFile, Old: "if parked > 0 {", New: "if parked > 1000 {"}},
	},
	{
		Name:  "readers are switched by a state of before",
		Edits: []planted.Edit{{File: switchFile, Old: "\t_, err := r.views.PutState(ctx, s)\n", New: "\tif now, err := r.views.State(ctx, r.p.name); err == nil {\n\t\ts.Revision = now.Revision\n\t}\n\t_, err := r.views.PutState(ctx, s)\n"}},
	},
	{
		Name:  "a rebuild is cancelled, paused and retired by a state of before",
		Edits: []planted.Edit{{File: stateFile, Old: "\t\tstored, err := views.PutState(ctx, s)\n", New: "\t\tif now, err := views.State(ctx, projection); err == nil {\n\t\t\ts.Revision = now.Revision\n\t\t}\n\t\tstored, err := views.PutState(ctx, s)\n"}},
	},
	{
		Name:  "readers are switched to a generation that is retired",
		Edits: []planted.Edit{{File: switchFile, Old: "if g := &s.Generations[i]; g.Role != Retired {", New: "if g := &s.Generations[i]; g.Role != Active {"}},
	},
	{
		Name:  "a walk goes on in another generation",
		Edits: []planted.Edit{{File: "projection/read.go", Old: "g.Number == c.Generation && g.Role != Retired && g.Role != Building {", New: "g.Role == Active {"}},
	},
	{
		Name: "readers are shown a generation that is built",
		Edits: []planted.Edit{
			{File: "projection/replaces.go", Old: "for g := s.With(Active); g != nil && g.read();", New: "for g := cmp.Or(s.With(Building), s.With(Active)); g != nil && g.Role != Retired;"},
			{File: "projection/replaces.go", Old: "package projection\n", New: "package projection\n\nimport \"cmp\"\n"},
			{File: "projection/replaces.go", Old: "g.Role == Active || g.Missed", New: "g.Role != Previous || g.Missed"},
		},
	},
	{
		Name:  "a gap in the log is folded over",
		Edits: []planted.Edit{{File: foldFile, Old: "if !known || c.First != f.at[i]+1 ||", New: "if !known || c.First <= f.at[i] ||"}},
	},
	{
		Name:  "commits that come out of order hide the head of a stream",
		Edits: []planted.Edit{{File: headsFile, Old: "odd[i] = true", New: "odd[i] = len(h.all) < 0\n\t\t\t\tdelete(odd, i)"}},
	},
	{
		Name:  "readers are rolled back to a generation that is not swept, although it is frozen",
		Edits: []planted.Edit{{File: switchFile, Old: "if target.Missed.IsZero() {", New: "if target.Number > 0 {"}},
		// It takes 2,380 schedules in which programs of each version run.
		Package: "projection", Test: "^TestARollbackSweepsWhatAWorkerHasMissedThatIsReplacedSince$",
	},
	{
		Name:  "a worker does not note what it keeps commits from",
		Edits: []planted.Edit{{File: "projection/feeder.go", Old: "if g.Role == Retired || g.Folding()", New: "if g.Role != Retired || g.Folding()"}},
		Test:  versions,
	},
	{
		Name:  "a comparison folds with the code that the program has",
		Edits: []planted.Edit{{File: "projection/compare.go", Old: "\tif err == nil {\n\t\terr = r.p.CheckBuilds(g)\n\t}\n", New: ""}},
	},
}

// rebuildTests are mistakes in what a comparison says, in what is retired, and in what needs more
// than schedules play; each has a test that arranges it.
var rebuildTests = []planted.Fault{
	{
		Name:  "a generation is fed although it is retired",
		Edits: []planted.Edit{{File: "projection/generations.go", Old: "for _, g := range s.live() {\n\t\tswitch", New: "for _, g := range s.Generations {\n\t\tswitch"}},
		Test:  "^TestARetiredGenerationIsFedNoMore$",
	},
	{
		Name:  "a comparison holds rows against a fold of others, where memory is short",
		Edits: []planted.Edit{{File: "projection/comparefold.go", Old: "return !keys.holds(id) })", New: "return keys.From > keys.To })"}},
		Test:  "^TestAComparisonFindsNothingWrongHoweverMuchIsWritten",
	},
	{
		Name:  "a row that is only inserted is wrong before its event is applied",
		Edits: []planted.Edit{{File: "projection/comparefold.go", Old: "&& !c.early(at, row) {", New: "&& at != nil {"}},
		Test:  "^TestAComparisonKnowsThatInsertedRows",
	},
	{
		Name:  "a request that is late replaces what is sealed",
		Edits: []planted.Edit{{File: headsFile, Old: "attempt := uuid.NewString()", New: "attempt := uuid.NewSHA1(uuid.Nil, []byte(id.String())).String()"}},
		Test:  "^TestWhatIsWrittenOfAManifestIsNeverReplaced$",
	},
	{
		Name:  "a rebuild waits for somebody who sweeps after a pause",
		Edits: []planted.Edit{{File: "projection/rebuildsweep.go", Old: "if s.Paused.stops() {", New: "if s.Paused != nil {"}},
		Test:  "^TestARebuildGoesOnOnceAPauseHasEnded$",
	},
	{
		Name:  "a worker does not note that it keeps commits of a category that its version does not follow",
		Edits: []planted.Edit{{File: "projection/feeder.go", Old: "err = f.noteMissed(ctx, s)\n\t\t}\n\t\tswitch {", New: "err = ctx.Err()\n\t\t}\n\t\tswitch {"}},
		Test:  "^TestAWorkerNotesWhatItKeepsFromAVersionThatFollowsMore",
	},
	{
		Name:  "a worker acknowledges although it could not note what it keeps that from",
		Edits: []planted.Edit{{File: "projection/feeder.go", Old: "err = f.noteMissed(ctx, state); errors.Is(err, ErrChanged) {", New: "err = f.noteMissed(ctx, state); err != nil {\n\t\t\terr = nil\n\t\t}\n\t\tif errors.Is(err, ErrChanged) {"}},
		Test:  "^TestAWorkerAcknowledgesNothingBeforeItHasNoted",
	},
	{
		Name:  "a worker forgets what it keeps commits from where a pause begins",
		Edits: []planted.Edit{{File: "projection/feeder.go", Old: "\t\tpaused := f.known.paused.stops()\n", New: "\t\tpaused := f.known.paused.stops()\n\t\tif paused {\n\t\t\treturn outcome{parked: o.parked}\n\t\t}\n"}},
		Test:  "^TestAWorkerNotesWhatItKeepsAGenerationFromAlsoWhereAPause",
	},
	{
		Name:  "a commit is kept from a generation while that is swept, and nobody notices",
		Edits: []planted.Edit{{File: "projection/feeder.go", Old: "\t\tif g.Sweeping {\n", New: "\t\tif g.Sweeping && g.Missed.IsZero() {\n"}},
		Test:  "^TestARollbackBringsWhatAWorkerKeepsFromTheGenerationWhileItIsSwept$",
	},
	{
		Name:  "readers are switched although the sweep for it has parked a stream",
		Edits: []planted.Edit{{File: "projection/rebuildsweep.go", Old: "\tif parked == 0 {\n", New: "\tif parked >= 0 {\n"}},
		Test:  "^TestASwitchWhoseSweepParksAStreamIsRefused$",
	},
	{
		Name:  "readers are switched by a program that can not show what they are switched to",
		Edits: []planted.Edit{{File: switchFile, Old: "\tif r.p.code(g.Version) == nil {\n\t\tfound", New: "\tif g.Version < 0 {\n\t\tfound"}},
		Test:  "^TestASwitchByAProgramThatDoesNotCarryTheVersion",
	},
	{
		Name:  "a generation is retired although a worker has no other",
		Edits: []planted.Edit{{File: "projection/retire.go", Old: "used != nil && !o.Force {", New: "used != nil && g.Number == 0 {"}},
		Test:  "^TestARetireIsRefusedWhileAWorker",
	},
}

func TestPlantedFaultsOfRebuildsAreFound(t *testing.T) {
	for i := range rebuildTests {
		rebuildTests[i].Package = "projection"
	}
	for _, f := range append(rebuildFaults, rebuildTests...) {
		if f.Package == "" {
			f.Package, f.Says = inPackage, "found by schedule"
			f.Test = cmp.Or(f.Test, rebuilt)
		}
		t.Run(f.Name, func(t *testing.T) { planted.MustBeFoundInTurn(t, f, "LEFTFOLD_SEED=1", manySchedules+"=5000") })
	}
}
