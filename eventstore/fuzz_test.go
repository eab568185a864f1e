package eventstore_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// names are seeds for what is a name and what is none.
var names = []string{"user-17850", "user-", "-1", "user", "user-a-b", "user.x-1", "user-ü", "user-\xff", "user-\x00", "user--", "a-" + strings.Repeat("x", 256), ""}

func FuzzParseStreamID(f *testing.F) {
	for _, name := range names {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, err := eventstore.ParseStreamID(name)
		if err != nil {
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			require.True(t, s.IsZero())
			return
		}
		require.Equal(t, name, s.String())
		again, err := eventstore.NewStreamID(s.Category(), s.ID())
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

func FuzzParseEventID(f *testing.F) {
	for _, name := range names {
		for _, version := range []string{"@1", "@0", "@01", "@", "", "@9223372036854775807", "@9223372036854775808", "@-1", "@1@2"} {
			f.Add(name + version)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := eventstore.ParseEventID(text)
		if err != nil {
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			require.Zero(t, id)
			return
		}
		require.Equal(t, text, id.String())
		require.NotZero(t, id.Version)
		require.False(t, id.Stream.IsZero())
	})
}

// FuzzRevision puts the checksum right, which else would keep the fuzzer from
// getting past it.
func FuzzRevision(f *testing.F) {
	for _, r := range revisions(f) {
		text, err := r.MarshalText()
		require.NoError(f, err)
		body, err := base64.RawURLEncoding.DecodeString(string(text))
		require.NoError(f, err)
		f.Add(string(body[:len(body)-8]), true)
		f.Add(string(text), false)
	}
	f.Fuzz(func(t *testing.T, body string, seal bool) {
		text := []byte(body)
		if seal {
			text = sealed(body)
		}
		var r eventstore.Revision
		if err := r.UnmarshalText(text); err != nil {
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			require.Equal(t, eventstore.NoStream, r)
			return
		}
		again, err := r.MarshalText()
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
		_ = r.String()
		_ = r.Time()
	})
}

// FuzzCursor encodes the body, which else would hide behind base64.
func FuzzCursor(f *testing.F) {
	for _, place := range []string{"", "user-1@7", "user-1@0", "user", "user-ü@9223372036854775807"} {
		for _, start := range []string{"\x01\x00\x01", "\x01\x06\x07", "\x01\x07\x07", "\x01\xff\x1f\x80\x20", "\x01\x80\x00\x01", "\x02\x00\x01", "\x01"} {
			f.Add(start+place, true)
		}
	}
	f.Add("AQABdXNlci0xQDc", false)
	f.Fuzz(func(t *testing.T, body string, encode bool) {
		text := body
		if encode {
			text = base64.RawURLEncoding.EncodeToString([]byte(body))
		}
		var c eventstore.Cursor
		if err := c.UnmarshalText([]byte(text)); err != nil {
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			require.Zero(t, c)
			return
		}
		again, err := c.MarshalText()
		require.NoError(t, err)
		require.Equal(t, text, string(again))
		i, n := c.Segment()
		_, err = eventstore.StartCursor(i, n)
		require.NoError(t, err)
	})
}
