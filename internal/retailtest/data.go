package retailtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the whole "Online Retail" file holds.
const (
	WholeEvents   = 539_391
	WholeRejected = 2_518
)

// The data that is generated where the file is not found.
const (
	generatedSeed     = 1
	generatedInvoices = 2_000
)

// Data is a retail CSV in a file.
type Data struct {
	// Path names the file; it may be gzipped.
	Path string
	// Whole is whether it is the whole real file, of which the totals are known.
	Whole bool
}

// Open finds the retail data: the file that LEFTFOLD_RETAIL names, which must
// then exist; else ../shared/data/online-retail.csv.gz beside the module; else it
// generates data of the same shape. It logs which it is.
func Open(tb testing.TB) Data {
	tb.Helper()
	if path := os.Getenv("LEFTFOLD_RETAIL"); path != "" {
		if _, err := os.Stat(path); err != nil {
			tb.Fatalf("LEFTFOLD_RETAIL: %v", err)
		}
		tb.Logf("retail data: LEFTFOLD_RETAIL, %s", path)
		return Data{Path: path, Whole: true}
	}
	shared := filepath.Join(moduleRoot(tb), "..", "shared", "data", "online-retail.csv.gz")
	if _, err := os.Stat(shared); err == nil {
		tb.Logf("retail data: the shared file")
		return Data{Path: shared, Whole: true}
	}
	tb.Logf("retail data: %d generated invoices, seed %d (set LEFTFOLD_RETAIL to the real file)",
		generatedInvoices, generatedSeed)
	return Generated(tb, generatedSeed, generatedInvoices)
}

// Generated returns generated data; see [Generate].
func Generated(tb testing.TB, seed uint64, invoices int) Data {
	tb.Helper()
	var text bytes.Buffer
	if err := Generate(&text, seed, invoices); err != nil {
		tb.Fatal(err)
	}
	return write(tb, text.Bytes())
}

// Reader returns the CSV as plain text. It is closed when the test ends.
func (d Data) Reader(tb testing.TB) io.Reader {
	tb.Helper()
	f, err := os.Open(d.Path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	b := bufio.NewReader(f)
	if magic, _ := b.Peek(2); !bytes.Equal(magic, []byte("\x1f\x8b")) {
		return b
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		tb.Fatalf("%s: %v", d.Path, err)
	}
	return z
}

// First returns the rows up to the first one of the invoice after the first n,
// as a plain CSV file.
func (d Data) First(tb testing.TB, n int) Data {
	tb.Helper()
	var text bytes.Buffer
	seen := make(map[string]bool)
	lines := bufio.NewScanner(d.Reader(tb))
	for first := true; lines.Scan(); first = false {
		if invoice, _, _ := strings.Cut(lines.Text(), ","); !first {
			seen[invoice] = true
		}
		if len(seen) > n {
			break
		}
		text.Write(lines.Bytes())
		text.WriteByte('\n')
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return write(tb, text.Bytes())
}

// Expect folds the file.
func (d Data) Expect(tb testing.TB) *Expected {
	tb.Helper()
	e, err := Fold(d.Reader(tb))
	if err != nil {
		tb.Fatalf("%s: %v", d.Path, err)
	}
	return e
}

func write(tb testing.TB, text []byte) Data {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "retail.csv")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return Data{Path: path}
}

// moduleRoot walks up from the test's directory to go.mod.
func moduleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("no go.mod above the test's directory")
		}
		dir = parent
	}
}
