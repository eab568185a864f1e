package dynamoviews

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection"
)

// The table PREFIX-views. A generation's rows and checkpoints are divided among buckets,
// so that a generation can be listed without reading the rest of the table; within a
// bucket they are sorted. A view's partition is in one bucket.
//
// A row:
//
//	PK  S  rows|projection#generation|view|bucket
//	SK  S  partition key, U+0000, sort key
//	rev S  the last event that was folded into it, stream@version
//	row S  its content, JSON
//	o BOOL there where a rebuild has put the row: later writes keep it
//
// A tombstone is a row without rev and row.
//
// A checkpoint:
//
//	PK      S  checkpoints|projection#generation|bucket
//	SK      S  the stream's name
//	v       N  version, 0 where there is only a park record
//	w       B  marks the write that moved it last without rows
//	parked  S  the park record, JSON, absent where there is none
//	pv      N  its version
//	skip    N  the same, where the record is marked to skip the event
//	dir     S  parked|projection#generation, beside parked: the index of parked streams
//	rev, row   the stream's row in the view made by projection.PerStream, if there is one,
//	and o      as above. Where the row is deleted, the item stays.
//
// A part of a manifest:
//
//	PK    S  manifest|projection#generation
//	SK    S  attempt|number of the part, with zeros before it
//	heads S  JSON
//
// The state of a projection, and what its workers tell:
//
//	PK   S  state|projection         PK      S  heartbeats|projection
//	SK   S  the projection           SK      S  the worker
//	v    N  revision                 beat    S  JSON
//	state S JSON, put S whose write  at      N  milliseconds since 1970, the worker's time
//	dir  S  states: the same index   expires N  seconds since 1970, when DynamoDB may remove it
const (
	attrPK      = dynamotable.PK
	attrSK      = dynamotable.SK
	attrRev     = "rev"
	attrRow     = "row"
	attrOrigin  = "o"
	attrVersion = "v"
	attrMark    = "w"
	attrParked  = "parked"
	attrDir     = dynamotable.DirectoryKey
	attrHeads   = "heads"
	attrState   = "state"
	attrPut     = "put"
	attrBeat    = "beat"
	attrAt      = "at"
	attrExpires = "expires"

	parkedIndex = "parked"
	statesKey   = "states"

	// buckets is how many partitions of the table a view has, each good for about 1,000
	// writes and 3,000 reads a second before DynamoDB divides it further.
	buckets = 16

	// behind separates the two parts of a row's key; no key holds it.
	behind = "\x00"
)

func tableName(prefix string) string { return prefix + "-views" }

func spec(prefix string, o ProvisionOptions) dynamotable.Spec {
	return dynamotable.Spec{
		Name:      tableName(prefix),
		SortKey:   types.ScalarAttributeTypeS,
		Index:     parkedIndex,
		IndexSort: attrSK,
		Check:     checkTable,
		Protected: !o.Unprotected,
		TTL:       attrExpires,
	}
}

// checkTable knows a table of ours by its index.
func checkTable(table *types.TableDescription) error {
	return dynamotable.CheckIndex(table, parkedIndex, attrSK)
}

func bucketOf(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return int(h.Sum32() % buckets)
}

func rowsKey(g projection.GenerationID, view string, bucket int) string {
	return "rows|" + g.String() + "|" + view + "|" + strconv.Itoa(bucket)
}

func rowKey(g projection.GenerationID, id projection.RowID) dynamotable.Item {
	if projection.IsPerStream(id.View) {
		return checkpointKey(g, id.Key.Partition)
	}
	return dynamotable.Item{attrPK: dynamotable.S(rowsKey(g, id.View, bucketOf(id.Key.Partition))),
		attrSK: dynamotable.S(id.Key.Partition + behind + id.Key.Sort)}
}

func checkpointsKey(g projection.GenerationID, bucket int) string {
	return "checkpoints|" + g.String() + "|" + strconv.Itoa(bucket)
}

func checkpointKey(g projection.GenerationID, stream string) dynamotable.Item {
	return dynamotable.Item{attrPK: dynamotable.S(checkpointsKey(g, bucketOf(stream))), attrSK: dynamotable.S(stream)}
}

func manifestsKey(g projection.GenerationID) string { return "manifest|" + g.String() }

func manifestKey(g projection.GenerationID, attempt string, part int) dynamotable.Item {
	return dynamotable.Item{attrPK: dynamotable.S(manifestsKey(g)), attrSK: dynamotable.S(fmt.Sprintf("%s|%010d", attempt, part))}
}

func parkedKey(g projection.GenerationID) string { return "parked|" + g.String() }

func stateKey(name string) dynamotable.Item {
	return dynamotable.Item{attrPK: dynamotable.S("state|" + name), attrSK: dynamotable.S(name)}
}

func heartbeatsKey(name string) string { return "heartbeats|" + name }

func rowItem(g projection.GenerationID, row projection.Row) dynamotable.Item {
	item := rowKey(g, row.ID)
	item[attrRev] = dynamotable.S(row.Rev.String())
	item[attrRow] = dynamotable.S(string(row.Content))
	return item
}

// tombstone is what a row with an origin leaves.
func tombstone(g projection.GenerationID, id projection.RowID) dynamotable.Item {
	item := rowKey(g, id)
	item[attrOrigin] = isOrigin
	return item
}

var isOrigin = &types.AttributeValueMemberBOOL{Value: true} // never changed

// isRow tells a row from a tombstone, and from a checkpoint without the row of its stream.
func isRow(item dynamotable.Item) bool { return item[attrRev] != nil }

// rowOf returns an item as a row of a view.
func rowOf(item dynamotable.Item, view string) (projection.Row, error) {
	r := dynamotable.Reader{Item: item}
	partition, sort, found := strings.Cut(r.String(attrSK), behind)
	found = found != projection.IsPerStream(view)
	row := projection.Row{ID: projection.RowID{View: view, Key: projection.Key{Partition: partition, Sort: sort}}, Content: []byte(r.String(attrRow))}
	rev, err := eventstore.ParseEventID(r.String(attrRev))
	if r.Err != nil {
		err = r.Err
	} else if !found {
		err = fmt.Errorf("its key is not one of such a view")
	}
	if err != nil {
		return projection.Row{}, fmt.Errorf("%w: row %q of view %q: %w", eventstore.ErrCorrupt, partition, view, err)
	}
	row.Rev, row.Origin = rev, r.Has(attrOrigin)
	return row, nil
}
