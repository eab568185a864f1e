package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The demo proves itself; here it is held to having done so, twice, under both names.
func TestTheDemoProvesThatNothingWasLostAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	temp := t.TempDir()
	program, err := binary()
	require.NoError(t, err)
	for _, demo := range []struct {
		args []string
		path string
		next string
	}{{nil, "", goRun}, {[]string{"demo"}, filepath.Dir(program) + ":", "shop"}} { // the second is installed
		s.env = []string{"TMPDIR=" + temp, "PATH=" + demo.path + os.Getenv("PATH")}
		a := s.run(demo.args...)
		require.Equal(t, 0, a.code, a.stderr)
		assert.Regexp(t, demoOutput, a.stdout)
		assert.Contains(t, a.stdout, "\n  "+demo.next+" load examples/shop/sample.csv\n")
		for _, dir := range []string{temp, s.dir} {
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left)
		}
	}
}

func TestWhatTheDemoSaysToTryNextWorks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(filepath.Join(root, "examples"), s.path("examples")))
	commands := 0
	for line := range strings.Lines(tryNext) {
		if args, ok := strings.CutPrefix(strings.TrimSpace(line), goRun+" "); ok {
			assert.NotEmpty(t, s.must(strings.Fields(args)...), line)
			commands++
		}
	}
	assert.Equal(t, 5, commands)
}

func TestAnInterruptedDemoLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	temp := t.TempDir()
	s.env = []string{"TMPDIR=" + temp}
	demo := s.start("demo")
	trading := func() bool {
		logs, err := filepath.Glob(filepath.Join(temp, "*", "shop.db-wal"))
		return err == nil && len(logs) > 0
	}
	require.Eventually(t, trading, time.Minute, time.Millisecond)
	require.NoError(t, demo.Process.Signal(os.Interrupt))
	a := demo.wait()
	assert.Equal(t, exitInterrupted, a.code, a.stderr)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

var demoOutput = regexp.MustCompile(`^A day of trade: 2,400 orders of \d+ customers, on sqlite:\S+shop\.db
SIGKILL at \d\d:\d\d, after ([\d,]+) acknowledged orders\.
Another process opens the store and sends the whole day again, since no till knows how far it got\.
  ✔ every acknowledged order is there, ([\d,]+) of [\d,]+
  ✔ every order took effect once: 4,273 events, no gap, none doubled
  ✔ the views equal a plain fold of the events: [\d,]+ rows

Best sellers
PRODUCT +SALES .*
(\S+ +[\d.]+ .*
){5}
customer \d+: spent [\d.]+ in [\d,]+ purchases?, returned [\d.]+ in [\d,]+ returns?

DATE +PURCHASE .*
(2026-11-27 \d\d:\d\d  user-.*
){5}
The same customer at noon, folded from the events up to then: version \d+, spent [\d.]+, returned [\d.]+

Try next, (.*
)+$`)
