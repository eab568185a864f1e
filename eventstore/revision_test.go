package eventstore_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

var when = time.Date(2010, 12, 1, 8, 26, 0, 123_456_000, time.UTC)

// revisions are of all kinds.
func revisions(t require.TestingT) map[string]eventstore.Revision {
	return map[string]eventstore.Revision{
		"no stream":               eventstore.NoStream,
		"any":                     eventstore.Any,
		"a stream's head":         eventstore.NewRevision("store", streamID(t, "user-1"), 42, when),
		"one that is not there":   eventstore.NewRevision("store", streamID(t, "user-1"), 0, when),
		"one before 1970":         eventstore.NewRevision("store", streamID(t, "user-ü"), 1, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)),
		"the last version":        eventstore.NewRevision("store", streamID(t, "user-1"), 1<<63-1, when),
		"one of a nameless store": eventstore.NewRevision("", streamID(t, "user-1"), 1, when),
	}
}

func TestARevisionSurvivesAsText(t *testing.T) {
	t.Parallel()
	for name, r := range revisions(t) {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var back eventstore.Revision
		require.NoError(t, json.Unmarshal(text, &back), name)
		assert.Equal(t, r, back)
		assert.Equal(t, r.Time(), back.Time())
		assert.Equal(t, r.IsAny(), back.IsAny())
	}
}

func TestARevisionDescribesItself(t *testing.T) {
	t.Parallel()
	all := revisions(t)
	assert.Equal(t, "no stream", eventstore.NoStream.String())
	assert.Equal(t, "any", eventstore.Any.String())
	assert.Equal(t, "user-1@42", all["a stream's head"].String())
	assert.Equal(t, "no stream", all["one that is not there"].String())
	assert.Equal(t, when, all["a stream's head"].Time())
	assert.True(t, all["one that is not there"].Time().IsZero())
	assert.Equal(t, eventstore.NoStream, eventstore.Revision{}, "a write that forgets its revision can only create")
}

func TestARevisionIsRefusedForAnotherStreamAndByAnotherStore(t *testing.T) {
	t.Parallel()
	r := eventstore.NewRevision("here", streamID(t, "user-1"), 42, when)
	assert.NoError(t, eventstore.CheckRevision(r, "here", streamID(t, "user-1")))
	assert.NoError(t, eventstore.CheckRevision(eventstore.Any, "here", streamID(t, "user-1")))
	assert.NoError(t, eventstore.CheckRevision(eventstore.NoStream, "here", streamID(t, "user-1")))
	for _, test := range []struct{ store, stream, message string }{
		{"here", "user-2", `append to "user-2" at version 42: the revision belongs to stream user-1`},
		{"there", "user-1", `append to "user-1" at version 42: the revision belongs to another store, or to this one before it was restored`},
	} {
		err := eventstore.CheckRevision(r, test.store, streamID(t, test.stream))
		assert.EqualError(t, err, test.message)
		assert.ErrorIs(t, err, eventstore.ErrRevision)
		assert.Equal(t, "load the stream again and decide anew; drop caches that outlived a restore", eventstore.Hint(err))
	}
	none := eventstore.NewRevision("there", streamID(t, "user-1"), 0, when)
	assert.ErrorIs(t, eventstore.CheckRevision(none, "here", streamID(t, "user-1")), eventstore.ErrRevision, "also where there is no stream yet")
}

// sealed returns the text of a revision with this body and a right checksum: what
// somebody makes who has read this package.
func sealed(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return base64.RawURLEncoding.AppendEncode(nil, append([]byte(body), sum[:8]...))
}

func TestATextThatIsNoRevisionIsRefused(t *testing.T) {
	t.Parallel()
	good := "\x01\x00\x05store\x06user-1\x2a\x00"
	require.NoError(t, new(eventstore.Revision).UnmarshalText(sealed(good)))
	for name, text := range map[string][]byte{
		"nothing":                       {},
		"no base64":                     []byte("!"),
		"too little":                    []byte("AQAA"),
		"no checksum":                   base64.RawURLEncoding.AppendEncode(nil, []byte(good)),
		"another format":                sealed("\x02" + good[1:]),
		"a kind that is none":           sealed("\x01\x02" + good[2:]),
		"a name that is cut short":      sealed("\x01\x00\x05stor"),
		"no version":                    sealed("\x01\x00\x05store\x06user-1"),
		"no time":                       sealed("\x01\x00\x05store\x06user-1\x2a"),
		"something behind it":           sealed(good + "\x00"),
		"a stream that is none":         sealed("\x01\x00\x05store\x04user\x2a\x00"),
		"a version of no stream":        sealed("\x01\x00\x05store\x00\x2a\x00"),
		"a version beyond all":          sealed("\x01\x00\x05store\x06user-1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"),
		"any with a version":            sealed("\x01\x01\x05store\x06user-1\x2a\x00"),
		"any with a store":              sealed("\x01\x01\x05store\x00\x00\x00"),
		"a time before the first":       sealed("\x01\x00\x05store\x06user-1\x00\x02"),
		"a number with a byte too many": sealed("\x01\x00\x05store\x06user-1\xaa\x00\x00"),
	} {
		err := new(eventstore.Revision).UnmarshalText(text)
		assert.ErrorIs(t, err, eventstore.ErrInvalid, name)
		assert.ErrorContains(t, err, "revision", name)
	}
}
