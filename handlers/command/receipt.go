package command

import (
	"encoding/json"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

// Receipt says where a command wrote.
type Receipt struct {
	// ID is the command's.
	ID string
	// Events are those that it wrote, none where there was nothing to do. Those of a
	// repetition are those of the first time.
	Events []eventstore.EventID
	// Tokens let a query show them.
	Tokens dispatch.Tokens
}

// receiptOf makes sure that what was written has the command's ID, without which it would
// be written again.
func receiptOf(id string, commits []eventstore.Commit) (Receipt, error) {
	r := Receipt{ID: id, Events: []eventstore.EventID{}, Tokens: dispatch.TokensOf(commits)}
	for _, c := range commits {
		if len(c.Events) > 0 && c.ID != id {
			return Receipt{}, fmt.Errorf("the handler wrote commit %q of %q and not under the command's ID %q: it has to pass Call.Options on", c.ID, c.Stream, id)
		}
		for i := range c.Events {
			r.Events = append(r.Events, c.EventID(i))
		}
	}
	return r, nil
}

// MarshalJSON returns {"id": …, "events": ["user-17850@1"], "token": …}, without the token
// where nothing was written.
func (r Receipt) MarshalJSON() ([]byte, error) {
	token, err := r.Tokens.MarshalText()
	if err != nil {
		return nil, err
	}
	events := make([]string, len(r.Events))
	for i, id := range r.Events {
		events[i] = id.String()
	}
	return json.Marshal(struct {
		ID     string   `json:"id"`
		Events []string `json:"events"`
		Token  string   `json:"token,omitempty"`
	}{r.ID, events, string(token)})
}
