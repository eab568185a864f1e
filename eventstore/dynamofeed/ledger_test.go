package dynamofeed

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore"
)

// passed hands over a page of commits, named stream@version, of which some fail.
func passed(l *ledger, t *track, commits []string, failed ...string) {
	p := &page{track: t, read: mark{t.read.n, t.read.place}}
	for _, name := range commits {
		before := p.read
		p.read = mark{before.n + 1, after(fmt.Sprint(before.n + 1))}
		p.entries = append(p.entries, entry{named(name), before})
	}
	l.found(t, time.Now())
	var undone []eventstore.Announcement
	for _, name := range failed {
		undone = append(undone, named(name))
	}
	l.settle(nil, []*page{p}, undone, time.Now())
}

func named(name string) eventstore.Announcement {
	id, err := eventstore.ParseEventID("user-" + name)
	if err != nil {
		panic(err)
	}
	return eventstore.Announcement{Stream: id.Stream, First: id.Version, Last: id.Version, Commit: &eventstore.Commit{}}
}

// again hands over what has to come again, long after it is due.
func again(l *ledger, failed ...string) (handed []eventstore.Announcement) {
	later, _ := l.next()
	later = later.Add(time.Hour)
	due := l.due(later)
	for _, f := range due {
		handed = append(handed, f.announcement)
	}
	var undone []eventstore.Announcement
	for _, name := range failed {
		undone = append(undone, named(name))
	}
	l.settle(due, nil, undone, later)
	return handed
}

func TestAPlaceStaysBeforeTheFirstThatFailed(t *testing.T) {
	t.Parallel()
	l := newLedger()
	a := l.open("at 1", time.Now())
	place := func(t *track) place { p, _ := l.place(t); return p }
	assert.EqualValues(t, "at 1", place(a))
	passed(l, a, []string{"x@1", "y@1"})
	assert.EqualValues(t, "after 2", place(a))
	passed(l, a, []string{"x@2", "x@3", "y@2"}, "x@3")
	assert.EqualValues(t, "after 3", place(a))
	passed(l, a, []string{"y@3", "x@4", "z@1"}, "y@3", "x@4")
	assert.EqualValues(t, "after 3", place(a))
	handed := again(l, "y@3")
	assert.Len(t, handed, 2)
	assert.Contains(t, handed, eventstore.Announcement{Stream: named("x@1").Stream, First: 3, Last: 4}, "as one, without content")
	assert.EqualValues(t, "after 5", place(a), "y@3 is left")
	again(l)
	assert.EqualValues(t, "after 8", place(a))
}

func TestWhatFailedInSeveralShardsIsOneAnnouncementAndHoldsEach(t *testing.T) {
	t.Parallel()
	l := newLedger()
	a, b := l.open("at 1", time.Now()), l.open("at 1", time.Now())
	passed(l, a, []string{"y@1", "x@5"}, "x@5")
	passed(l, b, []string{"x@2", "y@2"}, "x@2")
	p, _ := l.place(a)
	assert.EqualValues(t, "after 1", p)
	p, _ = l.place(b)
	assert.EqualValues(t, "at 1", p)
	l.close(a)
	handed := again(l, "x@2")
	assert.Equal(t, []eventstore.Announcement{{Stream: named("x@1").Stream, First: 2, Last: 5}}, handed)
	l.close(b)
	assert.Empty(t, again(l), "both shards are another worker's")
}

func TestAShardEndsWhenNothingOfItHasToComeAgain(t *testing.T) {
	t.Parallel()
	l := newLedger()
	a := l.open("at 1", time.Now())
	passed(l, a, []string{"x@1", "y@1"}, "y@1")
	l.settle(nil, []*page{{track: a, last: true}}, nil, time.Now())
	p, ended := l.place(a)
	assert.EqualValues(t, "after 1", p)
	assert.True(t, ended, "what follows it may be read")
	again(l)
	p, ended = l.place(a)
	assert.Equal(t, end, p)
	assert.True(t, ended)
}

func TestOfALostLeaseNothingIsRemembered(t *testing.T) {
	t.Parallel()
	l := newLedger()
	a := l.open("at 1", time.Now())
	l.close(a)
	passed(l, a, []string{"x@1"}, "x@1")
	assert.Empty(t, again(l))
	shards, behind, failing := l.status(time.Now().Add(time.Minute))
	assert.Zero(t, shards)
	assert.Zero(t, behind)
	assert.Zero(t, failing)
}

func TestPausesOfWhatFailsDouble(t *testing.T) {
	t.Parallel()
	l := newLedger()
	a := l.open("at 1", time.Now())
	began := time.Now()
	l.settle(nil, []*page{{track: a, entries: []entry{{announcement: named("x@1")}}}}, []eventstore.Announcement{named("x@1")}, began)
	now := began
	var pauses []time.Duration
	for range 9 {
		at, room := l.next()
		assert.True(t, room)
		pauses = append(pauses, at.Sub(now))
		now = at
		assert.Empty(t, l.due(now.Add(-1)))
		due := l.due(now)
		assert.Len(t, due, 1)
		l.settle(due, nil, []eventstore.Announcement{named("x@1")}, now)
	}
	ms := time.Millisecond
	assert.Equal(t, []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}, pauses)
}

func TestNoNewRecordsAreHandedOverWhenTooManyStreamsFail(t *testing.T) {
	t.Parallel()
	l := newLedger()
	a := l.open("at 1", time.Now())
	for i := range mostFailed {
		_, room := l.next()
		assert.True(t, room)
		name := fmt.Sprintf("%d@1", i)
		passed(l, a, []string{name}, name)
	}
	_, room := l.next()
	assert.False(t, room)
	assert.Len(t, again(l, "0@1"), mostAgain)
	_, room = l.next()
	assert.True(t, room)
}

func TestAFeedIsAsFarBehindAsTheOldestRecordThatItHasReadAndNotHandedOver(t *testing.T) {
	t.Parallel()
	l := newLedger()
	now := time.Now()
	a, b := l.open("at 1", now), l.open("at 1", now)
	behind := func(at time.Time) time.Duration {
		_, behind, _ := l.status(at)
		return behind
	}
	assert.Equal(t, time.Minute, behind(now.Add(time.Minute)), "nothing was read yet")
	l.idle(a, now.Add(time.Minute))
	l.idle(b, now.Add(time.Minute))
	assert.Equal(t, time.Second, behind(now.Add(61*time.Second)))
	l.found(a, now.Add(30*time.Second))
	l.idle(a, now.Add(70*time.Second)) // the reader is faster than the handler
	assert.Equal(t, 31*time.Second, behind(now.Add(61*time.Second)))
	l.settle(nil, []*page{{track: a, read: mark{1, "after 1"}, latest: now.Add(50 * time.Second)}}, nil, now)
	l.idle(b, now.Add(70*time.Second))
	assert.Equal(t, 21*time.Second, behind(now.Add(71*time.Second)), "it may hold more")
	l.idle(a, now.Add(70*time.Second))
	assert.Equal(t, time.Second, behind(now.Add(71*time.Second)))
}
