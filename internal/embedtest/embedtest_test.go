package embedtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// What the program is built on: the go command remembers the result of this
	// test, and must run it again when one of these has changed.
	_ "github.com/leftfold/leftfold/aggregate"
	_ "github.com/leftfold/leftfold/eventstore/sqlitestore"
	_ "github.com/leftfold/leftfold/projection/sqliteviews"
)

const program = "testdata/lending"

// mostLines is what the program may have, without comments and blank lines.
const mostLines = 70

func TestAnotherModuleEmbedsLeftfold(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), read(t, filepath.Join(program, "main.go")))
	write(t, filepath.Join(dir, "go.mod"), moduleFile(t, root))
	write(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(root, "go.sum")))

	goCommand(t, dir, "vet", ".")
	goCommand(t, dir, "build", "-o", "lending", ".")
	run := exec.CommandContext(t.Context(), filepath.Join(dir, "lending"))
	run.Dir = dir
	out, err := run.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, `the loan that was sent twice is book-emma@1
Bob was told: lent to Ada
Ada holds 1
at first emma was with Ada
`, string(out))
}

func TestTheProgramIsShort(t *testing.T) {
	t.Parallel()
	n := 0
	for line := range strings.Lines(read(t, filepath.Join(program, "main.go"))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	assert.LessOrEqual(t, n, mostLines)
}

// moduleFile returns the program's go.mod: it requires Leftfold from the folder root,
// and what Leftfold requires in the same versions. So no version is looked up, and
// nothing is downloaded that the build of Leftfold does not need.
func moduleFile(t *testing.T, root string) string {
	t.Helper()
	ours := read(t, filepath.Join(root, "go.mod"))
	_, requirements, found := strings.Cut(ours, "\ngo ")
	require.True(t, found)
	text := strings.ReplaceAll(read(t, filepath.Join(program, "go.mod.txt")), "LEFTFOLD", root)
	return text + "\ngo " + requirements
}

// goCommand runs the go command in a module, whose go.mod and go.sum have to suffice.
func goCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), "go %s\n%s", strings.Join(args, " "), &out)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
