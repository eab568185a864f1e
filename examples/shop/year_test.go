package main

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/operator"
)

// expected is what the oracle says of a file, in the form in which the shop says it.
type expected struct {
	*retailtest.Expected
	stats, net, history string
}

func expect(tb testing.TB, data retailtest.Data) expected {
	tb.Helper()
	e := data.Expect(tb)
	return expected{e, retailtest.Dump(e.ProductStats), retailtest.Dump(e.NetStats), retailtest.Dump(e.PurchaseHistory)}
}

// requireViews holds the dumps against the oracle's, byte for byte.
func (s *shop) requireViews(want expected) {
	s.Helper()
	requireSame(s, "product-stats", want.stats, s.must("dump", "product-stats"))
	requireSame(s, "purchase-history", want.history, s.must("dump", "purchase-history"))
}

// requireSound says that verify finds exactly these events and no fault.
func (s *shop) requireSound(want expected) {
	s.Helper()
	report := decode[verifyReport](s, s.must("verify", "--json"))
	require.Equal(s, operator.Verified{Streams: len(want.PurchaseHistory), Commits: want.Commits, Events: want.Events, Faults: []operator.Fault{}}, report.Verified)
}

func (s *shop) load(args ...string) loadReport {
	s.Helper()
	return decode[loadReport](s, s.must(append([]string{"load", "--json"}, args...)...))
}

// rejected is a row of a rejects file.
type rejected struct {
	line              int
	kind, reason, row string
}

func (s *shop) readRejects(name string) []rejected {
	s.Helper()
	file, err := os.Open(s.path(name))
	require.NoError(s, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(s, err)
	require.Equal(s, []string{"Line", "Kind", "Reason", "Row"}, rows[0])
	var rejects []rejected
	for _, r := range rows[1:] {
		line, err := strconv.Atoi(r[0])
		require.NoError(s, err)
		rejects = append(rejects, rejected{line, r[1], r[2], r[3]})
	}
	return rejects
}

// yearInvoices are a fifth of the year, where it is no soak.
const yearInvoices = 5_000

func TestTheYearIsLoadedAndProjectedExactly(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	data := retailtest.Open(t)
	invoices := 24_000
	if !soak() {
		invoices = yearInvoices
		data = data.First(t, invoices)
	}
	s := newShop(t)
	loaded, peak := s.start("load", data.Path, "--rejects", "rejects.csv", "--json").peakMemory()
	require.Equal(t, 0, loaded.code, loaded.stderr)
	first := decode[loadReport](t, loaded.stdout)
	want := expect(t, data)
	t.Logf("loaded in %.1f s: %d events in %d commits, %d rows rejected", first.Seconds, first.Events, first.Parts, first.Rejected)
	if data.Whole {
		assert.Equal(t, retailtest.WholeEvents, first.Events)
		assert.Equal(t, retailtest.WholeRejected, first.Rejected)
	}
	assert.Equal(t, loadReport{Parts: want.Commits, Events: want.Events, Rejected: want.Rejected,
		Reasons: map[string]int{"no trade": want.Rejected}, Seconds: first.Seconds}, first)
	s.requireRejects(data, want)
	requireBounded(t, data, invoices/8, peak)

	swept := decode[projectAnswer](t, s.must("project", "--json"))
	t.Logf("projected in %.1f s", swept.Seconds)
	assert.Equal(t, projectAnswer{len(want.PurchaseHistory), len(want.PurchaseHistory), want.Events, swept.Seconds, []string{"product-stats", "purchase-history"}, nil, nil}, swept)
	s.requireViews(want)
	s.requireSound(want)

	again := s.load(data.Path)
	t.Logf("loaded again in %.1f s", again.Seconds)
	assert.Equal(t, loadReport{Known: want.Events, Rejected: want.Rejected, Reasons: first.Reasons, Seconds: again.Seconds}, again)
	swept = decode[projectAnswer](t, s.must("project", "--json"))
	assert.Equal(t, projectAnswer{Streams: len(want.PurchaseHistory), Seconds: swept.Seconds}, swept)
	s.requireViews(want)
	s.requireSound(want)
}

// requireBounded holds the memory of a load of the file against that of its first eighth. The file is read part by part, a bounded number of parts waits, and a bounded
// number of customers is remembered: eight times the file must not take three times
// the memory. What may grow are those customers, and a count for each invoice.
func requireBounded(t *testing.T, data retailtest.Data, invoices, peak int) {
	t.Helper()
	a, least := newShop(t).start("load", data.First(t, invoices).Path).peakMemory()
	require.Equal(t, 0, a.code, a.stderr)
	t.Logf("a load takes at most %d MB for %d invoices, %d MB for all", least>>10, invoices, peak>>10)
	assert.LessOrEqual(t, peak, 3*least)
}

// requireRejects says that each rejected row is in the file with its line, and why.
func (s *shop) requireRejects(data retailtest.Data, want expected) {
	s.Helper()
	rejects := s.readRejects("rejects.csv")
	text := lines(s, data)
	var numbers []int
	for _, r := range rejects {
		numbers = append(numbers, r.line)
		require.Equal(s, text[r.line-1], r.row, "line %d", r.line)
		require.Equal(s, "no trade", r.kind)
		require.NotEmpty(s, r.reason)
	}
	require.Equal(s, want.RejectedLines, numbers)
}
