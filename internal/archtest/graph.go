// Package archtest holds what may import what. The rules stand in rules.go, each
// with a sentence; the test applies them to the module, and to made-up modules
// that break them.
package archtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

const module = "github.com/leftfold/leftfold"

// node is a package of the module, or one that it is built on.
type node struct {
	Path     string `json:"ImportPath"`
	Name     string
	Standard bool
	// Imports are those of the package itself, TestImports those of its tests.
	Imports     []string
	TestImports []string
	// XTestImports are those of its tests in a package of their own.
	XTestImports []string
}

// graph is the packages by their import paths.
type graph map[string]*node

// load asks the go command for the packages of the module in dir, and for all that
// they are built on.
func load(ctx context.Context, dir string) (graph, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Name,Standard,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	g := graph{}
	for packages := json.NewDecoder(&stdout); ; {
		var n node
		if err := packages.Decode(&n); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		g[n.Path] = &n
	}
}

// own returns the packages of the module, sorted by path.
func (g graph) own() []*node {
	var nodes []*node
	for _, p := range slices.Sorted(maps.Keys(g)) {
		if isOwn(p) {
			nodes = append(nodes, g[p])
		}
	}
	return nodes
}

// reach returns everything that a package is built on, itself included, sorted.
func (g graph) reach(from string) []string {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(p string) {
		if seen[p] {
			return
		}
		seen[p] = true
		if n := g[p]; n != nil {
			for _, i := range n.Imports {
				visit(i)
			}
		}
	}
	visit(from)
	return slices.Sorted(maps.Keys(seen))
}

// ofTests returns the imports of a package's tests, beside its own.
func (n *node) ofTests() []string {
	return slices.DeleteFunc(slices.Concat(n.TestImports, n.XTestImports), func(p string) bool { return slices.Contains(n.Imports, p) })
}

func isOwn(p string) bool { return p == module || strings.HasPrefix(p, module+"/") }

// isThirdParty reports whether a package is neither ours nor of the standard
// library, which has no dot in the first part of its paths.
func isThirdParty(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !isOwn(p) && strings.Contains(first, ".")
}

// short is a path of ours without the module.
func short(p string) string {
	if isOwn(p) {
		return strings.TrimPrefix(strings.TrimPrefix(p, module), "/")
	}
	return p
}

// area is the first part of a path of ours: "eventstore" for eventstore/memstore.
func area(p string) string {
	first, _, _ := strings.Cut(short(p), "/")
	return first
}

// under reports whether a path is one of some paths of ours, or below one.
func under(p string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return short(p) == root || strings.HasPrefix(short(p), root+"/")
	})
}

// isKit reports whether a package of ours helps tests, or lies below one that does: it
// may import testing, and only tests and other kits import it.
func isKit(p string) bool {
	named := slices.ContainsFunc(strings.Split(short(p), "/"), func(part string) bool { return strings.HasSuffix(part, "test") })
	return named || short(p) == "internal/planted"
}
