package archtest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheModuleKeepsItsRules(t *testing.T) {
	t.Parallel()
	g, err := load(t.Context(), "../..")
	require.NoError(t, err)
	require.Contains(t, g, module+"/eventstore", "otherwise nothing was looked at")
	require.Contains(t, g, "modernc.org/sqlite", "otherwise nothing was looked at")
	for _, r := range rules {
		t.Run(r.says, func(t *testing.T) {
			for _, place := range r.broken(g) {
				t.Error(place)
			}
		})
	}
}

// made returns the graph of some packages. Ours are written without the module.
func made(packages ...node) graph {
	g := graph{}
	for _, n := range packages {
		n.Path = full(n.Path)
		for _, imports := range [][]string{n.Imports, n.TestImports, n.XTestImports} {
			for i := range imports {
				imports[i] = full(imports[i])
			}
		}
		g[n.Path] = &n
	}
	return g
}

// full puts the module before a path that begins with one of its areas.
func full(p string) string {
	if _, ours := areas[area(module+"/"+p)]; ours {
		return module + "/" + p
	}
	return p
}

// broken are made-up modules that break a rule, each in the places that it must
// find, beside imports that it must let pass.
var broken = map[string]struct {
	graph  graph
	places []string
}{
	"the event store's core imports the standard library and google/uuid only": {
		graph: made(
			node{Path: "eventstore", Imports: []string{"context", uuid, "internal/frame", "example.com/codec"}},
			node{Path: "internal/frame", Imports: []string{"example.com/crc"}},
			node{Path: uuid, Imports: []string{"net"}},
		),
		places: []string{"eventstore is built on example.com/codec", "eventstore is built on example.com/crc", "eventstore is built on internal/frame"},
	},
	"a concept package links no SDK and no driver": {
		graph: made(
			node{Path: "eventstore", Imports: []string{uuid}},
			node{Path: "aggregate", Imports: []string{"eventstore", "internal/sqlitefile"}},
			node{Path: "projection", Imports: []string{"eventstore", "log/slog", uuid}},
			node{Path: "internal/sqlitefile", Imports: []string{"modernc.org/sqlite"}},
		),
		places: []string{"aggregate is built on modernc.org/sqlite"},
	},
	"an import of other people's code is named in the table, and allowed there": {
		graph: made(
			node{Path: "internal/sqlitefile", Imports: []string{"modernc.org/sqlite", "modernc.org/sqlite/lib"}},
			node{Path: "eventstore/sqlitestore", Imports: []string{"internal/sqlitefile", "modernc.org/sqlite"}},
			node{Path: "eventstore/storetest", Imports: []string{"pgregory.net/rapid"}},
			node{Path: "aggregate", Imports: []string{"github.com/spf13/cobra"}, TestImports: []string{"github.com/stretchr/testify/assert"}},
			node{Path: "examples/shop", Imports: []string{"github.com/spf13/cobra", "github.com/spf13/cobras"}, XTestImports: []string{"example.com/mock"}},
		),
		places: []string{
			"aggregate imports github.com/spf13/cobra",
			"eventstore/sqlitestore imports modernc.org/sqlite",
			"examples/shop imports github.com/spf13/cobras",
			"a test of examples/shop imports example.com/mock",
		},
	},
	"the tests of a package link no driver that the package is not built on": {
		graph: made(
			node{Path: "internal/sqlitefile", Imports: []string{"modernc.org/sqlite"}, TestImports: []string{"modernc.org/sqlite/lib"}},
			node{Path: "eventstore/sqlitestore", Imports: []string{"internal/sqlitefile"}, XTestImports: []string{"modernc.org/sqlite"}},
			node{Path: "projection", XTestImports: []string{"modernc.org/sqlite"}},
		),
		places: []string{"a test of projection imports modernc.org/sqlite"},
	},
	"arrows point up the list of areas": {
		graph: made(
			node{Path: "eventstore", Imports: []string{"aggregate"}},
			node{Path: "aggregate", Imports: []string{"eventstore", "projection"}},
			node{Path: "projection/sqliteviews", Imports: []string{"eventstore", "projection", "internal/sqlitefile"}},
			node{Path: "internal/sqlitefile", Imports: []string{"eventstore", "projection"}},
			node{Path: "examples/shop", Imports: []string{"aggregate", "examples/shop/money", "internal/frame"}},
			node{Path: module + "/extras", Imports: []string{"eventstore"}},
		),
		places: []string{
			"aggregate imports projection",
			"eventstore imports aggregate",
			"examples/shop imports internal/frame",
			`"extras" is in no area that is listed`,
			"internal/sqlitefile imports projection",
		},
	},
	"a package imports none below itself": {
		graph: made(
			node{Path: "eventstore", Imports: []string{"eventstore/memstore"}},
			node{Path: "eventstore/memstore", Imports: []string{"eventstore"}},
			node{Path: "examples/shop", Imports: []string{"examples/shop/money"}},
		),
		places: []string{"eventstore imports eventstore/memstore"},
	},
	"no library package is built on two backends; memory is none": {
		graph: made(
			node{Path: "projection/projectiontest", Imports: []string{"eventstore/memstore", "projection/memviews"}},
			node{Path: "projection/sqliteviews", Imports: []string{"internal/sqlitefile"}},
			node{Path: "operator/dynamocost", Imports: []string{"projection/memviews", "projection/dynamoviews"}},
			node{Path: "projection/dynamoviews", Imports: []string{"internal/dynamotable"}},
			node{Path: "eventstore/open", Imports: []string{"eventstore/dynamostore", "eventstore/files"}},
			node{Path: "eventstore/files", Imports: []string{"eventstore/sqlitestore"}},
			node{Path: "eventstore/sqlitestore", Imports: []string{"internal/sqlitefile"}},
			node{Path: "examples/shop", Imports: []string{"eventstore/memstore", "eventstore/sqlitestore"}},
		),
		places: []string{"eventstore/open is built on dynamo and sqlite"},
	},
	"only tests and test kits import testing, and test kits": {
		graph: made(
			node{Path: "eventstore/storetest", Imports: []string{"testing", "internal/planted"}},
			node{Path: "eventstore/memstore", Imports: []string{"eventstore"}, XTestImports: []string{"eventstore/storetest"}},
			node{Path: "aggregate", Imports: []string{"testing/synctest", "eventstore/storetest"}},
			node{Path: "internal/planted", Imports: []string{"testing"}},
			node{Path: "eventstore/storetest/play", Imports: []string{"eventstore/storetest"}},
			node{Path: "examples/shop", Imports: []string{"eventstore/storetest/play"}},
		),
		places: []string{"aggregate imports testing/synctest", "aggregate imports eventstore/storetest", "examples/shop imports eventstore/storetest/play"},
	},
	"nobody imports an example but examples": {
		graph: made(
			node{Path: "aggregate", XTestImports: []string{"examples/shop/money"}},
			node{Path: "internal/frame", Imports: []string{"examples/shop/money"}},
			node{Path: "internal/docstest", TestImports: []string{"examples/shop/retail"}},
			node{Path: "examples/shop/retail", Imports: []string{"examples/shop/money"}},
		),
		places: []string{"a test of aggregate imports examples/shop/money", "internal/frame imports examples/shop/money"},
	},
	"a package is named for what it is about": {
		graph: made(
			node{Path: "eventstore/errors", Name: "errors"},
			node{Path: "internal/retry", Name: "util"},
			node{Path: "internal/frame", Name: "frame"},
		),
		places: []string{"eventstore/errors is called errors", "internal/retry is called util"},
	},
}

func TestARuleFindsWhereItIsBroken(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		t.Run(r.says, func(t *testing.T) {
			require.Contains(t, broken, r.says, "a rule needs a module that breaks it")
			assert.Equal(t, broken[r.says].places, r.broken(broken[r.says].graph))
		})
	}
}
