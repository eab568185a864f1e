package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// silentPanics returns the functions of a source file that panic and do not say
// when: their comments have no "Panics if".
func silentPanics(name string, source []byte) (found []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || strings.Contains(strings.Join(strings.Fields(f.Doc.Text()), " "), "Panics if ") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if callee, ok := call.Fun.(*ast.Ident); ok && callee.Name == "panic" {
				found = append(found, fmt.Sprintf("%s: %s panics", files.Position(call.Pos()), f.Name.Name))
			}
			return true
		})
	}
	return found, nil
}

// eachSource calls do for the Go files of a module, with their paths in it. It reads
// all of them, so that the go command, which remembers the results of tests by the
// files that they have read, runs this package's again when one has changed.
func eachSource(root string, do func(name string, source []byte) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if isPassedOver(entry.Name()) && name != "." || name == "tools" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return do(filepath.ToSlash(name), source)
	})
}

// isPassedOver reports whether the go command passes a folder over.
func isPassedOver(folder string) bool {
	return folder == "testdata" || strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_")
}
