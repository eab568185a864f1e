package retail

import (
	"errors"
	"io"
	"iter"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// The size at which a part ends although its invoice goes on, below that of a
// commit. The largest invoice of the real file has 1,114 lines.
const (
	MaxPartLines = eventstore.MaxCommitEvents / 2
	// MaxPartBytes is compared with an upper bound of what the lines take as
	// events, and leaves room for the metadata of the commit. MaxPartLines of
	// the usual length stay below it.
	MaxPartBytes = eventstore.MaxCommitBytes - 2*eventstore.MaxMetadataBytes
)

// Item is what [File.Parts] yields: either a Part or a Reject.
type Item struct {
	Part   *Part
	Reject *Reject
}

// Parts yields parts and rejects, each in the order of the file; a reject comes
// before the part that it stands in. An error is the last thing it yields: it says
// at which line the reader failed. The part that was being read then is not
// yielded, since nobody can know whether it is whole.
//
// It holds one part in memory, one line of up to [MaxLineBytes] bytes, and for
// each invoice the number of its parts. The iterator may be abandoned at any time.
// It reads on in the file, and so may be used once.
func (f *File) Parts() iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		g := grouper{counts: make(map[string]int)}
		fields := make([]string, 0, columns)
		for {
			line, size, err := f.lines.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				yield(Item{}, readError(f.lines.number+1, err))
				return
			}
			raw := string(line)
			var decoded row
			flt := tooLong(size)
			if flt == nil {
				decoded, flt = decodeRow(raw, fields)
			}
			if flt == nil {
				decoded.line.Number = f.lines.number
				if ended := g.add(decoded); ended != nil && !yield(Item{Part: ended}, nil) {
					return
				}
				flt = decoded.noTrade
			}
			if flt != nil && !yield(Item{Reject: &Reject{f.lines.number, flt.kind, flt.reason, raw}}, nil) {
				return
			}
		}
		if last := g.end(); last != nil {
			yield(Item{Part: last}, nil)
		}
	}
}

func tooLong(size int) *fault {
	if size <= MaxLineBytes {
		return nil
	}
	return faultf(KindLength, "the line has %d bytes, the limit is %d", size, MaxLineBytes)
}

// grouper makes parts of rows.
type grouper struct {
	part   *Part          // the one being read; nil at first
	bytes  int            // an upper bound for its events
	counts map[string]int // parts begun, by invoice
}

// add takes a well-formed row, and returns the part that it ended, if any.
func (g *grouper) add(r row) (ended *Part) {
	size := eventBytes(r)
	if g.part == nil || g.part.Invoice != r.invoice || r.noTrade == nil && !g.fits(r, size) {
		ended = g.end()
		g.begin(r.invoice)
	}
	if r.noTrade == nil {
		g.part.User = r.user
		g.part.Lines = append(g.part.Lines, r.line)
		g.bytes += size
	}
	return ended
}

func (g *grouper) fits(r row, size int) bool {
	return len(g.part.Lines) == 0 ||
		g.part.User == r.user && len(g.part.Lines) < MaxPartLines && g.bytes+size <= MaxPartBytes
}

func (g *grouper) begin(invoice string) {
	invoice = strings.Clone(invoice) // the map must not keep whole lines in memory
	g.counts[invoice]++
	g.part, g.bytes = &Part{Invoice: invoice, Number: g.counts[invoice]}, 0
}

// end returns the part that was being read, or nil if it has no line.
func (g *grouper) end() *Part {
	part := g.part
	g.part = nil
	if part == nil || len(part.Lines) == 0 {
		return nil
	}
	return part
}

// eventBytes is an upper bound for a row as a JSON event: its fields, of which
// the encoding doubles quotes and backslashes and makes six bytes of a control
// character, the purchase ID with the user's ID in it, the amount, the names.
func eventBytes(r row) int {
	n := 320 + 2*len(r.user) + 2*len(r.line.Raw)
	for i := range len(r.line.Raw) {
		if r.line.Raw[i] < ' ' {
			n += 4
		}
	}
	return n
}
