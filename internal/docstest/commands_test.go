package docstest

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the programs print into the transcripts")

// TestTranscriptsAreWhatTheProgramsPrint runs the commands of each block "console",
// in their order and in a folder that the blocks of a document share.
func TestTranscriptsAreWhatTheProgramsPrint(t *testing.T) {
	t.Parallel()
	replayed := 0
	for _, p := range pages(t) {
		dir := t.TempDir()
		for _, b := range p.blocks {
			if b.language != "console" {
				continue
			}
			replayed++
			printed := replay(t, p.name, dir, b.text)
			if *update && printed != b.text {
				rewrite(t, p.name, b.text, printed)
			}
		}
	}
	assert.Greater(t, replayed, 1)
}

// replay runs the commands of a transcript and returns what it should be.
func replay(t *testing.T, name, dir, transcript string) string {
	t.Helper()
	var printed strings.Builder
	for part := range strings.SplitSeq("\n"+transcript, "\n$ ") {
		line, expected, _ := strings.Cut(part, "\n")
		if line == "" {
			continue
		}
		actual := run(t, dir, line)
		if lasting(actual) == lasting(expected) {
			actual = expected
		} else if !*update {
			assert.Equal(t, lasting(expected), lasting(actual), "%s: $ %s\ngo test ./internal/docstest -update writes it anew", name, line)
		}
		printed.WriteString("$ " + line + "\n" + strings.TrimRight(actual, "\n") + "\n")
	}
	return printed.String()
}

func rewrite(t *testing.T, name, from, to string) {
	t.Helper()
	path := filepath.Join(root, name)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
}

// goRun takes a command line apart: variables of its environment, the program, its arguments.
var goRun = regexp.MustCompile(`^((?:[A-Z_]+=\S+ )*)go run \./(\S+)(.*)$`)

// run carries out "go run ./examples/…" by a program that is built once, and returns
// all that it prints.
func run(t *testing.T, dir, line string) string {
	t.Helper()
	match := goRun.FindStringSubmatch(line)
	require.NotNil(t, match, "only go run can be replayed, not %q", line)
	program := filepath.Join(dir, "bin", filepath.Base(match[2]))
	if _, err := os.Stat(program); err != nil {
		// Without the revision, so that what the program says of its build is the same each time.
		build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, "./"+match[2])
		build.Dir = root
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
		linkExamples(t, dir)
	}
	command := exec.CommandContext(t.Context(), program, arguments(match[3])...)
	command.Dir = dir
	command.Env = append(append(os.Environ(), "LEFTFOLD_HINTS=1"), strings.Fields(match[1])...) // as on a terminal
	out, err := command.CombinedOutput()
	text := timeless(string(out))
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
		return text + err.Error() + "\n" // as go run says it
	}
	return text
}

var argument = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)

// arguments are the words of a line; what stands between quotes is one.
func arguments(line string) []string {
	words := argument.FindAllString(line, -1)
	for i, w := range words {
		if q := w[0]; len(w) > 1 && (q == '\'' || q == '"') {
			words[i] = w[1 : len(w)-1]
		}
	}
	return words
}

var (
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	age    = regexp.MustCompile(`\(\d+(\.\d)? s\)`)
	clock  = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  `)
	took   = regexp.MustCompile(`(?m), in \d+(\.\d)? s$`)
)

// timeless puts one moment in place of those around now, and one age in place of those of
// seconds: in a transcript something happens when it is replayed.
func timeless(output string) string {
	output = moment.ReplaceAllStringFunc(output, func(text string) string {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || time.Since(at).Abs() > time.Hour {
			return text
		}
		return "2026-11-22T14:05:09Z"
	})
	output = clock.ReplaceAllString(output, "14:05:09  ")
	output = took.ReplaceAllString(output, ", in 0.3 s")
	return age.ReplaceAllString(output, "(0.3 s)")
}

// linkExamples lets a command name files as seen from the module's root.
func linkExamples(t *testing.T, dir string) {
	t.Helper()
	examples, err := filepath.Abs(filepath.Join(root, "examples"))
	require.NoError(t, err)
	if err := os.Symlink(examples, filepath.Join(dir, "examples")); err != nil {
		require.ErrorIs(t, err, os.ErrExist)
	}
}

// What is another each time: rates, the place of the demo's store, the moment at
// which it is killed, and how far it says it has come.
var (
	rate     = regexp.MustCompile(`[0-9,]+/s`)
	place    = regexp.MustCompile(`\S*leftfold-shop-\S*`)
	killed   = regexp.MustCompile(`(?m)^.*(SIGKILL|acknowledged).*$`)
	digits   = regexp.MustCompile(`[0-9][0-9,:]*`)
	progress = regexp.MustCompile(`(?m)^(trading: |\S+ events of |\S+ events, |(heads|fold|catch-up|compare) +\d+%).*\n`)
)

// lasting returns the part of an output that is the same each time.
func lasting(output string) string {
	output = progress.ReplaceAllString(output, "")
	output = rate.ReplaceAllString(output, "N/s")
	output = place.ReplaceAllString(output, "STORE")
	output = killed.ReplaceAllStringFunc(output, func(line string) string { return digits.ReplaceAllString(line, "N") })
	return strings.TrimRight(output, "\n")
}

var (
	makeTarget = regexp.MustCompile(`\bmake ([a-z]+(?:-[a-z]+)*)\b`)
	makeRule   = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// TestCommandsAreThere looks at commands that are named and not replayed: those of
// blocks "sh", and in the text.
func TestCommandsAreThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	targets := captures(makeRule, string(text))
	for _, p := range pages(t) {
		named := p.code()
		for _, b := range p.blocks {
			if b.language == "sh" {
				named = append(named, strings.Split(b.text, "\n")...)
			}
		}
		for _, command := range named {
			for _, target := range captures(makeTarget, command) {
				assert.Contains(t, targets, target, "%s: %s", p.name, command)
			}
			if match := goRun.FindStringSubmatch(command); match != nil {
				_, err := os.Stat(filepath.Join(root, match[2], "main.go"))
				assert.NoError(t, err, "%s: %s", p.name, command)
			}
		}
	}
}

var shopCommand = regexp.MustCompile(`^shop ([a-z]+)`)

func TestTheShopHasTheCommandsThatAreNamed(t *testing.T) {
	t.Parallel()
	help := run(t, t.TempDir(), "go run ./examples/shop --help")
	known := captures(regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`), help)
	named := map[string]bool{"help": true}
	for _, p := range pages(t) {
		for _, code := range p.code() {
			if match := shopCommand.FindStringSubmatch(code); match != nil {
				assert.Contains(t, known, match[1], "%s: %s", p.name, code)
				named[match[1]] = true
			}
		}
	}
	for _, command := range known {
		assert.True(t, named[command], "no document names shop %s", command)
	}
}
