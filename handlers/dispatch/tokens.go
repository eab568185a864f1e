package dispatch

import (
	"bytes"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Tokens stand for the commits of a command, for a query that has to show them. Their text
// can be handed to whoever asks next: one word without commas for each commit, with commas
// between.
type Tokens []projection.Token

// TokensOf returns the tokens of the commits that wrote something.
func TokensOf(commits []eventstore.Commit) Tokens {
	var tokens Tokens
	for _, c := range commits {
		if len(c.Events) > 0 {
			tokens = append(tokens, projection.TokenOf(c))
		}
	}
	return tokens
}

// MarshalText returns the text, which is empty where there are none.
func (t Tokens) MarshalText() ([]byte, error) {
	words := make([][]byte, len(t))
	for i := range t {
		var err error
		if words[i], err = t[i].MarshalText(); err != nil {
			return nil, err
		}
	}
	return bytes.Join(words, []byte{','}), nil
}

// UnmarshalText reads what MarshalText wrote, also with spaces around the words, as
// proxies write them. Another text is an error that wraps [eventstore.ErrInvalid].
func (t *Tokens) UnmarshalText(text []byte) error {
	var tokens Tokens
	if len(bytes.TrimSpace(text)) > 0 {
		for word := range bytes.SplitSeq(text, []byte{','}) {
			var token projection.Token
			if err := token.UnmarshalText(bytes.TrimSpace(word)); err != nil {
				return err
			}
			tokens = append(tokens, token)
		}
	}
	*t = tokens
	return nil
}
