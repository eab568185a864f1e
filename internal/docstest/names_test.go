package docstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// limits are the numbers that the README gives.
var limits = map[string]int{
	"eventstore.MaxCommitBytes":    eventstore.MaxCommitBytes,
	"eventstore.MaxCommitEvents":   eventstore.MaxCommitEvents,
	"eventstore.MaxCommitIDBytes":  eventstore.MaxCommitIDBytes,
	"eventstore.MaxEventTypeBytes": eventstore.MaxEventTypeBytes,
	"eventstore.MaxMetadataBytes":  eventstore.MaxMetadataBytes,
	"eventstore.MaxCategoryBytes":  eventstore.MaxCategoryBytes,
	"eventstore.MaxIDBytes":        eventstore.MaxIDBytes,
	"projection.MaxRowBytes":       projection.MaxRowBytes,
	"eventstore.MaxCommitTypes":    eventstore.MaxCommitTypes,
	"projection.MaxPartitionBytes": projection.MaxPartitionBytes,
	"projection.MaxSortBytes":      projection.MaxSortBytes,
	"projection.MaxPage":           projection.MaxPage,
	"projection.MaxSkips":          projection.MaxSkips,
	"projection.MaxSkipBytes":      projection.MaxSkipBytes,
}

func TestTheLimitsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	given := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| [^|]+ \\| `([^`]+)` \\| ([0-9,]+) \\|$").FindAllStringSubmatch(readme(t).section("Limits"), -1) {
		value, err := strconv.Atoi(strings.ReplaceAll(row[2], ",", ""))
		require.NoError(t, err)
		given[row[1]] = value
	}
	assert.Equal(t, limits, given)
}

// goName is what a document calls by its name in Go: eventstore.Commit,
// eventstore.Revision.Version, aggregate.Options.CacheStreams.
var goName = regexp.MustCompile(`^([a-z]+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?$`)

func TestTheNamesInTheDocumentsAreThere(t *testing.T) {
	t.Parallel()
	declared := declarations(t)
	require.Contains(t, declared, "eventstore.Commit.Last")
	require.Contains(t, declared, "eventstore.Store.Append")
	require.Contains(t, declared, "aggregate.Decider.Evolve")
	named := 0
	for _, p := range pages(t) {
		for _, code := range p.code() {
			match := goName.FindStringSubmatch(code)
			if match == nil || !declared[match[1]] {
				continue
			}
			named++
			assert.True(t, declared[code], "%s names %s, which is not there", p.name, code)
		}
	}
	assert.Greater(t, named, 50)
}

// declarations returns the exported names of the packages of the library, as
// "package", "package.Name" and "package.Type.Member".
func declarations(t *testing.T) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	for name, text := range sources(t) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "examples/") || strings.Contains(name, "testdata/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		pkg := path.Base(path.Dir(name))
		declared[pkg] = true
		for _, d := range file.Decls {
			for _, n := range declaredBy(d) {
				declared[pkg+"."+n] = true
			}
		}
	}
	return declared
}

func declaredBy(d ast.Decl) (names []string) {
	if f, ok := d.(*ast.FuncDecl); ok {
		if f.Recv == nil {
			return []string{f.Name.Name}
		}
		return []string{receiver(f.Recv.List[0].Type) + "." + f.Name.Name}
	}
	for _, s := range d.(*ast.GenDecl).Specs {
		switch s := s.(type) {
		case *ast.ValueSpec:
			for _, n := range s.Names {
				names = append(names, n.Name)
			}
		case *ast.TypeSpec:
			names = append(names, s.Name.Name)
			for _, member := range members(s.Type) {
				names = append(names, s.Name.Name+"."+member)
			}
		}
	}
	return names
}

// receiver returns the type of a method's receiver: T for *T and T[P].
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func members(e ast.Expr) (names []string) {
	var fields *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		fields = e.Fields
	case *ast.InterfaceType:
		fields = e.Methods
	default:
		return nil
	}
	for _, f := range fields.List {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

// logLine is a row of a table of what programs log.
var logLine = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (warning|error|information) \\|")

func TestTheLogLinesInTheDocumentsAreLogged(t *testing.T) {
	t.Parallel()
	calls := map[string]string{"warning": "WarnContext", "error": "ErrorContext", "information": "InfoContext"}
	named := 0
	for _, p := range pages(t) {
		for _, row := range logLine.FindAllStringSubmatch(p.text, -1) {
			named++
			// "…" stands for what is said of several things, in a variable that is called what.
			call := calls[row[2]] + "(ctx, " + strings.ReplaceAll(strconv.Quote(row[1]), "…", `"+what+"`)
			found := false
			for name, text := range sources(t) {
				found = found || !strings.HasSuffix(name, "_test.go") && strings.Contains(text, call)
			}
			assert.True(t, found, "%s says that %q is logged as %s", p.name, row[1], row[2])
		}
	}
	assert.Greater(t, named, 10)
}
