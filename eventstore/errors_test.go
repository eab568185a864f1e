package eventstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
)

func TestErrorsReadWellAndBelongToOneClass(t *testing.T) {
	t.Parallel()
	user := streamID(t, "user-1")
	cause := errors.New("connection reset")
	at := eventstore.NewRevision("store", user, 3, when)
	winner := eventstore.Commit{Stream: user, First: 4, ID: "c9", Events: make([]eventstore.Event, 2), Revision: eventstore.NewRevision("store", user, 5, when)}
	classes := []error{eventstore.ErrInvalid, eventstore.ErrConflict, eventstore.ErrRevision, eventstore.ErrTooLarge, eventstore.ErrIDReused,
		eventstore.ErrOutcomeUnknown, eventstore.ErrUnregistered, eventstore.ErrUndecodable, eventstore.ErrCorrupt, eventstore.ErrClosed}
	for _, test := range []struct {
		err     error
		class   error
		message string
		hint    string
	}{
		{&eventstore.ConflictError{Stream: user, Expected: at, Actual: winner.Revision, Winner: winner}, eventstore.ErrConflict,
			`append to "user-1": expected version 3, but commit "c9" has taken the stream to version 5`, ""},
		{&eventstore.ConflictError{Stream: user, Expected: eventstore.NoStream, Actual: winner.Revision, Winner: winner}, eventstore.ErrConflict,
			`append to "user-1": expected no stream, but commit "c9" has taken the stream to version 5`, ""},
		{&eventstore.RevisionError{Stream: user, Revision: at, Reason: "is no commit boundary"}, eventstore.ErrRevision,
			`append to "user-1" at version 3: the revision is no commit boundary`,
			"load the stream again and decide anew; drop caches that outlived a restore"},
		{&eventstore.LimitError{Stream: user, What: "commit bytes", Size: 11, Limit: 10}, eventstore.ErrTooLarge,
			`"user-1": 11 commit bytes, the limit is 10`, ""},
		{&eventstore.IDReusedError{Stream: user, ID: "c9", Stored: winner}, eventstore.ErrIDReused,
			`append to "user-1": commit id "c9" already belongs to version 4 with other content`, ""},
		{&eventstore.OutcomeUnknownError{Write: eventstore.Write{Stream: user, Revision: at, ID: "c1"}, Err: cause}, eventstore.ErrOutcomeUnknown,
			`append of commit "c1" to "user-1" at version 3: outcome unknown: connection reset`,
			"send the same write with the same commit id again; do not decide anew before"},
		{&eventstore.OutcomeUnknownError{Write: eventstore.Write{Stream: user, Revision: eventstore.Any, ID: "c1"}, Err: cause}, eventstore.ErrOutcomeUnknown,
			`append of commit "c1" to "user-1" at any revision: outcome unknown: connection reset`,
			"read the stream and look for the commit id; a write at any revision that is sent again may be stored twice"},
		{&eventstore.CorruptError{Stream: user, Version: 7, Reason: "versions 7 to 9 are missing"}, eventstore.ErrCorrupt,
			`user-1@7: store is corrupt: versions 7 to 9 are missing`,
			"stop writing to the stream, keep a copy of the store, restore it from a backup"},
		{&eventstore.EventError{ID: eventstore.EventID{Stream: user, Version: 7}, Type: "T", Schema: 2, Err: eventstore.ErrUnregistered}, eventstore.ErrUnregistered,
			`event user-1@7 of type T (schema 2): event type not registered`,
			"register T schema 2 in this program, or deploy the code that knows it"},
	} {
		err := fmt.Errorf("while shopping: %w", test.err)
		assert.EqualError(t, test.err, test.message)
		assert.Equal(t, test.hint, eventstore.Hint(err))
		for _, class := range classes {
			assert.Equal(t, class == test.class, errors.Is(err, class), "%v: %v", test.err, class)
		}
	}
	assert.ErrorIs(t, &eventstore.OutcomeUnknownError{Err: cause}, cause)
	assert.Empty(t, eventstore.Hint(nil))
	assert.Empty(t, eventstore.Hint(cause))
}
