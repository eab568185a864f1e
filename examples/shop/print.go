package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"
)

// printJSON prints one object a line, as it is stored: without escaping for HTML.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table prints rows in columns; the first row is the header.
func table(w io.Writer, rows [][]string) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(tab, "\t")
			}
			fmt.Fprint(tab, cell)
		}
		fmt.Fprintln(tab)
	}
	return tab.Flush()
}

// thousands prints 539391 as 539,391.
func thousands[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// counted prints "1 row" and "2,518 rows". Where an s does not make the plural it is given.
func counted(n int, one string, many ...string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + append(many, one+"s")[0]
}

// perSecond prints a rate.
func perSecond(n int, took time.Duration) string {
	return thousands(int64(float64(n)/max(took.Seconds(), 1e-9))) + "/s"
}

// progress is one line on a terminal that is written over, or a line now and then.
type progress struct {
	out      *os.File
	terminal bool
	every    time.Duration
	last     time.Time
}

func newProgress(out *os.File) *progress {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	p := &progress{out: out, terminal: terminal, every: 10 * time.Second, last: time.Now()}
	if terminal {
		p.every = 100 * time.Millisecond
	}
	return p
}

func (p *progress) show(format string, args ...any) {
	if time.Since(p.last) < p.every {
		return
	}
	p.last = time.Now()
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K"+format, args...)
		return
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// end leaves the line free.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
