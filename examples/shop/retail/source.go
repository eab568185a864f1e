package retail

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ErrFormat: the text as a whole is not the retail CSV; see [FormatError].
var ErrFormat = errors.New("not the retail CSV")

// FormatError says what was found instead of the retail CSV. It is an [ErrFormat].
type FormatError struct {
	Found string
	// Err is the cause where there is one, such as a damaged gzip header.
	Err error
}

func (e *FormatError) Error() string {
	text := fmt.Sprintf("%v: found %s, expected the header %q", ErrFormat, e.Found, strings.Join(header[:], ","))
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is makes the error an [ErrFormat].
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *FormatError) Hint() string {
	return "give the Online Retail file as comma-separated UTF-8 text, plain or gzipped"
}

const byteOrderMark = "\ufeff"

// File is the retail CSV behind its header. It is made by [Open].
type File struct{ lines *lineReader }

// Open reads the header of the retail CSV, plain or gzipped. The error is an
// [ErrFormat] if r is not this CSV, else it says that r failed.
func Open(r io.Reader) (*File, error) {
	text, zipped, err := unzip(r)
	if err != nil {
		return nil, err
	}
	lines := newLineReader(text)
	first, size, err := lines.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, &FormatError{Found: "an empty file"}
	case err != nil && zipped:
		return nil, &FormatError{Found: "a damaged gzip file", Err: err}
	case err != nil:
		return nil, readError(1, err)
	}
	if err := checkHeader(first, size); err != nil {
		return nil, err
	}
	return &File{lines}, nil
}

// unzip tells a gzip file by its first two bytes, which no UTF-8 text has.
func unzip(r io.Reader) (text io.Reader, zipped bool, err error) {
	b := bufio.NewReader(r)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, readError(1, err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, false, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, true, &FormatError{Found: "a damaged gzip file", Err: err}
	}
	return z, true, nil
}

func checkHeader(line []byte, size int) error {
	text := strings.TrimPrefix(string(line), byteOrderMark)
	if what := notText(text); what != "" {
		return &FormatError{Found: what}
	}
	if size > MaxLineBytes {
		return &FormatError{Found: fmt.Sprintf("a first line of %d bytes", size)}
	}
	fields, flt := splitLine(text, nil)
	if flt != nil || len(fields) != columns || [columns]string(fields) != header {
		return &FormatError{Found: "the first line " + clip(text)}
	}
	return nil
}

// notText recognises what people load by mistake, or returns "".
func notText(text string) string {
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return "UTF-16 text"
	case strings.HasPrefix(text, "PK\x03\x04"):
		return "a zip archive or a spreadsheet"
	case !utf8.ValidString(text), strings.ContainsRune(text, 0):
		return fmt.Sprintf("binary data that begins with % x", text[:min(len(text), 8)])
	}
	return ""
}

// readError says at which line a file could not be read.
func readError(line int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("line %d: the retail CSV breaks off: %w", line, err)
	}
	return fmt.Errorf("line %d: the retail CSV can not be read: %w", line, err)
}
