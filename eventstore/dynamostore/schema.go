package dynamostore

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// The table PREFIX-events. A commit is one item:
//
//	PK      S  the stream's name
//	SK      N  version of the commit's first event
//	n       N  number of events
//	id      S  commit ID
//	at      N  microseconds since 1970, UTC
//	types   L  the types of its events, each once
//	frame   B  where each payload begins and what it is; see internal/frame
//	events  S  the payloads: a JSON array where they are JSON; B where they are not UTF-8
//	packed  B  the same compressed by zstd, instead of events, where that saves a unit
//	parts   N  number of payload items that hold events or packed, where one item is too small
//	meta    S  JSON, absent where there is none
//	sum     B  tells another content under the same ID
//	dir     S  category#slice, in the first commit of a stream only: the directory
//	strict  BOOL  true where the commit has claimed its ID
//	claims  L  the claims that it took, and
//	gave    L  those that it released: "scope:key"
//
// A payload item lies outside of any stream's name, which begins with a letter, a
// digit, '_' or '.':
//
//	PK      S  !payload|version|stream
//	SK      N  number of the part, from 0
//	part    B  bytes
//
// A claim is an item, with the first event of the commit that took it while it is held:
//
//	PK      S  !claim|scope|key
//	SK      N  0
//	stream  S  absent where it was released
//	version N
//
// A snapshot is an item of its stream, below the commits:
//
//	PK      S  the stream's name
//	SK      N  minus the schema version of the state
//	version N  of the first event of the commit that it ends with
//	last    N  of the last event of it
//	id      S  its ID
//	state   B
//
// Other keys that begin with '!', and sort keys below 1, are kept for what is written
// together with commits. A reader of streams never meets them, a scan passes over them.
const (
	attrPK     = dynamotable.PK
	attrSK     = dynamotable.SK
	attrCount  = "n"
	attrID     = "id"
	attrTime   = "at"
	attrTypes  = "types"
	attrFrame  = "frame"
	attrEvents = "events"
	attrPacked = "packed"
	attrParts  = "parts"
	attrMeta   = "meta"
	attrDigest = "sum"
	attrDir    = dynamotable.DirectoryKey
	attrPart   = "part"
	attrStrict = "strict"
	attrClaims = "claims"
	attrGave   = "gave"

	attrStream  = "stream"
	attrVersion = "version"
	attrLast    = "last"
	attrState   = "state"

	reserved      = "!"
	payloadPrefix = reserved + "payload|"
	claimPrefix   = reserved + "claim|"

	// The index of the directory says in its name among how many slices the streams of
	// a category are divided: a slice takes about 1,000 new streams a second.
	indexPrefix   = "streams-"
	defaultSlices = 16
	mostSlices    = 256
)

func tableName(prefix string) string { return prefix + "-events" }

func keyOf(stream eventstore.StreamID, first eventstore.Version) dynamotable.Item {
	return dynamotable.Item{attrPK: dynamotable.S(stream.String()), attrSK: dynamotable.N(first)}
}

func payloadKey(stream eventstore.StreamID, first eventstore.Version, part int) dynamotable.Item {
	return dynamotable.Item{attrPK: dynamotable.S(fmt.Sprintf("%s%d|%s", payloadPrefix, first, stream)), attrSK: dynamotable.N(part)}
}

func payloadItem(stream eventstore.StreamID, first eventstore.Version, part int, bytes []byte) dynamotable.Item {
	item := payloadKey(stream, first, part)
	item[attrPart] = dynamotable.B(bytes)
	return item
}

func snapshotKey(stream eventstore.StreamID, schema int) dynamotable.Item {
	return dynamotable.Item{attrPK: dynamotable.S(stream.String()), attrSK: dynamotable.N(-schema)}
}

func claimKey(c eventstore.Claim) dynamotable.Item {
	return dynamotable.Item{attrPK: dynamotable.S(claimPrefix + c.Scope + "|" + c.Key), attrSK: dynamotable.N(0)}
}

func claimItem(c eventstore.Claim, holder eventstore.EventID) dynamotable.Item {
	item := claimKey(c)
	item[attrStream], item[attrVersion] = dynamotable.S(holder.Stream.String()), dynamotable.N(holder.Version)
	return item
}

// holderOf returns the event that the item of a claim names, zero where nobody holds it.
func holderOf(c eventstore.Claim, item dynamotable.Item) (eventstore.EventID, error) {
	r := dynamotable.Reader{Item: item}
	if !r.Has(attrStream) {
		return eventstore.EventID{}, nil
	}
	name, version := r.String(attrStream), r.Int(attrVersion)
	stream, err := eventstore.ParseStreamID(name)
	if err = errors.Join(r.Err, err); err == nil && version < 1 {
		err = fmt.Errorf("its version is %d", version)
	}
	if err != nil {
		return eventstore.EventID{}, damaged(stream, version, fmt.Errorf("the claim %q: %w", c, err))
	}
	return eventstore.EventID{Stream: stream, Version: eventstore.Version(version)}, nil
}

// directoryKey returns the partition of the directory that lists a stream.
func directoryKey(stream eventstore.StreamID, slices int) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(stream.String())) // a hash never fails
	return slice(stream.Category(), int(h.Sum32()%uint32(slices)))
}

func slice(category string, i int) string { return category + "#" + strconv.Itoa(i) }

// spec describes the table for dynamotable.Provision.
func spec(prefix string, o ProvisionOptions) dynamotable.Spec {
	return dynamotable.Spec{
		Name:      tableName(prefix),
		SortKey:   types.ScalarAttributeTypeN,
		Index:     indexPrefix + strconv.Itoa(o.DirectorySlices),
		IndexSort: attrPK,
		Check:     func(table *types.TableDescription) error { _, _, err := slicesOf(table); return err },
		Stream:    !o.NoStream,
		Protected: !o.Unprotected,
	}
}

// slicesOf finds the number of slices in the name of the table's index.
func slicesOf(table *types.TableDescription) (index string, slices int, err error) {
	index = indexPrefix + "…"
	for _, i := range table.GlobalSecondaryIndexes {
		number, found := strings.CutPrefix(*i.IndexName, indexPrefix)
		if n, err := strconv.Atoi(number); found && err == nil && n >= 1 && n <= mostSlices {
			index, slices = *i.IndexName, n
			break
		}
	}
	return index, slices, dynamotable.CheckIndex(table, index, attrPK)
}

// conditionFree holds where no commit has the slot.
const conditionFree = "attribute_not_exists(" + attrPK + ")"

func (s *Store) put(item dynamotable.Item) *dynamodb.PutItemInput {
	return &dynamodb.PutItemInput{TableName: &s.table, Item: item, ConditionExpression: new(conditionFree),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
}
