package retail

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLineBytes is the longest line that is read as a row, without its ending.
// The longest of the real file has 104 bytes.
const MaxLineBytes = 64 << 10

// lineReader cuts a text into lines that end with LF or CRLF; the last one may
// do without. It holds one line at a time, however long the file's lines are.
type lineReader struct {
	r      *bufio.Reader
	number int // of the line that next returned last
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, MaxLineBytes+2)} // with CR and LF
}

// next returns a line without its ending, valid until the next call, and its
// length. Of a line longer than MaxLineBytes it returns the beginning, and the
// length of the whole. At the end of the text it returns io.EOF; a line that any
// other error cuts off is not returned.
func (l *lineReader) next() (line []byte, size int, err error) {
	line, err = l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return l.long(line)
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return nil, 0, err
	}
	l.number++
	line = bytes.TrimSuffix(line, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > MaxLineBytes { // by one, in the room for the CR
		return line[:MaxLineBytes], len(line), nil
	}
	return line, len(line), nil
}

// long passes over the rest of a line that begins with first, counting it.
func (l *lineReader) long(first []byte) ([]byte, int, error) {
	begin := bytes.Clone(first[:MaxLineBytes])
	size, last := len(first), first[len(first)-1]
	for {
		more, err := l.r.ReadSlice('\n')
		more = bytes.TrimSuffix(more, []byte("\n"))
		if len(more) > 0 {
			size += len(more)
			last = more[len(more)-1]
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		if last == '\r' {
			size--
		}
		l.number++
		return begin, size, nil
	}
}
