package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var directoryClauses = []clause{
	{"the streams of a category come once each, in the byte order of their names", func(t *fixture) {
		var streams []eventstore.StreamID
		for _, id := range []string{"2", "10", "1", "B", "a", "A", "b-1", "b", "-", "é", "e", "日本", "~", " ", "1-1", "1.1", "%", "_"} {
			streams = append(streams, t.stream(id))
			t.history(t.stream(id), 2, 1)
		}
		slices.SortFunc(streams, eventstore.StreamID.Compare)
		t.listed(t.category, streams...)
	}},
	{"no stream of another category is among them, however similar its name", func(t *fixture) {
		categories := []string{t.category, t.category + "2", t.category + ".x", t.category + "_", t.category + ".",
			t.category[:len(t.category)-1], strings.ToUpper(t.category), t.category + "0", t.category + "A"}
		for _, category := range categories {
			for _, id := range []string{"1", "-", "1-" + t.category, ".x-1", "2-1"} {
				t.must(writeAt(eventstore.NoStream, streamOf(t, category, id), "A"))
			}
		}
		for _, category := range categories {
			t.listed(category, streamOf(t, category, "-"), streamOf(t, category, ".x-1"), streamOf(t, category, "1"),
				streamOf(t, category, "1-"+t.category), streamOf(t, category, "2-1"))
		}
	}},
	{"those after a stream only, whether it exists or not", func(t *fixture) {
		var streams []eventstore.StreamID
		for i := range 20 {
			streams = append(streams, t.stream(fmt.Sprintf("%02d", i)))
			t.history(streams[i], 1)
		}
		t.listed(t.category, streams...)
		for i, after := range streams {
			assert.Equal(t, streams[i+1:], append([]eventstore.StreamID{}, t.streams(t.category, after)...))
		}
		assert.Equal(t, streams[5:], t.streams(t.category, t.stream("04x")))
		assert.Empty(t, t.streams(t.category, t.stream("20")))
		assert.Equal(t, streams, t.streams(t.category, t.stream("!")))
		assert.Equal(t, streams, t.streams(t.category, streamOf(t, "A", "1")), "a category before this one")
		assert.Empty(t, t.streams(t.category, streamOf(t, t.category+"0", "1")), "a category behind this one")
	}},
	{"a category of more than a thousand streams is listed whole", func(t *fixture) {
		const n = 1_100
		together(8, func(worker int) {
			for i := worker; i < n; i += 8 {
				_, err := t.Store.Append(t.Context(), writeAt(eventstore.NoStream, t.stream(fmt.Sprintf("%05d", i)), "A"))
				assert.NoError(t, err)
			}
		})
		t.eventually(func() bool { return len(t.streams(t.category, eventstore.StreamID{})) == n }, "the streams are listed")
		streams := t.streams(t.category, eventstore.StreamID{})
		assert.True(t, slices.IsSortedFunc(streams, eventstore.StreamID.Compare))
		assert.Len(t, slices.Compact(streams), n)
		assert.Len(t, t.streams(t.category, streams[499]), n-500)
	}},
	{"it is read as it is consumed: it may be abandoned, and stops no append", func(t *fixture) {
		for i := range 10 {
			t.history(t.stream(fmt.Sprint(i)), 1)
		}
		t.eventually(func() bool { return len(t.streams(t.category, eventstore.StreamID{})) == 10 }, "the streams are listed")
		seen := 0
		for stream, err := range t.Directory.Streams(t.Context(), t.category, eventstore.StreamID{}) {
			require.NoError(t, err)
			t.must(writeAt(eventstore.Any, stream, "MEANWHILE"))
			if seen++; seen == 5 {
				break
			}
		}
		assert.Equal(t, 5, seen)
	}},
	{"a category that nobody uses has no streams", func(t *fixture) {
		t.history(t.stream("1"), 1)
		assert.Empty(t, t.streams(newCategory(), eventstore.StreamID{}))
	}},
	{"what can be no category is refused", func(t *fixture) {
		t.history(t.stream("1-1"), 1)
		for _, category := range []string{"", t.category + "-1", "ü", "a b", "%", strings.Repeat("x", eventstore.MaxCategoryBytes+1)} {
			_, err := collect(t.Directory.Streams(t.Context(), category, eventstore.StreamID{}))
			assert.ErrorIs(t, err, eventstore.ErrInvalid, category)
		}
	}},
}

func (t *fixture) streams(category string, after eventstore.StreamID) []eventstore.StreamID {
	t.Helper()
	return all(t, t.Directory.Streams(t.Context(), category, after))
}

// listed says that a category comes to have exactly these streams: a directory
// may show a new one late.
func (t *fixture) listed(category string, want ...eventstore.StreamID) {
	t.Helper()
	t.eventually(func() bool { return len(t.streams(category, eventstore.StreamID{})) >= len(want) }, "the streams are listed")
	assert.Equal(t, want, t.streams(category, eventstore.StreamID{}))
}
