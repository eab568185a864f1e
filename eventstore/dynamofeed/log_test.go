package dynamofeed

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

// hinted is an error that knows what to do.
type hinted struct{ error }

func (hinted) Hint() string { return "do it" }

func TestAHintIsLoggedWhereThereIsOne(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		logged string
	}{
		{errors.New("cut"), `msg="the feed could not read a shard and tries again" shard=s error=cut` + "\n"},
		{hinted{errors.New("cut")}, `msg="the feed could not read a shard and tries again" shard=s error=cut hint="do it"` + "\n"},
	} {
		var log bytes.Buffer
		r := newRun(newFeed(nil, nil, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
		r.failing(t.Context(), "read a shard", test.err, new(strikes), "shard", "s")
		assert.Contains(t, log.String(), test.logged)
	}
}
