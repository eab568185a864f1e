package dynamofeed

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/storetest"
)

var server dynamotest.Server

func TestMain(m *testing.M) { server.Main(m) }

// quick suits a server that has no limits.
var quick = Options{PollEvery: 20 * time.Millisecond, IdleEvery: 50 * time.Millisecond, LeaseFor: 3 * time.Second, ListEvery: time.Second}

// tables are those of one prefix, as a test sees them.
type tables struct {
	t        testing.TB
	endpoint string // perhaps of a proxy
	prefix   string
	client   *dynamodb.Client
	store    *dynamostore.Store
}

// common are tables that tests share, since streams make the server slower with every
// table. They are made first, and written at once: the server takes the beginning of a
// stream for trimmed if another table was written before the first record.
var common struct {
	once   sync.Once
	prefix string
}

func shared(t testing.TB) *tables {
	t.Helper()
	common.once.Do(func() {
		s := create(t)
		s.append(newCategory(), 0, 1)
		common.prefix = s.prefix
	})
	s := &tables{endpoint: server.Endpoint(t), prefix: common.prefix}
	return s.at(t, s.endpoint)
}

// provision makes tables for a test alone.
func provision(t testing.TB) *tables {
	t.Helper()
	shared(t)
	return create(t)
}

func create(t testing.TB) *tables {
	t.Helper()
	s := &tables{endpoint: server.Endpoint(t), prefix: dynamotest.NewPrefix()}
	client := dynamotest.NewClient(t, s.endpoint)
	require.NoError(t, dynamostore.Provision(t.Context(), client, s.prefix, dynamostore.ProvisionOptions{Unprotected: true}))
	require.NoError(t, Provision(t.Context(), client, s.prefix, ProvisionOptions{Unprotected: true}))
	return s.at(t, s.endpoint)
}

// at returns the same tables for another test, as seen through an endpoint.
func (s *tables) at(t testing.TB, endpoint string) *tables {
	t.Helper()
	client := dynamotest.NewClient(t, endpoint)
	store, err := dynamostore.Open(t.Context(), client, s.prefix, dynamostore.Options{})
	require.NoError(t, err)
	return &tables{t: t, endpoint: endpoint, prefix: s.prefix, client: client, store: store}
}

func (s *tables) feed(consumer string, opts Options) *Feed {
	s.t.Helper()
	f, err := Open(s.t.Context(), s.client, dynamotest.NewStreamsClient(s.t, s.endpoint), s.prefix, consumer, opts)
	require.NoError(s.t, err)
	return f
}

func (s *tables) backend() storetest.Backend {
	return storetest.Backend{Store: s.store, Directory: s.store, Scanner: s.store,
		Feed:   func(consumer string) eventstore.Feed { return s.feed(consumer, quick) },
		Reopen: func(t testing.TB) storetest.Backend { return s.at(t, s.endpoint).backend() }}
}

func TestTheFeedKeepsTheContract(t *testing.T) {
	shared(t)
	storetest.RunFeed(t, func(t testing.TB) storetest.Backend { return shared(t).backend() })
}

func TestTheTailKeepsTheContract(t *testing.T) {
	shared(t)
	storetest.RunTail(t, func(t testing.TB) storetest.Backend {
		s := shared(t)
		return storetest.Backend{Store: s.store, Tailer: NewTailer(s.client, dynamotest.NewStreamsClient(t, s.endpoint), s.store, quick)}
	})
}

// streamOf returns a stream of a category that no other test has.
func streamOf(t testing.TB, category string, n int) eventstore.StreamID {
	t.Helper()
	s, err := eventstore.NewStreamID(category, fmt.Sprint(n))
	require.NoError(t, err)
	return s
}

func newCategory() string { return "c" + strings.ReplaceAll(uuid.NewString(), "-", "") }

// append makes the streams from one number to before another, with one commit each.
func (s *tables) append(category string, from, to int) []eventstore.Commit {
	s.t.Helper()
	var commits []eventstore.Commit
	for i := from; i < to; i++ {
		c, err := s.store.Append(s.t.Context(), eventstore.Write{Stream: streamOf(s.t, category, i), Events: []eventstore.Event{{Type: "A", Schema: 1, Payload: []byte(`{}`)}}})
		require.NoError(s.t, err)
		commits = append(commits, c)
	}
	return commits
}

// listener runs a feed.
type listener struct {
	t      testing.TB
	feed   *Feed
	cancel context.CancelFunc
	ended  chan error
	losses atomic.Int64 // how often trimmed records were reported
}

// listen runs a feed that takes care of everything, and sends what is of one category.
func listen(t testing.TB, feed *Feed, category string, heard chan<- eventstore.Announcement) *listener {
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{t: t, feed: feed, cancel: cancel, ended: make(chan error, 1)}
	go func() {
		l.ended <- feed.Run(ctx, func(_ context.Context, b eventstore.Batch) []eventstore.Announcement {
			if b.Trimmed {
				l.losses.Add(1)
			}
			for _, a := range b.Announcements {
				if a.Stream.Category() == category {
					heard <- a
				}
			}
			return nil
		})
	}()
	t.Cleanup(cancel)
	return l
}

// newHeard returns a channel for listeners, which never blocks them.
func newHeard() chan eventstore.Announcement { return make(chan eventstore.Announcement, 100_000) }

const patience = 30 * time.Second

func (l *listener) stop() {
	l.t.Helper()
	l.cancel()
	select {
	case err := <-l.ended:
		require.NoError(l.t, err)
	case <-time.After(patience):
		require.Fail(l.t, "the feed does not end")
	}
}

// hear returns the announcements of the streams from one number to before another, which
// have one commit each, and may be announced several times.
func hear(t testing.TB, heard <-chan eventstore.Announcement, category string, from, to int) map[eventstore.StreamID]eventstore.Announcement {
	t.Helper()
	left, got := map[eventstore.StreamID]bool{}, map[eventstore.StreamID]eventstore.Announcement{}
	for i := from; i < to; i++ {
		left[streamOf(t, category, i)] = true
	}
	deadline := time.After(patience)
	for len(left) > 0 {
		select {
		case a := <-heard:
			if left[a.Stream] {
				delete(left, a.Stream)
				got[a.Stream] = a
			}
		case <-deadline:
			require.Fail(t, "too little is announced", "%v is missing", left)
		}
	}
	return got
}

// eventually waits for what happens soon.
func eventually(t testing.TB, condition func() bool, sentence string) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			require.Fail(t, sentence)
		}
	}
}
