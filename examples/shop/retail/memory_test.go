package retail_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/examples/shop/retail"
	"github.com/leftfold/leftfold/internal/plaintest"
)

const (
	fileBytes   = 200 << 20
	memoryBound = 16 << 20
)

// Not parallel: it measures the heap of the whole process.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if plaintest.Run(t) {
		return
	}
	source := writeEndless(fileBytes)
	var lines, rejects int64
	before := liveBytes()
	for item, err := range parts(source) {
		require.NoError(t, err)
		if item.Reject != nil {
			rejects++
		} else {
			lines += int64(len(item.Part.Lines))
		}
	}
	peak := source.peak - before
	t.Logf("%d MB: %d lines, %d rejects, at most %d KB live", source.read>>20, lines, rejects, peak>>10)
	assert.GreaterOrEqual(t, source.read, int64(fileBytes))
	assert.Equal(t, source.lines, lines)
	assert.Equal(t, source.rejects, rejects)
	assert.Less(t, peak, int64(memoryBound))
}

func liveBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// endless is a file of invoices that come back, with a very long line and a very
// long invoice now and then. It measures the memory at each megabyte, wherever
// its reader then is. Its counts are valid when it ends.
type endless struct {
	io.Reader
	read, peak     int64
	lines, rejects int64
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if before := e.read; (before+int64(n))>>20 > before>>20 {
		e.peak = max(e.peak, liveBytes())
	}
	e.read += int64(n)
	return n, err
}

func writeEndless(size int) *endless {
	r, w := io.Pipe()
	e := &endless{Reader: r}
	description := strings.Repeat("LONG DESCRIPTION ", 20)
	quotes := strings.Repeat(`"`, 1<<10)
	go func() {
		out := bufio.NewWriter(w)
		written, _ := out.WriteString(header)
		for i := 0; written < size; i++ {
			rows := 20
			if i%5_000 == 4_999 {
				rows = 2 * retail.MaxPartLines
			}
			for row := range rows {
				n, _ := fmt.Fprintf(out, "%d,P%d,%s,1,2010-12-01 08:26:00,2.55,17850.0,France\n", i%1_000, row, description)
				written += n
			}
			e.lines += int64(rows)
			if i%5_000 == 0 {
				for range 20 << 10 { // a line of 20 MB
					n, _ := out.WriteString(quotes)
					written += n
				}
				_, _ = out.WriteString("\n")
				e.rejects++
			}
		}
		_ = w.CloseWithError(out.Flush())
	}()
	return e
}

func BenchmarkParts(b *testing.B) {
	var text bytes.Buffer
	text.WriteString(header)
	const rows = 10_000
	for i := range rows {
		fmt.Fprintf(&text, "%d,P%d,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n", i/20, i)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range parts(bytes.NewReader(text.Bytes())) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
