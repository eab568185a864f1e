package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// transcript is what a person sees who types some commands: it is held against a
// golden file.
type transcript struct {
	*shop
	text strings.Builder
}

func newTranscript(t *testing.T) *transcript { return &transcript{shop: newShop(t)} }

// note says what happens between the commands.
func (t *transcript) note(text string) { fmt.Fprintf(&t.text, "# %s\n", text) }

// types runs a command line, whose words are separated by one space each.
func (t *transcript) types(line string) {
	t.Helper()
	t.answered(line, t.run(strings.Split(line, " ")...))
}

func (t *transcript) answered(line string, a answer) {
	fmt.Fprintf(&t.text, "$ shop %s\n", line)
	for _, stream := range []struct{ mark, text string }{{"out", a.stdout}, {"err", a.stderr}} {
		for line := range strings.Lines(stream.text) {
			fmt.Fprintf(&t.text, "%s: %s\n", stream.mark, strings.TrimSuffix(line, "\n"))
		}
	}
	fmt.Fprintf(&t.text, "exit %d\n\n", a.code)
}

// moving are parts that differ between runs.
var moving = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[\d,]+/s`), "N/s"},
	{regexp.MustCompile(`part invoice-\d+-1`), "part invoice-N-1"},
	{regexp.MustCompile(`(?m)^err: time=\S+ level=.*\n`), ""}, // the log
}

// compare holds the transcript against testdata/NAME.txt.
func (t *transcript) compare(name string) {
	t.Helper()
	text := strings.ReplaceAll(t.text.String(), t.dir, "DIR")
	for _, m := range moving {
		text = m.pattern.ReplaceAllString(text, m.instead)
	}
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with: go test ./examples/shop -update")
	assert.Equal(t, string(want), text)
}

func (t *transcript) put(name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(t.path(name), []byte(content), 0o600))
}
