// Package planted proves that a test can fail: it plants a fault in a source file,
// for one run of the test only, and expects the test to find it. The file itself is
// not touched; the go command takes the altered text as an overlay.
package planted

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Edit replaces a text that occurs exactly once in a file.
type Edit struct {
	File     string // relative to the module's root
	Old, New string
}

// Fault is a fault to plant, and the test that must find it.
type Fault struct {
	Name    string
	Edits   []Edit
	Package string // of the test, relative to the module's root
	Test    string // as for go test -run
	// Says is a text that the failure must contain, if set.
	Says string
}

const (
	// timeout is for one test with its build. The test itself has a little less, so that
	// one that never ends is not left behind.
	timeout = 5 * time.Minute
	// turns is in how many days each fault has its turn.
	turns = 12
)

// MustBeFound fails t unless the fault makes its test fail. Env is added to the
// environment of the test.
func MustBeFound(t *testing.T, f Fault, env ...string) {
	t.Helper()
	root := moduleRoot(t)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-timeout", "4m", "-ldflags=-s -w", "-overlay", overlay(t, root, f.Edits), "-run", f.Test, "./"+f.Package)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	switch text := out.String(); {
	case err == nil:
		t.Errorf("the fault was not found:\n%s", text)
	case !strings.Contains(text, "--- FAIL"):
		t.Errorf("the test did not run: %v\n%s", err, text)
	case !strings.Contains(text, f.Says):
		t.Errorf("the fault was found, but not for the reason %q:\n%s", f.Says, text)
	default:
		t.Logf("found: %s\n%s", firstLines(text, 12), lineWith(text, f.Says))
	}
}

// MustBeFoundInTurn is MustBeFound for one in twelve faults, others each day, and for all
// where LEFTFOLD_SOAK is set. For each of the rest it makes sure that it could be planted.
func MustBeFoundInTurn(t *testing.T, f Fault, env ...string) {
	t.Helper()
	h := fnv.New32a()
	_, _ = h.Write([]byte(f.Name)) // a hash never fails
	if os.Getenv("LEFTFOLD_SOAK") != "" || (int(h.Sum32()%turns)+time.Now().UTC().YearDay())%turns == 0 {
		MustBeFound(t, f, env...)
		return
	}
	overlay(t, moduleRoot(t), f.Edits)
	t.Log("its turn is another day; LEFTFOLD_SOAK=1 plants it today")
}

// lineWith returns the line in which something is said, which may stand behind the first ones.
func lineWith(text, says string) string {
	for line := range strings.Lines(text) {
		if says != "" && strings.Contains(line, says) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func firstLines(text string, n int) string {
	lines := strings.SplitN(text, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

// overlay writes the altered files and returns the path of the overlay's description.
func overlay(t *testing.T, root string, edits []Edit) string {
	t.Helper()
	dir := t.TempDir()
	altered := map[string]string{}
	for _, e := range edits {
		path := filepath.Join(root, e.File)
		text, done := altered[path]
		if !done {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = string(content)
		}
		if n := strings.Count(text, e.Old); n != 1 {
			t.Fatalf("%s: the text to replace occurs %d times instead of once; bring the fault up to date:\n%s", e.File, n, e.Old)
		}
		altered[path] = strings.Replace(text, e.Old, e.New, 1)
	}
	replace := map[string]string{}
	for path, text := range altered {
		file := filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(path, root), string(filepath.Separator), "_"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = file
	}
	description, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, description, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		t.Fatal("no go.mod above the test")
	}
}
