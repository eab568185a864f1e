package viewstest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

var manifestClauses = []clause{
	{"come back as they were put, part by part, also an empty one", manifestsKept},
	{"are of one generation and one attempt", manifestsApart},
	{"are replaced part by part", manifestsReplaced},
	{"that were not put are not found", manifestsMissing},
	{"may be as large as the limit says, whatever their streams are called", manifestsLarge},
	{"refuse one byte too many with both numbers", manifestsTooLarge},
	{"refuse a stream without a version", manifestsWithoutVersion},
}

func (f *fixture) putManifest(t *testing.T, attempt string, part int, heads ...projection.Head) {
	t.Helper()
	require.NoError(t, f.views.PutManifest(t.Context(), f.generation, attempt, part, heads))
}

func (f *fixture) manifest(t *testing.T, attempt string, part int) []projection.Head {
	t.Helper()
	heads, err := f.views.Manifest(t.Context(), f.generation, attempt, part)
	require.NoError(t, err)
	return heads
}

func (f *fixture) noManifest(t *testing.T, attempt string, part int) {
	t.Helper()
	heads, err := f.views.Manifest(t.Context(), f.generation, attempt, part)
	require.ErrorIs(t, err, projection.ErrNotFound)
	assert.Empty(t, heads)
}

func head(id string, v eventstore.Version) projection.Head {
	return projection.Head{Stream: stream(id), Version: v}
}

func manifestsKept(t *testing.T, f *fixture) {
	const far = 1<<63 - 1
	first, second := []projection.Head{head("b", 3), head("a", far)}, []projection.Head{head("a", 1)} // in no order
	f.putManifest(t, "one", 0, first...)
	f.putManifest(t, "one", 10, second...)
	f.putManifest(t, "one", 2)
	first[0] = projection.Head{} // nothing is kept of the arguments
	assert.Equal(t, []projection.Head{head("b", 3), head("a", far)}, f.manifest(t, "one", 0))
	assert.Equal(t, second, f.manifest(t, "one", 10))
	assert.Empty(t, f.manifest(t, "one", 2))
	f.manifest(t, "one", 0)[0] = projection.Head{} // what is returned belongs to the caller
	assert.Equal(t, head("b", 3), f.manifest(t, "one", 0)[0])
}

func manifestsApart(t *testing.T, f *fixture) {
	name := f.generation.Projection
	places := []*fixture{f, f.of(projection.GenerationID{Projection: name, Number: 11}), f.of(projection.GenerationID{Projection: name + "-1", Number: 1})}
	attempts := []string{"a", "a|1", "1", "a 1"}
	for i, p := range places {
		for j, attempt := range attempts {
			for part := range 2 {
				p.putManifest(t, attempt, part, head(fmt.Sprintf("%d-%d", i, j), eventstore.Version(part+1)))
			}
		}
	}
	for i, p := range places {
		for j, attempt := range attempts {
			for part := range 2 {
				want := head(fmt.Sprintf("%d-%d", i, j), eventstore.Version(part+1))
				require.Equal(t, []projection.Head{want}, p.manifest(t, attempt, part))
			}
		}
	}
	assert.Equal(t, contents{}, f.contents(t, "v"), "they are no checkpoints")
}

func manifestsReplaced(t *testing.T, f *fixture) {
	f.putManifest(t, "one", 0, head("a", 1), head("b", 2))
	f.putManifest(t, "one", 1, head("c", 3))
	f.putManifest(t, "one", 0, head("b", 4))
	assert.Equal(t, []projection.Head{head("b", 4)}, f.manifest(t, "one", 0))
	assert.Equal(t, []projection.Head{head("c", 3)}, f.manifest(t, "one", 1))
}

func manifestsMissing(t *testing.T, f *fixture) {
	f.noManifest(t, "one", 0)
	f.putManifest(t, "one", 0, head("a", 1))
	f.noManifest(t, "one", 1)
	f.noManifest(t, "two", 0)
	f.of(projection.GenerationID{Projection: f.generation.Projection, Number: 2}).noManifest(t, "one", 0)
}

// manifestOf returns a part of exactly so many bytes, of names that take room as JSON.
func manifestOf(size int) (heads []projection.Head) {
	const prefix, tail = len("user-"), 100
	for i := 0; size > 0; i++ {
		unique := fmt.Sprintf("%04d", i)
		n := min(eventstore.MaxIDBytes, size-projection.HeadBytes-prefix)
		if left := size - projection.HeadBytes - prefix - n; left > 0 && left < tail { // too little for another one
			n -= tail
		}
		heads = append(heads, head(unique+strings.Repeat(`"`, n-len(unique)), 1<<63-1))
		size -= n + prefix + projection.HeadBytes
	}
	return heads
}

func manifestsLarge(t *testing.T, f *fixture) {
	heads := manifestOf(projection.MaxManifestBytes)
	f.putManifest(t, "one", 0, heads...)
	same(t, heads, f.manifest(t, "one", 0))
	var odd []projection.Head
	for i, id := range append([]string{"\u2028", "<&>", "a@1", `\`}, likeEachOther...) {
		odd = append(odd, head(id, eventstore.Version(i+1)))
	}
	f.putManifest(t, "one", 1, odd...)
	assert.Equal(t, odd, f.manifest(t, "one", 1))
}

func manifestsTooLarge(t *testing.T, f *fixture) {
	f.putManifest(t, "one", 0, head("a", 1))
	err := f.views.PutManifest(t.Context(), f.generation, "one", 0, manifestOf(projection.MaxManifestBytes+1))
	require.ErrorIs(t, err, eventstore.ErrTooLarge)
	too, ok := errors.AsType[*projection.LimitError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, []int{projection.MaxManifestBytes + 1, projection.MaxManifestBytes}, []int{too.Size, too.Limit})
	assert.Equal(t, []projection.Head{head("a", 1)}, f.manifest(t, "one", 0))
}

func manifestsWithoutVersion(t *testing.T, f *fixture) {
	for _, bad := range []projection.Head{head("a", 0), {Version: 1}} {
		require.ErrorIs(t, f.views.PutManifest(t.Context(), f.generation, "one", 0, []projection.Head{head("b", 1), bad}), eventstore.ErrInvalid)
	}
	f.noManifest(t, "one", 0)
}
