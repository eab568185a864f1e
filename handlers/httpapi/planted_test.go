package httpapi_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

// faults let in what must not be, carry a command out twice, or tell what is nobody's
// business.
var faults = []planted.Fault{
	{
		Name:    "nobody is taken for somebody",
		Edits:   []planted.Edit{{File: "handlers/dispatch/middleware.go", Old: `if actor == "" {`, New: `if actor == "nobody" {`}},
		Package: "handlers/dispatch", Test: "TestTheStepsComeInTheOrderThatIsDocumented",
	},
	{
		Name:    "validation comes before authorization",
		Edits:   []planted.Edit{{File: "handlers/dispatch/table.go", Old: "t.authorize, validate, identify}", New: "validate, t.authorize, identify}"}},
		Package: "handlers/dispatch", Test: "TestTheStepsComeInTheOrderThatIsDocumented",
	},
	{
		Name:    "a panic is not logged",
		Edits:   []planted.Edit{{File: "handlers/dispatch/table.go", Old: "{t.report, recovering,", New: "{recovering, t.report,"}},
		Package: "handlers/dispatch", Test: "TestTheStepsComeInTheOrderThatIsDocumented",
	},
	{
		Name:    "an unknown field is passed over",
		Edits:   []planted.Edit{{File: "handlers/dispatch/decode.go", Old: "\td.DisallowUnknownFields()\n", New: ""}},
		Package: "handlers/dispatch", Test: "TestOnlyOneObjectOfTheTypeIsDecoded",
	},
	{
		Name:    "of two fields of one name the last one wins",
		Edits:   []planted.Edit{{File: "handlers/dispatch/decode.go", Old: "return p, checkNames(raw)", New: "return p, checkNames(raw[:0])"}},
		Package: "handlers/dispatch", Test: "TestOnlyOneObjectOfTheTypeIsDecoded",
	},
	{
		Name:    "a refusal hides an unknown outcome",
		Edits:   []planted.Edit{{File: "handlers/dispatch/failure.go", Old: "if errors.Is(err, eventstore.ErrOutcomeUnknown) {", New: "if len(refusals) == 0 && errors.Is(err, eventstore.ErrOutcomeUnknown) {"}},
		Package: "handlers/dispatch", Test: "TestNoRefusalHidesAnUnknownOutcome",
	},
	{
		Name:    "what was sent is logged with a refusal",
		Edits:   []planted.Edit{{File: "handlers/dispatch/middleware.go", Old: "if manners[class].level < slog.LevelWarn {", New: "if manners[class].level < slog.LevelDebug {"}},
		Package: "handlers/dispatch", Test: "TestARequestIsLoggedWithoutWhatItSays",
	},
	{
		Name:    "one actor is told of what another one wrote under the same ID",
		Edits:   []planted.Edit{{File: "handlers/command/identify.go", Old: "[]any{r.Name, actor,", New: "[]any{r.Name, actor[:0],"}},
		Package: "handlers/command", Test: "TestAnIDIsOfOneContentOneCommandAndOneActor",
	},
	{
		Name:    "a handler writes under an ID of its own",
		Edits:   []planted.Edit{{File: "handlers/command/receipt.go", Old: "c.ID != id {", New: "c.ID == \"\" {"}},
		Package: "handlers/command", Test: "TestAHandlerThatForgetsTheOptionsIsTold",
	},
	{
		Name:    "the ID that was made is not told with an unknown outcome",
		Edits:   []planted.Edit{{File: "handlers/dispatch/middleware.go", Old: "failure.ID = r.Kind, clip(r.Name), r.ID", New: "failure.ID = r.Kind, clip(r.Name), \"\""}},
		Package: "handlers/command", Test: "TestALostAnswerIsTheFirstResultWhenTheCommandIsSentAgain",
	},
	{
		Name:    "a query passes over a token",
		Edits:   []planted.Edit{{File: "handlers/query/query.go", Old: "&& !call.looked.Load() {", New: "&& call.looked == nil {"}},
		Package: "handlers/query", Test: "TestAQueryThatWaitsForNothingRefusesATokenInsteadOfIgnoringIt",
	},
	{
		Name:  "the body leads past the path",
		Edits: []planted.Edit{{File: "handlers/dispatch/fields.go", Old: "strings.EqualFold(given, name) {", New: "strings.Compare(given, name) == 0 {"}},
		Test:  "TestAFieldIsInThePathOrInTheBodyAndNotInBoth",
	},
	{
		Name:  "what is wrong inside is told outside",
		Edits: []planted.Edit{{File: "handlers/dispatch/failure.go", Old: "Text: cmp.Or(r.Text, m.text)", New: "Text: cmp.Or(r.Text, err.Error())"}},
		Test:  "TestAnErrorIsToldAsFarAsItIsTheCallers",
	},
	{
		Name:  "a browser may come from anywhere",
		Edits: []planted.Edit{{File: "handlers/httpapi/httpapi.go", Old: "a.opts.CrossOrigin.Check(r); err != nil {", New: "a.opts.CrossOrigin.Check(r); err != nil && r == nil {"}},
		Test:  "TestABrowserOfAnotherOriginIsRefused",
	},
	{
		Name:  "an event of anything is a request",
		Edits: []planted.Edit{{File: "handlers/httpapi/lambda.go", Old: `event.Version != "2.0" || `, New: ""}},
		Test:  "TestAnEventOfAnythingElseIsRefused",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		if f.Package == "" {
			f.Package = "handlers/httpapi"
		}
		t.Run(f.Name, func(t *testing.T) { planted.MustBeFoundInTurn(t, f) })
	}
}
