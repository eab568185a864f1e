package dynamostore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// CommitAt returns the first event of the commit that has a key of the table, as a
// DynamoDB Stream shows it; ok is false for a key of what lies beside the commits. A key
// that is neither is an [eventstore.ErrCorrupt].
func CommitAt(key map[string]types.AttributeValue) (first eventstore.EventID, ok bool, err error) {
	r := dynamotable.Reader{Item: key}
	name, version := r.String(attrPK), int64(0)
	if r.Err == nil && strings.HasPrefix(name, reserved) {
		return first, false, nil
	}
	if version = r.Int(attrSK); r.Err == nil && version < 1 {
		return first, false, nil
	}
	stream, err := eventstore.ParseStreamID(name)
	if err = errors.Join(r.Err, err); err != nil {
		return first, false, fmt.Errorf("%w: the key of an item: %w", eventstore.ErrCorrupt, err)
	}
	return eventstore.EventID{Stream: stream, Version: eventstore.Version(version)}, true, nil
}

// Announcement returns what the item of a commit announces, with the content of the
// commit unless that lies in items of its own. The content of a damaged item is left
// out: who reads the stream is told what is wrong. ok and err are those of [CommitAt].
func (s *Store) Announcement(item map[string]types.AttributeValue) (a eventstore.Announcement, ok bool, err error) {
	id, ok, err := CommitAt(item)
	if !ok {
		return a, false, err
	}
	r := dynamotable.Reader{Item: item}
	if !r.Has(attrParts) {
		if c, err := s.commit(item, id.Stream, nil, nil); err == nil {
			return eventstore.Announce(&c), true, nil
		}
	}
	a = eventstore.Announcement{Stream: id.Stream, First: id.Version, Last: id.Version}
	if count := r.Int(attrCount); count > 1 {
		a.Last += eventstore.Version(count) - 1
	}
	if at := r.Int(attrTime); r.Err == nil {
		a.Time = time.UnixMicro(at).UTC()
	}
	return a, true, nil
}
