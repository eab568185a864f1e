package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

// next is the same store, and a program that carries version 2 of product-stats, too.
func (s *shop) next() *shop {
	next := *s
	next.env = append([]string{editionVariable + "=2"}, s.env...)
	return &next
}

// act runs a command on product-stats that is recorded, and has to succeed.
func (s *shop) act(words ...string) string {
	s.Helper()
	confirm := map[string][]string{"start": {"--yes"}, "resume": {"--yes"}, "pause": {"--yes"}}[words[0]]
	if confirm == nil {
		confirm = []string{"--confirm", "product-stats"}
	}
	args := append([]string{"rebuild", words[0], "product-stats", "--reason", "a test"}, confirm...)
	return s.must(append(args, words[1:]...)...)
}

// rebuilt is the answer of a rebuild.
type rebuilt struct {
	Schema int `json:"schema"`
	operator.Rebuilt
}

// rebuildData is what a test of a rebuild works on, and what is there before it begins; a soak
// takes the whole year.
func rebuildData(tb testing.TB) (all, before retailtest.Data) {
	tb.Helper()
	all = retailtest.Open(tb)
	if soak() && all.Whole {
		return all, all.First(tb, 18_000)
	}
	return all.First(tb, 1_500), all.First(tb, 1_000)
}

// asNet is what version 2 shows of the rows of version 1: net, and without days.
func asNet(rows []retailtest.ProductStats, nets []retailtest.NetStats) string {
	for i := range rows {
		rows[i].TotalSales, rows[i].UnitsSold = nets[i].TotalSales, nets[i].UnitsSold
	}
	return retailtest.Dump(rows)
}

func TestTheYearIsRebuiltWhileOthersWriteAndRead(t *testing.T) {
	t.Parallel()
	data, first := rebuildData(t)
	want := expect(t, data)
	s := newShop(t)
	next := s.next()
	s.must("load", first.Path)
	s.must("project")
	before := s.commits()
	worker, writer := next.start("worker"), s.start("load", data.Path)
	reader := readMarked(t, s.path("shop.db"))
	require.Eventually(t, func() bool { return s.commits() > before }, 10*time.Minute, time.Millisecond, "it has read what is known")
	before = s.commits()

	report := decode[rebuilt](t, next.act("start", "--compare", "full", "--json"))
	t.Logf("%d events were rebuilt in %.1f s; then %d streams were behind", report.Events, report.Seconds, report.Behind)
	require.Greater(t, s.commits(), before, "somebody wrote meanwhile")
	require.Zero(t, report.Diff.Wrong)
	reader.requireSome(t, "1")
	next.act("switch")
	reader.requireSome(t, "2")
	a := writer.wait()
	require.Equal(t, 0, a.code, a.stderr)
	interrupted(worker)
	next.must("project")
	requireSame(t, "version 2", want.net, next.must("dump", "product-stats"))
	requireSame(t, "version 1 beside it", want.stats, s.must("dump", "product-stats"))

	next.act("rollback")
	reader.requireSome(t, "1")
	requireSame(t, "version 1, as version 2 shows it", asNet(want.ProductStats, want.NetStats), next.must("dump", "product-stats"))
	requireSame(t, "version 1", want.stats, s.must("dump", "product-stats"))
	next.act("switch")
	reader.requireSome(t, "2")
	requireSame(t, "version 2 again", want.net, next.must("dump", "product-stats"))
	reads := reader.end()
	t.Logf("%d times all rows were read meanwhile", reads)
	verified := parse[operator.Verified](t, next.must("verify", "--views", "--json"))
	require.Empty(t, verified.Faults)
	require.Len(t, verified.Views, 2)
}

// commits is how many the store has.
func (s *shop) commits() (n int) {
	s.Helper()
	db, err := sql.Open("sqlite", "file:"+s.path("shop.db")+"?mode=ro")
	require.NoError(s, err)
	err = db.QueryRow("SELECT count(*) FROM commits").Scan(&n)
	require.NoError(s, errors.Join(err, db.Close()))
	return n
}

// interrupted ends a process as Ctrl-C does.
func interrupted(p *process) answer {
	_ = p.Process.Signal(os.Interrupt)
	return p.wait()
}

// marked reads all rows again and again, as a program with both versions does, whose rows tell
// of which version they are.
type marked struct {
	testing.TB
	stop  context.CancelFunc
	ended chan struct{}

	mu    sync.Mutex // guards what follows
	reads map[string]int
	total int
}

func readMarked(tb testing.TB, path string) *marked {
	tb.Helper()
	old, rows := newStats(), newNetStats()
	before := projection.MustNew("product-stats", 1, Events, projection.Follow(customerCategory), old)
	shows := projection.Shows(rows, old, func(ProductStats) ProductStats { return ProductStats{ReturnCount: -1} })
	projection.MustNew("product-stats", 2, Events, projection.Follow(customerCategory), projection.Replaces(before, shows), rows)
	views, err := sqliteviews.Open(tb.Context(), path, sqliteviews.Options{MustExist: true})
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(tb.Context())
	m := &marked{TB: tb, stop: cancel, ended: make(chan struct{}), reads: map[string]int{}}
	go func() {
		defer close(m.ended)
		for ctx.Err() == nil {
			m.read(ctx, rows, views)
		}
	}()
	tb.Cleanup(func() {
		m.end()
		assert.NoError(tb, views.Close())
	})
	return m
}

func (m *marked) read(ctx context.Context, rows *projection.View[ProductStats], views *sqliteviews.Views) {
	n := map[string]int{}
	for row, err := range rows.All(ctx, views) {
		if ctx.Err() != nil {
			return
		}
		if !assert.NoError(m, err, "no read fails") {
			return
		}
		if row.ReturnCount < 0 {
			n["1"]++
		} else {
			n["2"]++
			assert.NotEmpty(m, row.Days)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	assert.Len(m, n, 1, "rows of one answer are of one generation")
	for version := range n {
		m.reads[version]++
		m.total++
	}
}

// requireSome waits until a version was read some times from now on.
func (m *marked) requireSome(tb testing.TB, version string) {
	tb.Helper()
	m.mu.Lock()
	before := m.reads[version]
	m.mu.Unlock()
	require.Eventually(tb, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.reads[version] >= before+2
	}, time.Minute, time.Millisecond)
}

func (m *marked) end() int {
	m.stop()
	<-m.ended
	return m.total
}

// What product-stats gets of a sweep while a rebuild fills its first generation.
func TestASweepSaysThatAProjectionIsLeftToItsRebuild(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.must("load", s.data(5))
	service, err := openService(t.Context(), "sqlite:"+s.path("shop.db"), true, firstEdition)
	require.NoError(t, err)
	rebuilder, err := projection.NewRebuilder(service.Store, service.Views, ProductStatsV1, projection.RebuildOptions{})
	require.NoError(t, err)
	_, err = rebuilder.Start(t.Context(), projection.StartOptions{})
	require.NoError(t, errors.Join(err, service.Close()))

	a := s.run("project")
	assert.Regexp(t, ` events to 1 of 2 projections, `, a.stdout)
	assert.Equal(t, "warning: product-stats is left to its rebuild, and got nothing; shop rebuild status product-stats tells how far that is\n", a.stderr)
	assert.Regexp(t, `applied 0 events, `, s.must("project"))
	assert.Contains(t, s.must("project", "--json"), `"rebuilding":["product-stats"]`)
}
