// Package plaintest runs a test in a program that is built without the race detector. It is
// for tests of much data in one goroutine, where the detector finds nothing and takes ten
// times as long.
package plaintest

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Run runs the test that calls it once more, in a program of its own without the race
// detector, and fails with it. It returns whether it did, after which the caller has nothing
// left to do: a program that has no detector goes on itself.
func Run(t *testing.T) bool {
	t.Helper()
	if !detector {
		return false
	}
	name := "^" + regexp.QuoteMeta(t.Name()) + "$"
	out, err := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-vet=off", "-v", "-timeout", "20m", "-run", name, ".").CombinedOutput()
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
