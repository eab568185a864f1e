package projectiontest

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Golden holds what a projection makes of a history against a file: for each event the
// rows that it changes, field by field, so that a change of the projection's code is read
// as a change of the file. The history comes from [Recorded], or from the Read of a store.
// An event that fails fails the test.
//
// The file is written anew where $LEFTFOLD_UPDATE is set, or where the tests have a flag
// -update of their own that is set.
func Golden(t testing.TB, p *projection.Projection, history iter.Seq2[eventstore.Commit, error], path string, opts ...projection.ReplayOption) {
	t.Helper()
	var text strings.Builder
	for c, err := range projection.Try(p, history, opts...) {
		if err != nil {
			t.Fatalf("golden file %s: after\n%s%v", path, lastLines(text.String()), err)
		}
		writeChange(&text, c)
	}
	if updating() {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text.String()), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	assert.Equal(t, string(want), text.String(), "%s: LEFTFOLD_UPDATE=1 go test writes it anew", path)
}

func updating() bool {
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		return true
	}
	return os.Getenv("LEFTFOLD_UPDATE") != ""
}

// lastLines is where a history has come to.
func lastLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "")
}

// writeChange writes an event, and a line for each row that it changes and for each field:
// "+" where it is new, "-" where it is gone.
func writeChange(text *strings.Builder, c projection.Change) {
	fmt.Fprintf(text, "%s %s", c.Event, c.Type)
	if c.Skipped {
		text.WriteString(", skipped")
	}
	text.WriteByte('\n')
	for _, row := range c.Rows {
		key := fmt.Sprintf("%q", row.Row.Key.Partition)
		if row.Row.Key.Sort != "" {
			key += fmt.Sprintf(", %q", row.Row.Key.Sort)
		}
		mark, _ := compared(row.Before, row.After)
		fmt.Fprintf(text, "%s   %s %s\n", mark, row.Row.View, key)
		for _, f := range row.Fields() {
			mark, values := compared(f.Before, f.After)
			if f.Name != "" {
				values = f.Name + " " + values
			}
			fmt.Fprintf(text, "%s     %s\n", mark, values)
		}
	}
}

func compared(before, after json.RawMessage) (mark, values string) {
	switch {
	case before == nil:
		return "+", string(after)
	case after == nil:
		return "-", string(before)
	}
	return " ", string(before) + " → " + string(after)
}
