// Package plaintest runs a test in a program that is built without the race detector. It is
// for tests of much data in one goroutine, where the detector finds nothing and takes ten
// times as long.
package plaintest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Run runs the test that calls it once more, in a program of its own without the race
// detector, and fails with it. It returns whether it did, after which the caller has nothing
// left to do: a program that has no detector goes on itself. The variables, as NAME=value, are
// added to its environment.
func Run(t *testing.T, variables ...string) bool {
	t.Helper()
	if !detector {
		return false
	}
	path, err := plain.use(t)
	if err != nil {
		t.Fatal(err)
	}
	name := "^" + regexp.QuoteMeta(t.Name()) + "$"
	cmd := exec.CommandContext(t.Context(), path, "-test.v", "-test.timeout="+flag.Lookup("test.timeout").Value.String(), "-test.run="+name)
	cmd.Env = append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	text := string(out)
	switch {
	case err != nil:
		t.Errorf("without the race detector: %v\n%s", err, text)
	case strings.Contains(text, "--- SKIP: "+t.Name()):
		t.Skipf("without the race detector:\n%s", text)
	case !strings.Contains(text, "--- PASS: "+t.Name()):
		t.Errorf("the test did not run:\n%s", text)
	default:
		t.Logf("without the race detector:\n%s", text)
	}
	return true
}

// program is the program of the package's tests without the detector. Tests that run at once
// share it, and the last one removes it.
type program struct {
	mu    sync.Mutex // held while it is built
	users int
	dir   string
}

var plain program

// use returns the path of the program, which is there until the test ends.
func (p *program) use(t *testing.T) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users == 0 {
		if err := p.build(t); err != nil {
			return "", err
		}
	}
	p.users++
	t.Cleanup(p.leave)
	return p.path(), nil
}

func (p *program) path() string { return filepath.Join(p.dir, "plain.test") }

func (p *program) build(t *testing.T) (err error) {
	if p.dir, err = os.MkdirTemp("", "leftfold-plaintest-"); err != nil {
		return err
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-o", p.path(), ".").CombinedOutput()
	if err != nil {
		_ = os.RemoveAll(p.dir)
		return fmt.Errorf("build without the race detector: %w\n%s", err, out)
	}
	return nil
}

func (p *program) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 {
		_ = os.RemoveAll(p.dir)
	}
}
