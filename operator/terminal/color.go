package terminal

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Color is what a text means: it is never told by colour alone.
type Color string

// The colours, as escape sequences.
const (
	Plain Color = ""
	Dim   Color = "2"
	Good  Color = "32"
	Bad   Color = "31"
	Odd   Color = "33"
)

// Paint colours a text if the stream shows colours: --color decides, then NO_COLOR,
// FORCE_COLOR and TERM, then whether it is a terminal.
func (t *Terminal) Paint(stream io.Writer, c Color, text string) string {
	if c == Plain || text == "" || !t.colored(stream) {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func (t *Terminal) colored(stream io.Writer) bool {
	switch t.Color {
	case "always":
		return true
	case "never":
		return false
	}
	if t.opts.Getenv("NO_COLOR") != "" {
		return false
	}
	if force := t.opts.Getenv("FORCE_COLOR"); force != "" {
		return force != "0"
	}
	_, terminal := t.opts.Width(stream)
	return terminal && t.opts.Getenv("TERM") != "dumb"
}

// Clean makes control characters of a stored text visible, so that they can do nothing to a
// terminal. A line break is kept. What is no UTF-8, in which some terminals find control
// characters too, becomes U+FFFD. Of JSON it makes JSON that says the same.
func Clean(text string) string {
	if strings.IndexFunc(text, controls) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if controls(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// controls reports whether a character moves the cursor or turns the direction of a text.
func controls(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
