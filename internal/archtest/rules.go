package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// rule is a sentence and what finds the places where it is broken.
type rule struct {
	says   string
	broken func(g graph) []string
}

var rules = []rule{
	{"the event store's core imports the standard library and google/uuid only", coreIsSmall},
	{"a concept package links no SDK and no driver", conceptsLinkNothing},
	{"an import of other people's code is named in the table, and allowed there", thirdPartyIsListed},
	{"the tests of a package link no driver that the package is not built on", testsLinkNoDriver},
	{"arrows point up the list of areas", arrowsPointUp},
	{"a package imports none below itself", parentsKnowNoChildren},
	{"no library package is built on two backends; memory is none", oneBackend},
	{"only tests and test kits import testing, and test kits", kitsAreForTests},
	{"nobody imports an example but examples", examplesAreEnds},
	{"a package is named for what it is about", namesSaySomething},
}

// uuid is the one module that the core imports.
const uuid = "github.com/google/uuid"

// concepts are the packages whose users choose a backend themselves.
var concepts = []string{"eventstore", "aggregate", "projection"}

func coreIsSmall(g graph) (found []string) {
	for _, p := range g.reach(module + "/eventstore") {
		if p != uuid && short(p) != "eventstore" && (isOwn(p) || isThirdParty(p)) {
			found = append(found, "eventstore is built on "+short(p))
		}
	}
	return found
}

func conceptsLinkNothing(g graph) (found []string) {
	for _, concept := range concepts {
		for _, p := range g.reach(module + "/" + concept) {
			if p != uuid && isThirdParty(p) {
				found = append(found, concept+" is built on "+p)
			}
		}
	}
	return found
}

// thirdParty says who may import other people's code. What is not in it nobody may.
var thirdParty = []struct {
	prefix string
	by     func(p string) bool
}{
	{uuid, func(p string) bool { return !under(p, "examples") }},
	{"modernc.org/sqlite", func(p string) bool { return short(p) == "internal/sqlitefile" }},
	{"github.com/aws/aws-sdk-go-v2/service/eventbridge", usesEventBridge},
	{"github.com/aws/aws-sdk-go-v2", usesAWS},
	{"github.com/aws/smithy-go", usesAWS}, // the errors of the SDK
	{"github.com/aws/aws-lambda-go", func(p string) bool { return under(p, "handlers", "examples", "cmd") }},
	{"github.com/klauspost/compress", func(p string) bool { return short(p) == "eventstore/dynamostore" }},
	{"github.com/spf13/cobra", hasCommands},
	{"github.com/spf13/pflag", hasCommands}, // the flags of cobra
	{"github.com/BurntSushi/toml", func(p string) bool { return short(p) == "operator/commands" }},
	{"golang.org/x/term", isTerminal},
	{"github.com/mattn/go-runewidth", isTerminal}, // how wide a text is there
	{"github.com/shopspring/decimal", func(p string) bool { return short(p) == "examples/shop/money" }},
	{"github.com/stretchr/testify", isKit},
	{"go.uber.org/goleak", isKit},
	{"pgregory.net/rapid", isKit},
	{"go.yaml.in/yaml", isKit},
	{"github.com/anishathalye/porcupine", isKit},
}

// usesAWS holds for the packages named for one of its services, or for its streams, and
// for programs, which choose the credentials.
func usesAWS(p string) bool {
	return strings.HasPrefix(path.Base(p), "dynamo") || under(p, "handlers/streams") || usesEventBridge(p)
}

func usesEventBridge(p string) bool {
	return strings.HasPrefix(path.Base(p), "eventbridge") || under(p, "examples", "cmd")
}

func isTerminal(p string) bool { return short(p) == "operator/terminal" }

func hasCommands(p string) bool { return under(p, "examples", "cmd", "operator") }

// drivers are the entries that a binary should not link without need.
var drivers = []string{"modernc.org/sqlite", "github.com/aws/aws-sdk-go-v2"}

func thirdPartyIsListed(g graph) (found []string) {
	for _, n := range g.own() {
		for _, p := range n.Imports {
			if isThirdParty(p) && !isAllowed(n.Path, p) {
				found = append(found, short(n.Path)+" imports "+p)
			}
		}
		for _, p := range n.ofTests() {
			if isThirdParty(p) && !isListed(p) {
				found = append(found, "a test of "+short(n.Path)+" imports "+p)
			}
		}
	}
	return found
}

func isAllowed(by, p string) bool {
	for _, t := range thirdParty {
		if within(p, t.prefix) {
			return t.by(by)
		}
	}
	return false
}

func isListed(p string) bool {
	for _, t := range thirdParty {
		if within(p, t.prefix) {
			return true
		}
	}
	return false
}

