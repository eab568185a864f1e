package projectiontest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

const recording = `{"id":"shelf-a@1","type":"STORED","schema":1,"schema_version":1,"time":"2026-01-02T03:04:05Z","commit":"one","payload":{"Item":"x"}}
{"id":"shelf-a@2","type":"TAKEN","schema":1,"schema_version":1,"time":"2026-01-02T03:04:05Z","commit":"one","payload":{"Item":"x"}}

{"id":"shelf-b@1","type":"CHECKED","schema":1,"schema_version":1,"time":"2026-01-02T03:04:06Z","commit":"one","metadata":{"actor":"ada"},"payload":{}}
{"id":"shelf-a@3","type":"CLEARED","schema":1,"schema_version":1,"time":"2026-01-02T03:04:07.5Z","commit":"two","payload":{}}
`

const golden = `shelf-a@1 STORED
+   visits "shelf-a"
+     Shelf "a"
+     Last 1
+     Events 1
shelf-a@2 TAKEN
    visits "shelf-a"
      Last 1 → 2
      Events 1 → 2
shelf-b@1 CHECKED
shelf-a@3 CLEARED
-   visits "shelf-a"
-     Shelf "a"
-     Last 2
-     Events 2
`

func record(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recorded.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestARecordingIsReadBackAsTheCommitsThatItWasMadeOf(t *testing.T) {
	t.Parallel()
	var commits []string
	older := `{"id":"shelf-c@1","type":"OLD","schema":1,"schema_version":7,"time":"2026-01-02T03:04:05Z","commit":"three","binary":"AQI="}` + "\n"
	for c, err := range projectiontest.Recorded(record(t, recording+older)) {
		require.NoError(t, err)
		text := fmt.Sprintf("%s@%d-%d %s %s %s", c.Stream, c.First, c.Last(), c.ID, c.Time.Format("15:04:05.0"), c.Metadata.Actor)
		for _, e := range c.Events {
			text += fmt.Sprintf(" %s/%d %s", e.Type, e.Schema, e.Payload)
		}
		commits = append(commits, text)
	}
	require.Equal(t, []string{
		`shelf-a@1-2 one 03:04:05.0  STORED/1 {"Item":"x"} TAKEN/1 {"Item":"x"}`,
		`shelf-b@1-1 one 03:04:06.0 ada CHECKED/1 {}`,
		`shelf-a@3-3 two 03:04:07.5  CLEARED/1 {}`,
		"shelf-c@1-1 three 03:04:05.0  OLD/7 \x01\x02",
	}, commits)
}

func TestARecordingThatCanNotBeReadSaysWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ path, says string }{
		{record(t, recording+"{\n"), "recorded.jsonl:6: "},
		{record(t, `{"id":"shelf-a"}`), "recorded.jsonl:1: "},
		{record(t, `{"id":"shelf-a@1","type":"STORED","schema":1}`), "recorded.jsonl:1: invalid: no event with id, type and schema_version"},
		{"nowhere.jsonl", "nowhere.jsonl"},
	} {
		var last error
		for _, err := range projectiontest.Recorded(c.path) {
			require.NoError(t, last, "nothing comes after an error")
			last = err
		}
		require.ErrorContains(t, last, c.says)
	}
}

// judge notes what becomes of a test.
type judge struct {
	testing.TB
	said string
}

func (j *judge) Helper() {}
func (j *judge) Errorf(format string, args ...any) {
	j.said += fmt.Sprintf(format, args...)
}
func (j *judge) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}

// judged runs Golden and returns what it complains of.
func judged(t *testing.T, p *projection.Projection, recording, path string, opts ...projection.ReplayOption) string {
	t.Helper()
	j := &judge{TB: t}
	done := make(chan struct{}) // closed at the end, also where that is Goexit
	go func() {
		defer close(done)
		projectiontest.Golden(j, p, projectiontest.Recorded(recording), path, opts...)
	}()
	<-done
	return j.said
}

func TestAGoldenFileShowsWhatEachEventDoesToEachRow(t *testing.T) {
	from, path := record(t, recording), filepath.Join(t.TempDir(), "new", "golden.txt")
	require.Contains(t, judged(t, newShelves(), from, path), "LEFTFOLD_UPDATE=1")
	t.Setenv("LEFTFOLD_UPDATE", "1")
	require.Empty(t, judged(t, newShelves(), from, path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, golden, string(text))
	t.Setenv("LEFTFOLD_UPDATE", "")
	require.Empty(t, judged(t, newShelves(), from, path))

	id, err := eventstore.ParseEventID("shelf-a@2")
	require.NoError(t, err)
	require.Contains(t, judged(t, newShelves(), from, path, projection.Skipping(id)), "+shelf-a@2 TAKEN, skipped")
}

func TestAGoldenFileIsNotComparedWhereAnEventFails(t *testing.T) {
	t.Parallel()
	from := record(t, recording+`{"id":"shelf-a@4","type":"NEW","schema":1,"schema_version":1,"commit":"three","time":"2026-01-02T03:04:08Z","payload":{}}`)
	said := judged(t, newShelves(), from, filepath.Join(t.TempDir(), "golden.txt"))
	require.Contains(t, said, "shelf-a@4 of type NEW")
	require.Contains(t, said, "shelf-a@3 CLEARED", "it shows where the history has come to")
}
