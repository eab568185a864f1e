package terminal

import (
	"fmt"
	"time"

	"github.com/mattn/go-runewidth"
)

// How often progress is shown: on a terminal, where one line at the bottom is written over,
// and elsewhere.
const (
	redrawn = 100 * time.Millisecond
	printed = 10 * time.Second
)

// Progress is how far something is. It is for one goroutine at a time.
type Progress struct {
	t        *Terminal
	terminal bool
	last     time.Time
}

// Progress begins to show it on stderr: on a terminal one line at the bottom, above which
// other talk stays; elsewhere a line every 10 seconds.
func (t *Terminal) Progress() *Progress {
	_, terminal := t.opts.Width(t.opts.Stderr)
	return &Progress{t: t, terminal: terminal && t.opts.Getenv("TERM") != "dumb", last: t.Now()}
}

// Show says how far it is, if it is time to.
func (p *Progress) Show(format string, args ...any) {
	every := printed
	if p.terminal {
		every = redrawn
	}
	now := p.t.Now()
	if p.t.Quiet || now.Sub(p.last) < every {
		return
	}
	p.last = now
	text := Clean(fmt.Sprintf(format, args...))
	if !p.terminal {
		fmt.Fprintln(p.t.Stderr(), text)
		return
	}
	p.t.setStatus(text)
}

// Say prints a line that stays, at once. What is shown next is shown at once, too.
func (p *Progress) Say(format string, args ...any) {
	p.last = time.Time{}
	if !p.terminal {
		p.last = p.t.Now()
	}
	p.t.Say(format, args...)
}

// Terminal reports whether there is a line at the bottom.
func (p *Progress) Terminal() bool { return p.terminal }

// Fits reports whether a line is shown as a whole.
func (p *Progress) Fits(text string) bool {
	columns, _ := p.t.opts.Width(p.t.opts.Stderr)
	return !p.terminal || runewidth.StringWidth(text) < columns
}

// End leaves the line free.
func (p *Progress) End() { p.t.setStatus("") }

func (t *Terminal) setStatus(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clear()
	t.status = text
	t.draw()
}

// clear and draw take the status line away and put it back; mu is held.
func (t *Terminal) clear() {
	if t.status != "" {
		fmt.Fprint(t.opts.Stderr, "\r\x1b[K")
	}
}

func (t *Terminal) draw() {
	if t.status == "" {
		return
	}
	columns, _ := t.opts.Width(t.opts.Stderr)
	fmt.Fprint(t.opts.Stderr, runewidth.Truncate(t.status, max(columns-1, leastWidth), "…")) // a line that wraps can not be taken away
}