func within(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func testsLinkNoDriver(g graph) (found []string) {
	for _, n := range g.own() {
		reached := g.reach(n.Path)
		for _, p := range n.ofTests() {
			for _, driver := range drivers {
				built := slices.ContainsFunc(reached, func(r string) bool { return within(r, driver) })
				if within(p, driver) && !built {
					found = append(found, "a test of "+short(n.Path)+" imports "+p)
				}
			}
		}
	}
	return found
}

// areas are listed with what each may import, beside itself.
var areas = map[string][]string{
	"eventstore": {"internal"},
	"aggregate":  {"eventstore", "internal"},
	"projection": {"eventstore", "internal"},
	"handlers":   {"eventstore", "aggregate", "projection", "internal"},
	"operator":   {"eventstore", "aggregate", "projection", "handlers", "internal"},
	"console":    {"eventstore", "aggregate", "projection", "handlers", "operator", "internal"},
	"cmd":        {"eventstore", "aggregate", "projection", "handlers", "operator", "console", "internal"},
	"examples":   {"eventstore", "aggregate", "projection", "handlers", "operator", "console"},
	// What nobody outside may import serves the areas above it, and knows the core only.
	"internal": {"eventstore"},
}

func arrowsPointUp(g graph) (found []string) {
	for _, n := range g.own() {
		from := area(n.Path)
		if _, known := areas[from]; !known {
			found = append(found, fmt.Sprintf("%q is in no area that is listed", short(n.Path)))
			continue
		}
		for _, p := range n.Imports {
			if isOwn(p) && area(p) != from && !slices.Contains(areas[from], area(p)) {
				found = append(found, short(n.Path)+" imports "+short(p))
			}
		}
	}
	return found
}

func parentsKnowNoChildren(g graph) (found []string) {
	for _, n := range g.own() {
		if area(n.Path) == "examples" { // a program is made of what lies below it
			continue
		}
		for _, p := range n.Imports {
			if strings.HasPrefix(p, n.Path+"/") {
				found = append(found, short(n.Path)+" imports "+short(p))
			}
		}
	}
	return found
}

// technologies begin the names of backends, and of the package that two of them share.
var (
	technologies = []string{memory, "sqlite", "dynamo", "postgres"}
	kinds        = []string{"store", "views", "feed", "file", "table"}
)

// memory is what costs nothing to link, and asks nothing of who uses it.
const memory = "mem"

// technologyOf returns what a package of ours is a backend for, or "".
func technologyOf(p string) string {
	for _, technology := range technologies {
		kind, found := strings.CutPrefix(path.Base(p), technology)
		if found && isOwn(p) && slices.Contains(kinds, kind) {
			return technology
		}
	}
	return ""
}

func oneBackend(g graph) (found []string) {
	for _, n := range g.own() {
		if under(n.Path, "examples", "cmd") {
			continue
		}
		var built []string
		for _, p := range g.reach(n.Path) {
			if t := technologyOf(p); t != "" && t != memory && !slices.Contains(built, t) {
				built = append(built, t)
			}
		}
		if len(built) > 1 {
			slices.Sort(built)
			found = append(found, short(n.Path)+" is built on "+strings.Join(built, " and "))
		}
	}
	return found
}

func kitsAreForTests(g graph) (found []string) {
	for _, n := range g.own() {
		if isKit(n.Path) {
			continue
		}
		for _, p := range n.Imports {
			if within(p, "testing") || isOwn(p) && isKit(p) {
				found = append(found, short(n.Path)+" imports "+short(p))
			}
		}
	}
	return found
}

func examplesAreEnds(g graph) (found []string) {
	for _, n := range g.own() {
		if area(n.Path) == "examples" {
			continue
		}
		for _, p := range n.Imports {
			if isOwn(p) && area(p) == "examples" {
				found = append(found, short(n.Path)+" imports "+short(p))
			}
		}
		for _, p := range n.ofTests() {
			if isOwn(p) && area(p) == "examples" && !(area(n.Path) == "internal" && isKit(n.Path)) {
				found = append(found, "a test of "+short(n.Path)+" imports "+short(p))
			}
		}
	}
	return found
}

// empty are names that say nothing, or that hide a package of the standard library.
var empty = []string{"util", "utils", "common", "helpers", "misc", "shared", "base", "types", "errors", "sync", "tests", "testing"}

func namesSaySomething(g graph) (found []string) {
	for _, n := range g.own() {
		if slices.Contains(empty, n.Name) || slices.Contains(empty, path.Base(n.Path)) {
			found = append(found, fmt.Sprintf("%s is called %s", short(n.Path), n.Name))
		}
	}
	return found
}
