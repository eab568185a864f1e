package retail_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/retail"
)

func itoa(n int) string { return strconv.Itoa(n) }

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestTheSameRowsAreReadHoweverTheFileIsWritten(t *testing.T) {
	t.Parallel()
	rows := header + purchase("1", "A") + "\n" + purchase("1", "B") + "\n"
	crlf := strings.ReplaceAll(rows, "\n", "\r\n")
	half := len(rows) - 20
	for name, text := range map[string]string{
		"plain":                    rows,
		"no newline at the end":    strings.TrimSuffix(rows, "\n"),
		"CRLF":                     crlf,
		"CR at the end":            strings.TrimSuffix(crlf, "\n"),
		"byte order mark":          "\ufeff" + rows,
		"byte order mark and CRLF": "\ufeff" + crlf,
		"quoted header":            strings.Replace(rows, "InvoiceNo,", `"InvoiceNo",`, 1),
		"mark and quoted header":   "\ufeff" + strings.Replace(rows, "InvoiceNo,", `"InvoiceNo",`, 1),
		"gzip":                     string(zip(t, rows)),
		"gzip of mark and CRLF":    string(zip(t, "\ufeff"+crlf)),
		"gzip of two members":      string(zip(t, rows[:half])) + string(zip(t, rows[half:])),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for way, r := range map[string]io.Reader{
				"at once":                  strings.NewReader(text),
				"byte by byte":             iotest.OneByteReader(strings.NewReader(text)),
				"with the error and bytes": iotest.DataErrReader(strings.NewReader(text)),
			} {
				got := read(r)
				require.NoError(t, got.err, way)
				require.Empty(t, got.rejects, way)
				assert.Equal(t, []string{"1-1 A B"}, got.keys(), way)
				assert.Equal(t, "United Kingdom", got.parts[0].Lines[1].Country, way)
			}
		})
	}
}

func TestWhatIsNotTheRetailCSVIsRefusedWhole(t *testing.T) {
	t.Parallel()
	row := purchase("1", "A") + "\n"
	var sixteen []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + header)) {
		sixteen = binary.LittleEndian.AppendUint16(sixteen, unit)
	}
	for name, c := range map[string]struct{ text, found string }{
		"an empty file":              {"", "found an empty file"},
		"an empty gzip file":         {string(zip(t, "")), "found an empty file"},
		"no header":                  {row + row, `found the first line "1,A,MUG`},
		"a column less":              {strings.Replace(header, ",Country", "", 1) + row, "found the first line"},
		"a column more":              {strings.TrimSpace(header) + ",More\n" + row, "found the first line"},
		"another order":              {strings.Replace(header, "InvoiceNo,StockCode", "StockCode,InvoiceNo", 1), "found the first line"},
		"semicolons":                 {strings.ReplaceAll(header+row, ",", ";"), `"InvoiceNo;StockCode`},
		"an open quote":              {`"` + header + row, "found the first line"},
		"an empty first line":        {"\n" + header + row, `found the first line ""`},
		"JSON":                       {`{"a":1}`, "found the first line"},
		"old Mac line endings":       {strings.ReplaceAll(header+row, "\n", "\r"), "found the first line"},
		"a very long first line":     {strings.Repeat("x", 10<<20), "found a first line of 10485760 bytes"},
		"UTF-16":                     {string(sixteen), "found UTF-16 text"},
		"a zip archive":              {"PK\x03\x04\x14\x00", "found a zip archive or a spreadsheet"},
		"a SQLite file":              {"SQLite format 3\x00\x10", "found binary data that begins with 53 51 4c 69"},
		"a picture":                  {"\x89PNG\r\n\x1a\n", "found binary data that begins with 89 50 4e 47"},
		"one byte of a gzip file":    {"\x1f", "found the first line"},
		"two bytes of a gzip file":   {"\x1f\x8b", "found a damaged gzip file"},
		"a gzip header only":         {string(zip(t, header+row)[:10]), "found a damaged gzip file"},
		"noise with the gzip number": {"\x1f\x8b" + strings.Repeat("noise", 100), "found a damaged gzip file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(strings.NewReader(c.text))
			require.ErrorIs(t, got.err, retail.ErrFormat)
			assert.ErrorContains(t, got.err, c.found)
			assert.ErrorContains(t, got.err, "expected the header")
			assert.ErrorContains(t, got.err, "InvoiceNo,StockCode,Description")
			assert.NotEmpty(t, eventstore.Hint(got.err))
			assert.Less(t, len(got.err.Error()), 400)
			assert.Empty(t, got.parts)
			assert.Empty(t, got.rejects)
		})
	}
}

