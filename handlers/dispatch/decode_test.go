package dispatch

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

type line struct {
	Product string            `json:"product" example:"85123A"`
	Units   int               `json:"units" example:"6"`
	Notes   map[string]string `json:"notes,omitempty"`
}

type stamped struct {
	At time.Time `json:"at"`
}

type order struct {
	stamped
	User   string                `json:"user" example:"17850"`
	Lines  []line                `json:"lines"`
	Gift   bool                  `json:"gift"`
	Tags   []string              `json:"tags"`
	Price  *float64              `json:"price"`
	Stream eventstore.StreamID   `json:"stream" example:"user-17850"`
	Like   *order                `json:"like,omitempty"`
	Hidden string                `json:"-"`
	Others []eventstore.StreamID `json:"others,omitempty" example:"[\"user-2\"]"`
}

func TestOnlyOneObjectOfTheTypeIsDecoded(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`null`:                         "no JSON object",
		`[]`:                           "no JSON object",
		`"x"`:                          "no JSON object",
		`{"user":"a"} {}`:              "something follows",
		`{"user":"a"}]`:                "something follows",
		`{"user":"a"`:                  "unexpected EOF",
		`{"usr":"a"}`:                  `unknown field "usr"`,
		`{"Hidden":"a"}`:               `unknown field "Hidden"`,
		`{"user":1}`:                   `field "user" can not be a number`,
		`{"lines":[{"units":"6"}]}`:    `can not be a string`,
		`{"user":"a","user":"b"}`:      `field "user" stands twice`,
		`{"user":"a","\u0075ser":"b"}`: `field "user" stands twice`,
		`{"user":"a","USER":"b"}`:      `field "USER" stands twice`,
		`{"stream":"user"}`:            "no hyphen",
		`{"lines":[{},{"product":"a","units":1,"product":"b"}]}`: `field "product" stands twice`,
		`{"lines":[{"notes":{"a":"a","b":"x","a":"c"}}]}`:        `field "a" stands twice`,
		strings.Repeat(`{"like":`, 20_000):                       "exceeded max depth",
	} {
		_, err := decode([]byte(text), reflect.TypeFor[order]())
		assert.ErrorIs(t, err, eventstore.ErrInvalid, text)
		assert.ErrorContains(t, err, says)
	}
	for _, text := range []string{``, ` `, `{}`, ` {"user":"user", "lines":[{"notes":{"user":"notes","a":"a"}},{"product":"lines"}]}` + "\n",
		`{"lines":[],"user":"a","tags":["user","user","lines"],"like":{"user":"a","lines":[]}}`} {
		_, err := decode([]byte(text), reflect.TypeFor[order]())
		assert.NoError(t, err, text)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"user":"a","lines":[{"product":"b","units":1,"notes":{"a":"b"}}],"like":{"gift":true}}`))
	f.Add([]byte(`{"user":"a","user":"b"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := decode(text, reflect.TypeFor[order]())
		if err != nil {
			require.ErrorIs(t, err, eventstore.ErrInvalid)
			return
		}
		canonical, err := Canonical(text)
		require.NoError(t, err)
		q, err := decode(canonical, reflect.TypeFor[order]())
		require.NoError(t, err, "%s", canonical)
		require.Equal(t, p.Interface(), q.Interface(), "%s", canonical)
	})
}

func TestTheCanonicalTextIsOneForOneContent(t *testing.T) {
	t.Parallel()
	same := func(a, b string) bool {
		x, err := Canonical([]byte(a))
		require.NoError(t, err)
		y, err := Canonical([]byte(b))
		require.NoError(t, err)
		return string(x) == string(y)
	}
	assert.True(t, same(`{"a":1,"b":{"c":[1,2],"d":"é"}}`, ` { "b":{"d":"\u00e9", "c":[1, 2]}, "a":1 }`))
	assert.True(t, same(``, `{}`))
	assert.False(t, same(`{"a":[1,2]}`, `{"a":[2,1]}`))
	assert.False(t, same(`{"a":12345678901234567890}`, `{"a":12345678901234567891}`))
	assert.False(t, same(`{"a":null}`, `{}`))
}

func entryOf[T any]() *Entry {
	t := NewTable(Query, Options{})
	t.Add(Entry{Name: "x"}, reflect.TypeFor[T](), func(h Handler) Handler { return h }, nil)
	return t.Entry("x")
}

func TestFieldsOfAnAddressBecomeWhatTheirTypesWant(t *testing.T) {
	t.Parallel()
	e := entryOf[order]()
	raw, err := e.Fill([]byte(`{"lines":[{"units":2}]}`), map[string][]string{
		"user": {"17850"}, "gift": {"true"}, "tags": {"1", "b"}, "price": {"2.50"}, "at": {"2026-01-31T12:00:00Z"}, "stream": {"user-1"}, "others": {"user-2"},
	})
	require.NoError(t, err)
	assert.JSONEq(t, `{"user":"17850","gift":true,"tags":["1","b"],"price":2.50,"at":"2026-01-31T12:00:00Z","stream":"user-1","others":["user-2"],"lines":[{"units":2}]}`, string(raw))
	_, err = decode(raw, reflect.TypeFor[order]())
	require.NoError(t, err)
	raw, err = e.Fill(nil, nil)
	require.NoError(t, err)
	assert.Empty(t, raw)
	for _, wrong := range []struct {
		raw   string
		field string
		texts []string
		says  string
	}{
		{``, "usr", []string{"a"}, `there is no field "usr"`},
		{``, "Hidden", []string{"a"}, `there is no field "Hidden"`},
		{``, "User", []string{"a"}, `there is no field "User"`},
		{`{"user":"b"}`, "user", []string{"a"}, "in the address and in the body"},
		{`{"User":"b"}`, "user", []string{"a"}, "in the address and in the body"},
		{``, "user", []string{"a", "b"}, "stands 2 times"},
		{``, "gift", []string{"maybe"}, `can not be "maybe"`},
		{``, "gift", []string{"null"}, `can not be "null"`},
		{``, "price", []string{""}, `can not be ""`},
		{``, "price", []string{"1 "}, `can not be "1 "`},
		{``, "lines", []string{`{"units":1}`}, "can not be"},
		{``, "stream", []string{"user"}, "can not be"},
		{`null`, "user", []string{"a"}, "no JSON object"},
		{`{"usr":"b"}`, "user", []string{"a"}, `unknown field "usr"`},
	} {
		_, err := e.Fill([]byte(wrong.raw), map[string][]string{wrong.field: wrong.texts})
		assert.ErrorIs(t, err, eventstore.ErrInvalid, wrong)
		assert.ErrorContains(t, err, wrong.says)
	}
}

func TestTheExampleOfATypeShowsEachFieldAndIsDecoded(t *testing.T) {
	t.Parallel()
	e := entryOf[order]()
	assert.JSONEq(t, `{"at":"2026-01-31T12:00:00Z","user":"17850","lines":[{"product":"85123A","units":6}],
		"gift":true,"tags":["text"],"price":1,"stream":"user-17850","others":["user-2"]}`, string(e.Example))
	_, err := decode(e.Example, reflect.TypeFor[order]())
	assert.NoError(t, err)
}
