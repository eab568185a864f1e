package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binary is the shop as people run it: built once, without the race detector.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "leftfold-shop-test-")
	if err != nil {
		return "", err
	}
	built = dir
	if err := os.Chmod(dir, 0o755); err != nil { // other users run it too
		return "", err
	}
	path := filepath.Join(dir, "shop")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the shop: %w\n%s", err, out)
	}
	return path, nil
})

var built string // the binary's directory, once there is one

func TestMain(m *testing.M) {
	if os.Getenv(crowdStore) != "" {
		if err := runCrowd(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Many tests wait for processes, and those for leases and pauses: more of them than
	// there are processors fit beside each other.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	server.Main(m)
	if built != "" {
		_ = os.RemoveAll(built)
	}
}

// shop runs commands in a directory of its own, where shop.db is its store.
type shop struct {
	testing.TB
	dir   string
	store string // where it is not shop.db
	env   []string
	as    func(*exec.Cmd)
}

func newShop(tb testing.TB) *shop { return &shop{TB: tb, dir: tb.TempDir()} }

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

// answer is what a command left behind.
type answer struct {
	code           int
	stdout, stderr string
}

// process is a command on its way.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func (s *shop) start(args ...string) *process {
	s.Helper()
	program, err := binary()
	require.NoError(s, err)
	if s.store != "" {
		args = append(args, "--store", s.store)
	}
	p := &process{Cmd: exec.Command(program, args...)}
	p.Dir, p.Env = s.dir, append(append(os.Environ(), "LEFTFOLD_HINTS=1"), s.env...)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if s.as != nil {
		s.as(p.Cmd)
	}
	require.NoError(s, p.Start())
	s.Cleanup(func() { _ = p.Process.Kill() }) // of a test that has failed
	return p
}

// wait returns the answer of a process; the code is -1 if it was killed.
func (p *process) wait() answer {
	_ = p.Wait() // the code says it
	return answer{p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
}

func (s *shop) run(args ...string) answer {
	s.Helper()
	return s.start(args...).wait()
}

// must runs a command that has to succeed, and returns what it printed.
func (s *shop) must(args ...string) string {
	s.Helper()
	a := s.run(args...)
	require.Equal(s, 0, a.code, "shop %s: %s", strings.Join(args, " "), a.stderr)
	return a.stdout
}

// decode reads JSON whose fields are exactly those of T; parse reads those that T has.
func decode[T any](tb testing.TB, text string) (v T) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(tb, d.Decode(&v), text)
	return v
}

func parse[T any](tb testing.TB, text string) (v T) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(tb, d.Decode(&v), text)
	return v
}

// requireSame compares long texts, and shows only the first line that differs.
func requireSame(tb testing.TB, what, want, got string) {
	tb.Helper()
	if want == got {
		return
	}
	wants, gots := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	for i := range min(len(wants), len(gots)) {
		if wants[i] != gots[i] {
			require.Failf(tb, what+" differ", "line %d\nexpected %sis       %s", i+1, wants[i], gots[i])
		}
	}
	require.Failf(tb, what+" differ", "expected %d lines, there are %d", len(wants)-1, len(gots)-1)
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	content, err := os.ReadFile(from)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(to, content, 0o600))
}

func TestTheBinaryAnswersAndNamesItsCommands(t *testing.T) {
	t.Parallel()
	assert.Contains(t, newShop(t).must("--help"), "Look:")
}
