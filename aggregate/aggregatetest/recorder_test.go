package aggregatetest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with the file that is named after the test.
func golden(t *testing.T, text string) {
	t.Helper()
	name := strings.NewReplacer(",", "", "'", "").Replace(filepath.Base(t.Name()))
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	assert.Equal(t, string(want), text)
}

// recorder is a test that remembers what it was told, and goes on.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Helper() {}

func (r *recorder) Error(args ...any) {
	r.text += fmt.Sprintln(args...)
}

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

// stopped is what ends a recorded scenario where a test would end.
type stopped struct{}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	panic(stopped{})
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// told plays a scenario and returns what a test would be told.
func told(t *testing.T, play func(testing.TB)) (text string) {
	t.Helper()
	r := &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != (any)(stopped{}) {
			panic(p)
		}
		text = r.text
	}()
	play(r)
	return r.text
}
