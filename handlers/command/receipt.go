package command

import (
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

// Receipt says where a command wrote.
type Receipt struct {
	// ID is the command's.
	ID string `json:"id"`
	// Events are those that it wrote, none where there was nothing to do. Those of a
	// repetition are those of the first time.
	Events []eventstore.EventID `json:"events"`
	// Tokens let a query show them. In JSON they are one token, absent where nothing was written.
	Tokens dispatch.Tokens `json:"token,omitempty"`
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
