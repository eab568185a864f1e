package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

func TestVersion2OfProductStatsIsNetAndHasTheLastDays(t *testing.T) {
	t.Parallel()
	rows, err := projection.Replay(ProductStatsV2, commitsOf(t, history2010))
	require.NoError(t, err)
	contents := map[string]string{}
	for _, row := range rows {
		contents[row.ID.Key.Partition] = string(row.Content)
	}
	assert.Equal(t, `{"productId":"MUG","totalSales":2.55,"purchaseCount":4,"unitsSold":1,"totalReturned":20.4,"returnCount":4,"unitsReturned":8,"lastUpdated":"2010-12-09T09:30:00Z",`+
		`"days":[{"day":"2010-12-09","sales":-7.65,"units":-3},{"day":"2010-12-08","sales":2.55,"units":1},{"day":"2010-12-04","sales":-2.55,"units":-1},`+
		`{"day":"2010-12-03","sales":-5.1,"units":-2},{"day":"2010-12-02","sales":2.55,"units":1},{"day":"2010-12-01","sales":12.75,"units":5}]}`, contents["MUG"])
}

func TestADayThatIsDroppedIsDroppedInAnyOrder(t *testing.T) {
	t.Parallel()
	fold := func(days ...int) []DaySales {
		var s ProductStats
		for _, day := range days {
			l := bought("user-1@1", "MUG", 1, day).Line
			s.sold(l, l.Amount, 1)
		}
		return s.Days
	}
	up := fold(1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 9)
	require.Len(t, up, mostDays)
	assert.Equal(t, "2010-12-09", up[0].Day)
	assert.EqualValues(t, 2, up[0].Units)
	assert.Equal(t, up, fold(9, 2, 9, 8, 7, 6, 5, 4, 3, 2, 1))
	assert.Equal(t, up, fold(9, 1, 5, 3, 2, 4, 9, 6, 2, 8, 7))
}

// A program with both versions answers net at once, from whatever readers use.
func TestVersion2AnswersFromTheRowsOfVersion1(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := newService(openMemory(), nextEdition)
	engine, err := projection.NewEngine(s.Store, s.Views, projection.Options{}, firstEdition.consumers()...)
	require.NoError(t, err)
	require.NoError(t, engine.Prepare(ctx))
	revision := map[eventstore.StreamID]eventstore.Revision{}
	for c, err := range commitsOf(t, history2010) {
		require.NoError(t, err)
		at, known := revision[c.Stream]
		if !known {
			at = eventstore.NoStream
		}
		stored, err := s.Store.Append(ctx, eventstore.Write{Stream: c.Stream, Revision: at, ID: c.EventID(0).String(), Events: c.Events})
		require.NoError(t, err)
		revision[c.Stream] = stored.Revision
	}
	_, err = engine.Sweep(ctx, nil)
	require.NoError(t, err)
	old, err := Stats.Get(ctx, s.Views, projection.KeyOf("MUG"))
	require.NoError(t, err)
	net, err := s.Edition.stats.Get(ctx, s.Views, projection.KeyOf("MUG"))
	require.NoError(t, err)
	assert.Equal(t, []string{"22.95", "2.55"}, []string{old.TotalSales.String(), net.TotalSales.String()})
	assert.Equal(t, []int64{9, 1}, []int64{old.UnitsSold, net.UnitsSold})
	assert.Empty(t, net.Days)
	best, err := bestSellers(ctx, s, 10)
	require.NoError(t, err)
	require.Len(t, best, 3)
}
