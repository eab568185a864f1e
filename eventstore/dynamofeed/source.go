package dynamofeed

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leftfold/leftfold/eventstore"
)

// source is the stream of a table, as far as a feed needs it. Its methods may be called
// concurrently. DynamoDB's is in dynamostream.go; tests have one of their own, since no
// local server divides, closes or trims a shard.
type source interface {
	// shards lists all shards that the stream has now, perhaps not yet the newest.
	shards(ctx context.Context) ([]shard, error)
	// children lists the shards that follow a closed one, perhaps not yet all.
	children(ctx context.Context, id string) ([]shard, error)
	// iterator returns where reading a shard goes on. errTrimmed: records behind the
	// place may be lost. errGone: the stream has no such shard.
	iterator(ctx context.Context, shard string, from place) (string, error)
	// records returns the records from an iterator on, in their order, perhaps none, and
	// the iterator behind them, which is empty at the end of a closed shard. errExpired:
	// another iterator is needed. errTrimmed and errGone are as above.
	records(ctx context.Context, iterator string) (records []record, next string, err error)
}

var (
	errExpired = errors.New("the iterator has expired")
	errTrimmed = errors.New("records were trimmed")
	errGone    = errors.New("the shard is gone")
)

// shard is a part of a stream.
type shard struct {
	// parent is the shard that it follows; it may be gone. Empty if it follows none.
	id, parent string
	// first is the sequence number with which it begins, if known.
	first string
	// closed: nothing is added to it any more.
	closed bool
}

// record is a change of an item.
type record struct {
	sequence string
	created  time.Time
	// announcement is zero where the record tells of no new commit.
	announcement eventstore.Announcement
	// damage, if not nil, is what must not have happened.
	damage error
}

// place is a place in a shard, as it is stored.
type place string

const (
	// lost is the oldest record that is left, after others were lost: it is reported.
	lost place = "lost"
	// end is behind the last record.
	end place = "end"
	// latest is behind what there is at the moment. It is never stored.
	latest place = "latest"

	beginPrefix = "begin "
	atPrefix    = "at "
	afterPrefix = "after "
)

// at is the place of a record, or lost where its number is not known.
func at(sequence string) place {
	if sequence == "" {
		return lost
	}
	return place(atPrefix + sequence)
}

func after(sequence string) place { return place(afterPrefix + sequence) }

// begin is where a consumer that was never there begins: the oldest record that is left,
// and none of the earlier ones are missed. So does one that has reported their loss.
func begin(now time.Time) place { return place(beginPrefix + strconv.FormatInt(now.Unix(), 10)) }

// fromBegin reports whether p is such a place, and one that was made so short a time ago
// that only what is older than the consumer can have been trimmed since. Clocks do not
// differ by half of the time for which records are kept.
func (p place) fromBegin(now time.Time, kept time.Duration) (ok, recent bool) {
	text, ok := strings.CutPrefix(string(p), beginPrefix)
	seconds, err := strconv.ParseInt(text, 10, 64)
	return ok, ok && err == nil && now.Sub(time.Unix(seconds, 0)) < kept/2
}

// number returns the sequence number of a place that begins so.
func (p place) number(prefix string) (sequence string, ok bool) {
	if sequence, ok = strings.CutPrefix(string(p), prefix); !ok {
		return "", false
	}
	return sequence, true
}

func (p place) valid() bool {
	if p == lost || p == end {
		return true
	}
	return slices.ContainsFunc([]string{beginPrefix, atPrefix, afterPrefix}, func(prefix string) bool { return strings.HasPrefix(string(p), prefix) })
}

// comesAfter reports whether a sequence number is greater than another. They are
// decimal numbers of any length.
func comesAfter(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}
