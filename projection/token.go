package projection

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
)

// Token stands for a commit that a reader wants to see in a view: what it has just
// written, above all. Its text can be handed to whoever asks next, in another process.
type Token struct {
	stream eventstore.StreamID
	// last is the version of the last event of each type.
	last map[string]eventstore.Version
}

// TokenOf returns the token of a commit. That of a command which had nothing to do stands
// for nothing, and is never waited for.
func TokenOf(c eventstore.Commit) Token {
	t := Token{stream: c.Stream, last: map[string]eventstore.Version{}}
	for i, e := range c.Events {
		t.last[e.Type] = c.EventID(i).Version
	}
	return t
}

// until returns the version up to which a projection must have come to show the commit, 0
// where it passes over all of its events.
func (t Token) until(p *Projection) (version eventstore.Version) {
	if !p.follows(t.stream.Category()) {
		return 0
	}
	for name, last := range t.last {
		if _, handled := p.handlers[name]; handled {
			version = max(version, last)
		}
	}
	return version
}

type tokenText struct {
	Stream string                        `json:"s"`
	Last   map[string]eventstore.Version `json:"t"`
}

// MarshalText returns the token as text for a header, a cookie or a URL.
func (t Token) MarshalText() ([]byte, error) {
	text, err := json.Marshal(tokenText{t.stream.String(), t.last})
	if err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.AppendEncode(nil, text), nil
}

// UnmarshalText reads what MarshalText wrote. Another text is refused with an error that
// wraps [eventstore.ErrInvalid]. A token that was made up makes its reader wait in vain
// and does no other harm.
func (t *Token) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	var parsed tokenText
	if err == nil {
		err = json.Unmarshal(raw, &parsed)
	}
	next := Token{last: parsed.Last}
	if err == nil && parsed.Stream != "" {
		next.stream, err = eventstore.ParseStreamID(parsed.Stream)
	}
	if err != nil {
		return fmt.Errorf("%w: token: %w", eventstore.ErrInvalid, err)
	}
	*t = next
	return nil
}
