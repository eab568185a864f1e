package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/retailtest"
)

// lines returns the lines of a file, without their ends.
func lines(tb testing.TB, data retailtest.Data) []string {
	tb.Helper()
	text, err := io.ReadAll(data.Reader(tb))
	require.NoError(tb, err)
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
}

func (s *shop) write(name string, lines []string) retailtest.Data {
	s.Helper()
	path := s.path(name)
	require.NoError(s, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return retailtest.Data{Path: path}
}

func invoiceOf(line string) string {
	invoice, _, _ := strings.Cut(line, ",")
	return invoice
}

// longInvoice returns where an invoice of ten rows or more, all of them trade, begins
// and ends; it begins behind the middle.
func longInvoice(tb testing.TB, all []string, rejects []int) (begin, end int) {
	tb.Helper()
	for begin = len(all) / 2; begin < len(all); begin = end {
		for end = begin; end < len(all) && invoiceOf(all[end]) == invoiceOf(all[begin]); end++ {
		}
		bad := slices.ContainsFunc(rejects, func(line int) bool { return line > begin && line <= end })
		if whole := invoiceOf(all[begin-1]) != invoiceOf(all[begin]); whole && !bad && end-begin >= 10 {
			return begin, end
		}
	}
	require.Fail(tb, "no invoice is long enough")
	return 0, 0
}

// A file that breaks off in the middle of a line is loaded, then the whole one: what
// was cut off is not there, and each of its lines is in the rejects file.
func TestAPartThatWasCutOffIsRejectedLineByLineWhenTheWholeFileComes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	data := retailtest.Open(t).First(t, 400)
	all, whole := lines(t, data), data.Expect(t)
	begin, end := longInvoice(t, all, whole.RejectedLines)
	cut := begin + 4 // four lines of the invoice come through, of the fifth a half
	half := all[cut][:len(all[cut])/2]
	s.write("cut.csv", append(slices.Clone(all[:cut]), half))

	first := s.load("cut.csv", "--rejects", "rejects.csv")
	rejects := s.readRejects("rejects.csv")
	last := rejects[len(rejects)-1]
	assert.Equal(t, []any{cut + 1, half}, []any{last.line, last.row})
	assert.Contains(t, last.reason, "columns")

	second := s.load(data.Path, "--rejects", "rejects.csv")
	assert.Equal(t, end-begin, second.Reasons[otherContent])
	assert.Equal(t, whole.Rejected, second.Reasons["no trade"])
	assert.Equal(t, first.Events-4, second.Known, "but for the part that was cut off")
	assert.Equal(t, whole.Events-first.Events-(end-cut), second.Events)
	var missing []rejected
	for _, r := range s.readRejects("rejects.csv") {
		if r.kind == otherContent {
			missing = append(missing, r)
		}
	}
	slices.SortFunc(missing, func(a, b rejected) int { return a.line - b.line })
	require.Len(t, missing, end-begin)
	for i, r := range missing {
		assert.Equal(t, []any{begin + 1 + i, all[begin+i]}, []any{r.line, r.row})
		assert.Contains(t, r.reason, "invoice-"+invoiceOf(all[begin]))
	}

	// What the shop has now is the file without the lines that were cut off.
	s.must("project")
	want := expect(t, s.write("without.csv", slices.Delete(slices.Clone(all), cut, end)))
	s.requireViews(want)
	s.requireSound(want)
}