func TestAHeaderAloneIsAnEmptyFileOfItsKind(t *testing.T) {
	t.Parallel()
	for _, text := range []string{header, strings.TrimSpace(header)} {
		assert.Equal(t, result{}, read(strings.NewReader(text)))
	}
}

func TestAGzipFileThatBreaksOffIsAnErrorAndItsLastPartIsNotYielded(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(header)
	for i := range 2_000 {
		text.WriteString(purchase(itoa(i/2), "P"+itoa(i*7919)) + "\n")
	}
	whole := zip(t, text.String())
	all := read(strings.NewReader(text.String())).keys()
	for size := 20; size < len(whole); size += 97 {
		got := read(bytes.NewReader(whole[:size]))
		require.ErrorIs(t, got.err, io.ErrUnexpectedEOF, "%d bytes", size)
		if errors.Is(got.err, retail.ErrFormat) {
			continue // not even the header
		}
		assert.Regexp(t, `^line \d+: the retail CSV breaks off: unexpected EOF$`, got.err.Error())
		require.Less(t, len(got.parts), len(all))
		require.Equal(t, all[:len(got.parts)], append([]string{}, got.keys()...), "only whole parts")
	}
}

func TestAGzipFileThatIsDamagedIsAnErrorThatSaysWhere(t *testing.T) {
	t.Parallel()
	whole := zip(t, header+purchase("1", "A")+"\n"+purchase("2", "B"))
	whole[len(whole)-6] ^= 1 // the checksum
	got := read(bytes.NewReader(whole))
	require.ErrorIs(t, got.err, gzip.ErrChecksum)
	assert.EqualError(t, got.err, "line 3: the retail CSV can not be read: gzip: invalid checksum")
	assert.NotErrorIs(t, got.err, retail.ErrFormat)
	got = read(bytes.NewReader(append(zip(t, header+purchase("1", "A")), "more"...)))
	require.EqualError(t, got.err, "line 2: the retail CSV breaks off: unexpected EOF")
}

func TestAReaderThatFailsIsAnErrorAndTheOpenLineIsNoRow(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	text := header + purchase("1", "A") + "\n" + purchase("2", "B") + "\n" + purchase("2", "C")
	got := read(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
	require.ErrorIs(t, got.err, broken)
	assert.EqualError(t, got.err, "line 4: the retail CSV can not be read: disk on fire")
	assert.Equal(t, []string{"1-1 A"}, got.keys())
	assert.Empty(t, got.rejects)

	long := header + purchase("1", "A") + "\n" + strings.Repeat("x", 3*retail.MaxLineBytes)
	got = read(io.MultiReader(strings.NewReader(long), iotest.ErrReader(broken)))
	require.EqualError(t, got.err, "line 3: the retail CSV can not be read: disk on fire")
	assert.Empty(t, got.rejects)

	for _, none := range []string{"", "I", "Invoi"} {
		got = read(io.MultiReader(strings.NewReader(none), iotest.ErrReader(broken)))
		require.EqualError(t, got.err, "line 1: the retail CSV can not be read: disk on fire")
		assert.NotErrorIs(t, got.err, retail.ErrFormat, "what could not be read is not the wrong file")
	}
}
