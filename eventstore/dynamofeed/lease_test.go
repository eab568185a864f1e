package dynamofeed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func shardsOf(leases []lease) (ids []string) {
	for _, l := range leases {
		ids = append(ids, l.shard)
	}
	return ids
}

func TestTheFirstWorkerOfAConsumerBeginsEachShardAtItsBeginningParentsFirst(t *testing.T) {
	t.Parallel()
	added := missing([]shard{{id: "c", parent: "b", first: "3"}, {id: "b", parent: "a", first: "2"}, {id: "x", first: "1"}}, nil, time.Unix(100, 0))
	for i := range added {
		assert.NotEmpty(t, added[i].nonce)
		added[i].nonce = ""
	}
	assert.Equal(t, []lease{
		{shard: "b", parent: "a", place: "begin 100", ready: true}, // its parent is gone
		{shard: "c", parent: "b", place: "at 3"},
		{shard: "x", place: "begin 100", ready: true},
	}, added)
}

func TestAShardOfWhichNobodyKnowsWhatCameBeforeItIsTakenForALoss(t *testing.T) {
	t.Parallel()
	known := []lease{{shard: "a", place: end}, {shard: "b", parent: "a", place: "after 7"}}
	added := missing([]shard{{id: "a"}, {id: "b", parent: "a"}, {id: "c", parent: "b", first: "8"}, {id: "e", parent: "d", first: "9"}, {id: "f", first: "9"}}, known, time.Now())
	for i := range added {
		added[i].nonce = ""
	}
	assert.Equal(t, []lease{
		{shard: "c", parent: "b", place: "at 8"},
		{shard: "e", parent: "d", place: lost, ready: true},
		{shard: "f", place: lost, ready: true},
	}, added)
	assert.Equal(t, lost, missing([]shard{{id: "c", parent: "b"}}, known, time.Now())[0].place, "without a number nobody could see that it was trimmed")
	assert.Len(t, missing([]shard{{id: "a", parent: "b"}, {id: "b", parent: "a"}}, nil, time.Now()), 2, "a circle")
}

func TestAShardIsReadWhenTheOneBeforeItWasHandedOver(t *testing.T) {
	t.Parallel()
	child := lease{shard: "b", parent: "a", place: "at 1"}
	for name, c := range map[string]struct {
		all  []lease
		want bool
	}{
		"the parent is being read":                    {[]lease{{shard: "a", place: "after 1"}}, false},
		"the parent was handed over":                  {[]lease{{shard: "a", place: "after 1", ended: true}}, true},
		"the parent is done":                          {[]lease{{shard: "a", place: end}}, true},
		"the parent's lease was not in the same list": {nil, false},
	} {
		assert.Equal(t, c.want, readable(child, byShard(c.all)), name)
	}
	child.ready = true
	assert.True(t, readable(child, nil))
}

func TestALeaseIsRemovedWhenNobodyWillAskForItAgain(t *testing.T) {
	t.Parallel()
	done := lease{shard: "a", place: end, ended: true, ready: true}
	next := lease{shard: "b", parent: "a", place: "after 1", ready: true}
	listed := []shard{{id: "b", parent: "a"}}
	assert.Equal(t, []string{"a"}, shardsOf(removable(listed, []lease{done, next})))

	assert.Empty(t, removable(append(listed, shard{id: "a"}), []lease{done, next}), "the stream still has the shard")
	assert.Empty(t, removable(append(listed, shard{id: "c"}), []lease{done, next}), "a shard has no lease yet")
	assert.Empty(t, removable(nil, []lease{done, next}), "nothing is listed")
	waiting := next
	waiting.ready = false
	assert.Empty(t, removable(listed, []lease{done, waiting}), "the next one waits for it")
	open := done
	open.place = "after 3"
	assert.Empty(t, removable(listed, []lease{open, next}), "it is not done: its loss has to be reported")
}

func TestALeaseLapsesByTheClockOfWhoWatchesIt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := watch{leaseFor: 30 * time.Second}
	l := lease{shard: "a", owner: "x", nonce: "1"}
	see := func(d time.Duration) bool {
		w.see([]lease{l}, now.Add(d))
		return w.lapsed(l, now.Add(d))
	}
	assert.False(t, see(0))
	assert.False(t, see(29*time.Second))
	assert.True(t, see(30*time.Second))
	l.nonce = "2"
	assert.False(t, see(40*time.Second), "renewed")
	assert.False(t, see(69*time.Second))
	assert.True(t, see(70*time.Second))
	l.owner = ""
	assert.False(t, w.lapsed(l, now.Add(time.Hour)), "it is free")
}

func TestLeasesAreSharedEvenly(t *testing.T) {
	t.Parallel()
	held := func(owner string, n int) (leases []lease) {
		for range n {
			leases = append(leases, lease{place: "after 1", ready: true, owner: owner})
		}
		return leases
	}
	join := func(groups ...[]lease) (all []lease) {
		for _, g := range groups {
			all = append(all, g...)
		}
		for i := range all {
			all[i].shard = string(rune('a' + i))
		}
		return all
	}
	for name, c := range map[string]struct {
		leases []lease
		take   int
		from   string
		free   int
	}{
		"alone, all":                       {join(held("", 5)), 5, "", 5},
		"with another one, half":           {join(held("", 3), held("x", 2)), 3, "", 3},
		"no more than its part":            {join(held("", 4), held("me", 2), held("x", 0)), 4, "", 4},
		"its part is reached":              {join(held("", 1), held("me", 2), held("x", 1)), 0, "", 1},
		"those of a dead one":              {join(held("dead", 2), held("x", 2)), 2, "dead", 2},
		"one of the one that has most":     {join(held("me", 1), held("x", 3), held("y", 2)), 1, "x", 0},
		"nothing where it is even":         {join(held("me", 1), held("x", 2), held("y", 2)), 0, "", 0},
		"nothing where it can not be even": {join(held("x", 1)), 0, "", 0},
		"nothing that is done":             {join([]lease{{place: end}}), 0, "", 0},
		"nothing that waits for its turn":  {join([]lease{{place: "at 1", parent: "?"}}), 0, "", 0},
	} {
		take, free := share("me", c.leases, func(l lease) bool { return l.owner == "dead" })
		assert.Len(t, take, c.take, name)
		assert.Equal(t, c.free, free, name)
		for _, l := range take {
			assert.Equal(t, c.from, l.owner, name)
		}
	}
}

func TestSequenceNumbersAreComparedAsNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"10", "9", true}, {"9", "10", false}, {"7", "7", false}, {"0007", "7", false}, {"8", "0007", true},
		{"49590726760756425157998356762744788985497854313259597826", "49590726760756425157998356762744788985497854313259597825", true},
	} {
		assert.Equal(t, c.want, comesAfter(c.a, c.b), "%s after %s", c.a, c.b)
	}
}

func TestAConsumerThatWasNeverThereMissesNothingUnlessItComesTooLate(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	for age, want := range map[time.Duration]bool{0: true, 11 * time.Hour: true, 13 * time.Hour: false, -time.Hour: true} {
		begins, recent := begin(now.Add(-age)).fromBegin(now, 24*time.Hour)
		assert.True(t, begins)
		assert.Equal(t, want, recent, "%s", age)
	}
	begins, _ := after("1").fromBegin(now, time.Hour)
	assert.False(t, begins)
	_, recent := place("begin soon").fromBegin(now, time.Hour)
	assert.False(t, recent)
}
