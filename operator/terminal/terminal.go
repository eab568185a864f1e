package terminal

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Options say where a terminal talks. The zero value is the process's own.
type Options struct {
	// Stdin is where confirmations come from. Defaults to os.Stdin.
	Stdin io.Reader
	// Stdout takes answers and Stderr talk. Default to os.Stdout and os.Stderr.
	Stdout, Stderr io.Writer
	// Getenv is the environment. Defaults to os.Getenv.
	Getenv func(string) string
	// ReadFile reads a file of the working directory. Defaults to os.ReadFile.
	ReadFile func(name string) ([]byte, error)
	// Width says how many columns a stream shows, and whether it is a terminal at all.
	// Defaults to asking the system.
	Width func(stream any) (columns int, isTerminal bool)
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Terminal is what the commands of one invocation talk through. It is safe for concurrent
// use once the flags are parsed.
type Terminal struct {
	// Settings are what the flags say.
	Settings
	opts  Options
	stdin *bufio.Reader

	mu     sync.Mutex // for stderr, and what follows
	status string     // the line at the bottom, which is written over
}

// New returns a terminal.
func New(o Options) *Terminal {
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Width == nil {
		o.Width = systemWidth
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Terminal{opts: o, stdin: bufio.NewReader(o.Stdin), Settings: Settings{Color: "auto", Time: "utc"}}
}

const plainWidth = 80

func systemWidth(stream any) (int, bool) {
	file, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil || columns < 1 {
		columns = plainWidth
	}
	return columns, true
}

// Now is the time by the terminal's clock.
func (t *Terminal) Now() time.Time { return t.opts.Now() }

// Stdout is for answers that are neither a list nor an object.
func (t *Terminal) Stdout() io.Writer { return t.opts.Stdout }

// Stderr is for what others write, such as a log: it keeps the status line below it.
func (t *Terminal) Stderr() io.Writer { return talk{t} }

type talk struct{ t *Terminal }

func (w talk) Write(text []byte) (int, error) {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.clear()
	n, err := w.t.opts.Stderr.Write(text)
	w.t.draw()
	return n, err
}

// Say prints a line of talk.
func (t *Terminal) Say(format string, args ...any) {
	if t.Quiet {
		return
	}
	fmt.Fprintln(t.Stderr(), Clean(fmt.Sprintf(format, args...)))
}

// Warn prints a warning.
func (t *Terminal) Warn(format string, args ...any) {
	fmt.Fprintf(t.Stderr(), "%s %s\n", t.Paint(t.opts.Stderr, Bad, "warning:"), Clean(fmt.Sprintf(format, args...)))
}

// Next proposes a command: on a terminal only, or where LEFTFOLD_HINTS is 1, and not where it
// is 0.
func (t *Terminal) Next(line string) {
	if t.hints() {
		fmt.Fprintf(t.Stderr(), "%s %s\n", t.Paint(t.opts.Stderr, Dim, "next:"), Clean(line))
	}
}

// Getenv returns a variable of the environment.
func (t *Terminal) Getenv(name string) string { return t.opts.Getenv(name) }

// ReadFile reads a file of the working directory.
func (t *Terminal) ReadFile(name string) ([]byte, error) { return t.opts.ReadFile(name) }

// Note is a remark for people: it is shown where [Terminal.Next] is.
func (t *Terminal) Note(format string, args ...any) {
	if t.hints() {
		fmt.Fprintln(t.Stderr(), t.Paint(t.opts.Stderr, Dim, Clean(fmt.Sprintf(format, args...))))
	}
}

func (t *Terminal) hints() bool {
	_, terminal := t.opts.Width(t.opts.Stderr)
	hints := t.opts.Getenv("LEFTFOLD_HINTS")
	return !t.Quiet && hints != "0" && (terminal || hints == "1")
}
