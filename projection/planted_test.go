package projection_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	awaitFile  = "projection/await.go"
	decodeFile = "projection/decode.go"
)

// faults let a reader miss its own write, or wait for what does not come, operators stand in
// each other's way, and lose what was dropped in a pause, and projections see what others have
// made of an event. Those of what keeps the views stand in projectiontest.
var faults = []planted.Fault{
	{
		Name:  "a worker wakes nobody",
		Edits: []planted.Edit{{File: awaitFile, Old: "\t\tcase calls <- struct{}{}:\n", New: "\t\tcase (chan struct{})(nil) <- struct{}{}:\n\t\t\t_ = calls\n"}},
		Test:  "^TestAReaderSeesItsOwnWriteAsSoonAsItIsApplied$",
	},
	{
		Name: "a reader watches only when it has looked",
		Edits: []planted.Edit{
			{File: awaitFile, Old: "\tif n, ok := views.(*Notifier); ok {\n\t\tvar forget func()\n\t\tmoved, forget = n.watch(want.Stream) // before the first look, so that nothing is missed\n\t\tdefer forget()\n\t}\n"},
			{File: awaitFile, Old: "\t\tleft := time.Until(deadline)\n", New: "\t\tif n, ok := views.(*Notifier); ok && moved == nil {\n\t\t\tvar forget func()\n\t\t\tmoved, forget = n.watch(want.Stream)\n\t\t\tdefer forget()\n\t\t}\n\t\tleft := time.Until(deadline)\n"},
		},
		Test: "^TestAReaderMissesNothingThatIsAppliedWhileItLooks$",
	},
	{
		Name:  "a reader does not look again unless it is woken",
		Edits: []planted.Edit{{File: awaitFile, Old: "time.NewTimer(min(pause, left))", New: "time.NewTimer(max(min(pause, left), left))"}},
		Test:  "^TestAReaderSeesItsOwnWriteAsSoonAsItIsApplied$",
	},
	{
		Name:  "a reader does not look when its time is over",
		Edits: []planted.Edit{{File: awaitFile, Old: "\t\tif left <= 0 {\n", New: "\t\tif left <= pause {\n"}},
		Test:  "^TestAReaderLooksOnceMoreWhenItsTimeIsOver$",
	},
	{
		Name: "a reader waits for an hour",
		Edits: []planted.Edit{
			{File: awaitFile, Old: "\t\tif left <= 0 {\n", New: "\t\tif left <= -time.Hour {\n"},
			{File: awaitFile, Old: "time.NewTimer(min(pause, left))", New: "time.NewTimer(pause)"},
		},
		Test: "^TestAReaderWaitsNoLongerThanItIsTold$",
	},
	{
		Name:  "a reader waits although its write is parked",
		Edits: []planted.Edit{{File: awaitFile, Old: "case have.Waits() && have.Parked.Version <= want.Version:", New: "case have.Waits() && have.Parked.Version < want.Version && want.Version == 0:"}},
		Test:  "^TestAReaderHearsAtOnceThatItsWriteIsParked$",
	},
	{
		Name:  "what is parked behind a write keeps it from its reader",
		Edits: []planted.Edit{{File: awaitFile, Old: "\t\tcase have.Version >= want.Version:\n\t\t\treturn nil\n\t\tcase have.Waits() && have.Parked.Version <= want.Version:", New: "\t\tcase have.Version >= want.Version && !have.Waits():\n\t\t\treturn nil\n\t\tcase have.Waits():"}},
		Test:  "^TestAReaderThatWaitsHearsWhenItsWriteIsParked$",
	},
	{
		Name:  "a reader that waits is not told that its write was parked",
		Edits: []planted.Edit{{File: awaitFile, Old: "\tdefer n.notify(stream)\n", New: ""}},
		Test:  "^TestAReaderThatWaitsHearsWhenItsWriteIsParked$",
	},
	{
		Name:  "a skip that ended between two looks is refused",
		Edits: []planted.Edit{{File: "projection/skips.go", Old: "\tif s, err = f.views.State(ctx, f.projection.name); err != nil {\n\t\treturn nil, err\n\t}\n\tif _, done", New: "\tif _, done"}},
		Test:  "^TestASkipThatSomebodyElseEndsMeanwhileIsTheSameSkip$",
	},
	{
		Name:  "a commit is waited for whose events nobody handles",
		Edits: []planted.Edit{{File: "projection/token.go", Old: "_, handled := p.handlers[name]; handled {", New: "_, handled := p.handlers[name]; handled || len(name) > 0 {"}},
		Test:  "^TestACommitThatAProjectionPassesOverIsNotWaitedFor$",
	},
	{
		Name:  "what a worker dropped in a pause is left to the sweep of a program that does not carry its generations",
		Edits: []planted.Edit{{File: "projection/generations.go", Old: "case dropping && s.Paused == nil:", New: "case dropping && s.Paused == nil && s.Revision == 0:"}},
		Test:  "^TestAWorkerSweepsAfterAPauseThatASweepOfAnotherVersionHasEnded$",
	},
	{
		Name:  "projections share a slice of an event",
		Edits: []planted.Edit{{File: decodeFile, Old: "\tcase reflect.Slice, reflect.Map,", New: "\tcase reflect.Map,"}},
		Test:  "^TestARowMayTakeOverPartsOfAnEventThatOtherProjectionsSeeToo$",
	},
	{
		Name:  "an event that a projection has taken is given to another one",
		Edits: []planted.Edit{{File: decodeFile, Old: "\t*of = decoded{taken: true}\n"}},
		Test:  "^TestARowMayTakeOverPartsOfAnEventThatOtherProjectionsSeeToo$",
	},
	{
		Name:  "an event is decoded for each projection although they could share it",
		Edits: []planted.Edit{{File: decodeFile, Old: "\t\t\treturn true\n", New: "\t\t\treturn false\n"}},
		Test:  "^TestAnEventIsDecodedOnceWhereNothingOfItCanBeChanged$",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		f.Package = "projection"
		t.Run(f.Name, func(t *testing.T) { planted.MustBeFoundInTurn(t, f) })
	}
}
