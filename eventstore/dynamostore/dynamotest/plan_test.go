package dynamotest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asked asks a plan for so many calls, of which every second one writes.
func asked(plan Plan, calls int) (faults []Fault) {
	for n := 1; n <= calls; n++ {
		call := Call{N: n, Operation: "Query"}
		if n%2 == 0 {
			call = Call{N: n, Operation: "PutItem", Writes: n / 2}
		}
		faults = append(faults, plan(call))
	}
	return faults
}

func TestAPlanIsToldTheNumberOfEachCallAndOfEachWrite(t *testing.T) {
	t.Parallel()
	var told []Call
	n := newNetwork(t, func(c Call) Fault {
		told = append(told, c)
		return None
	})
	require.NoError(t, n.put("a"))
	_, err := n.query(n.client)
	require.NoError(t, err)
	require.NoError(t, n.transact("b"))
	_, _, err = n.batchGet("a")
	require.NoError(t, err)
	_, err = n.batchPut("c")
	require.NoError(t, err)
	assert.Equal(t, []Call{{N: 1, Operation: "PutItem", Writes: 1}, {N: 2, Operation: "Query"}, {N: 3, Operation: "TransactWriteItems", Writes: 2}, {N: 4, Operation: "BatchGetItem"}, {N: 5, Operation: "BatchWriteItem", Writes: 3}}, told)
	assert.Equal(t, 5, n.proxy.Calls())
	assert.Equal(t, 5, n.proxy.Count(None))
}

func TestReadersOfAStreamAreRefusedAndNobodyElse(t *testing.T) {
	t.Parallel()
	for fault, code := range map[Fault]string{Expired: "ExpiredIteratorException", Trimmed: "TrimmedDataAccessException", Gone: "ResourceNotFoundException"} {
		var told []Call
		n := newNetwork(t, func(c Call) Fault {
			told = append(told, c)
			return fault
		})
		require.NoError(t, n.put("a"))
		streams := NewStreamsClient(t, n.proxy.URL)
		_, err := streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{StreamArn: aws.String("arn:aws:dynamodb:ddblocal:000000000000:table/x/stream/2026-11-22T20:00:00.000"),
			ShardId: aws.String("shardId-00000000000000000001-aaaaaaaa"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
		require.Error(t, err)
		if fault == Expired {
			assert.NotContains(t, err.Error(), code, "an iterator that is asked for has not expired")
		} else {
			assert.ErrorContains(t, err, code)
		}
		_, err = streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: aws.String("x")})
		assert.ErrorContains(t, err, code)
		assert.Equal(t, "shardId-00000000000000000001-aaaaaaaa", told[1].Shard)
	}
}

func TestEverySuffersTheNthWriteAndNoRead(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []Fault{None, None, None, None, None, CutAfter, None, None, None, None, None, CutAfter, None}, asked(Every(3, CutAfter), 13))
}

func TestSeededSuffersItsShareWithEachFaultAsOftenAndTheSameBySeed(t *testing.T) {
	t.Parallel()
	faults := asked(Seeded(1, 0.3, Throttled, Failed), 10_000)
	assert.Equal(t, faults, asked(Seeded(1, 0.3, Throttled, Failed), 10_000))
	assert.NotEqual(t, faults, asked(Seeded(2, 0.3, Throttled, Failed), 10_000))
	counts := map[Fault]int{}
	for _, fault := range faults {
		counts[fault]++
	}
	assert.InDelta(t, 7_000, counts[None], 200)
	assert.InDelta(t, 1_500, counts[Throttled], 200)
	assert.InDelta(t, 1_500, counts[Failed], 200)
	assert.Len(t, counts, 3)
}

func TestPlansIsTheFirstThatHasSomethingAndAsksEach(t *testing.T) {
	t.Parallel()
	alone := asked(Seeded(1, 0.5, Throttled), 100)
	together := asked(Plans(Every(1, CutBefore), Seeded(1, 0.5, Throttled)), 100)
	for i := range alone {
		if i%2 == 1 { // a write
			assert.Equal(t, CutBefore, together[i])
		} else {
			assert.Equal(t, alone[i], together[i], "as if the other were not there")
		}
	}
	assert.Contains(t, together, Throttled)
	assert.Equal(t, []Fault{None, None}, asked(Plans(), 2))
}

func TestEveryFaultHasAName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for fault := None; fault <= Gone; fault++ {
		assert.False(t, seen[fault.String()], fault)
		seen[fault.String()] = true
	}
	assert.Equal(t, "gone", Gone.String())
}
