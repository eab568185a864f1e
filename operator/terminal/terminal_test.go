package terminal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// screen is a terminal, or a pipe where it has no columns.
type screen struct {
	*terminal.Terminal
	out, talk bytes.Buffer
	env       map[string]string
	columns   map[any]int // of a stream, where it is not the default
}

func newScreen(columns int, env ...string) *screen {
	s := &screen{env: map[string]string{}, columns: map[any]int{}}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		s.env[name] = value
	}
	s.Terminal = terminal.New(terminal.Options{Stdin: strings.NewReader(""), Stdout: &s.out, Stderr: &s.talk, Getenv: func(name string) string { return s.env[name] },
		Width: func(stream any) (int, bool) {
			if n, ok := s.columns[stream]; ok {
				return n, n > 0
			}
			return columns, columns > 0
		}})
	return s
}

func TestColoursAreDecidedForEachStream(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		flag     string
		terminal bool
		env      []string
		want     bool
	}{
		{"auto", true, nil, true},
		{"auto", false, nil, false},
		{"auto", true, []string{"NO_COLOR=1"}, false},
		{"auto", true, []string{"NO_COLOR=1", "FORCE_COLOR=1"}, false},
		{"auto", false, []string{"FORCE_COLOR=1"}, true},
		{"auto", true, []string{"FORCE_COLOR=0"}, false},
		{"auto", true, []string{"TERM=dumb"}, false},
		{"always", false, []string{"NO_COLOR=1", "TERM=dumb"}, true},
		{"never", true, []string{"FORCE_COLOR=1"}, false},
	} {
		columns := 0
		if test.terminal {
			columns = 80
		}
		s := newScreen(columns, test.env...)
		s.Color = test.flag
		assert.Equal(t, test.want, s.Paint(&s.out, terminal.Bad, "x") != "x", "%+v", test)
	}
	s := newScreen(80)
	s.columns[&s.out] = 0 // stdout is a pipe, stderr is not
	assert.Equal(t, "x", s.Paint(&s.out, terminal.Bad, "x"))
	assert.Equal(t, "\x1b[31mx\x1b[0m", s.Paint(&s.talk, terminal.Bad, "x"))
}

func TestATableCutsItsLongestTextAndNeverANameOrANumber(t *testing.T) {
	t.Parallel()
	print := func(s *screen) string {
		table := s.Table(terminal.Column{Name: "NAME"}, terminal.Column{Name: "N", Right: true}, terminal.Column{Name: "TEXT", Text: true}, terminal.Column{Name: "MORE", Text: true, Wide: true})
		require.NoError(t, table.Row("a-very-long-name-of-something", 1234567, "これは少し長いテキストです and more of it", "more"))
		require.NoError(t, table.Row("b", nil, "a\x1b[31mred\nline", ""))
		require.NoError(t, table.Flush())
		return s.out.String()
	}
	assert.Equal(t, ""+
		"NAME                                   N  TEXT\n"+
		"a-very-long-name-of-something  1,234,567  これは少し長いテキストです and more of it\n"+
		"b                                      –  a\\u001b[31mred\\nline\n", print(newScreen(0)))
	narrow := print(newScreen(60, "NO_COLOR=1"))
	assert.Equal(t, ""+
		"NAME                                   N  TEXT\n"+
		"a-very-long-name-of-something  1,234,567  これは少し長いテ…\n"+
		"b                                      –  a\\u001b[31mred\\nl…\n", narrow)
	assert.Contains(t, print(newScreen(20, "NO_COLOR=1")), "a-very-long-name-of-something  1,234,567  これは少…")
	wide := newScreen(60, "NO_COLOR=1")
	wide.Wide = true
	assert.Contains(t, print(wide), "これは少し長いテキストです and more of it  more\n")
}

func TestALongTableIsPrintedAsItComes(t *testing.T) {
	t.Parallel()
	s := newScreen(0)
	table := s.Table(terminal.Column{Name: "N", Right: true})
	for i := range 1200 {
		require.NoError(t, table.Row(i))
	}
	assert.Equal(t, 1001, strings.Count(s.out.String(), "\n"), "with its header, once")
	require.NoError(t, table.Flush())
	assert.Equal(t, 1201, strings.Count(s.out.String(), "\n"))
	assert.Equal(t, 1, strings.Count(s.out.String(), "N"))
}

func TestNumbersTimesAndAgesAreForPeople(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"0", "999", "1,000", "-1,234,567"}, []string{terminal.Thousands(0), terminal.Thousands(999), terminal.Thousands(1000), terminal.Thousands(-1234567)})
	assert.Equal(t, []string{"1 row", "2,518 rows", "2 streams were"}, []string{terminal.Counted(1, "row"), terminal.Counted(2518, "row"), terminal.Counted(2, "stream was", "streams were")})
	for want, d := range map[string]time.Duration{"0.3 s": 300 * time.Millisecond, "41 s": 41 * time.Second, "15 min": 15 * time.Minute, "3 h": 3*time.Hour + 59*time.Minute, "1,000 d": 24000 * time.Hour, "0.0 s": -time.Second} {
		assert.Equal(t, want, terminal.Age(d))
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(0)
		at := time.Now().Add(-time.Hour)
		assert.Equal(t, "1999-12-31T23:00:00Z", s.When(at))
		assert.Equal(t, terminal.None, s.When(time.Time{}))
		s.Settings.Time = "relative"
		assert.Equal(t, "60 min ago", s.When(at))
		assert.Equal(t, "in 5.0 s", s.When(time.Now().Add(5*time.Second)))
	})
	assert.Equal(t, `shop state 'user-Ann'\''s'`, terminal.Line("shop", "state", "user-Ann's"))
}

func TestAnExitCodeIsTheClassOfAnError(t *testing.T) {
	t.Parallel()
	for code, errs := range map[terminal.Code][]error{
		terminal.Done:           {nil},
		terminal.Failed:         {errors.New("no route to host"), fs.ErrPermission, eventstore.ErrCorrupt, projection.ErrNotBuilt},
		terminal.WrongUse:       {terminal.ErrUsage, eventstore.ErrInvalid, projection.ErrCursor},
		terminal.NotThere:       {operator.ErrNotFound, aggregate.ErrNotFound, projection.ErrNotFound, fs.ErrNotExist},
		terminal.Changed:        {&eventstore.ConflictError{}, projection.ErrChanged, eventstore.ErrClaimTaken, &eventstore.IDReusedError{}},
		terminal.CheckFailed:    {terminal.ErrCheck},
		terminal.Refused:        {operator.ErrRefused},
		terminal.OutcomeUnknown: {&eventstore.OutcomeUnknownError{Err: context.Canceled}},
		terminal.Interrupted:    {context.Canceled},
	} {
		for _, err := range errs {
			if err != nil {
				err = fmt.Errorf("it: %w", err)
			}
			assert.Equal(t, code, terminal.CodeOf(err), "%v", err)
		}
	}
}

func TestAFailureSaysWhatWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	stream, err := eventstore.NewStreamID("user", "1")
	require.NoError(t, err)
	tooLarge := &eventstore.LimitError{Stream: stream, What: "commit bytes", Size: 9, Limit: 8}
	corrupt := errors.Join(&eventstore.CorruptError{Stream: stream, Version: 4, Reason: "a gap"}, &eventstore.CorruptError{Stream: stream, Version: 4, Reason: "a gap"})

	s := newScreen(0)
	assert.Equal(t, terminal.Failed, s.Fail(t.Context(), corrupt, "again"))
	assert.Equal(t, "error: user-1@4: store is corrupt: a gap\nhint: stop writing to the stream, keep a copy of the store, restore it from a backup\n", s.talk.String(), "once")
	s = newScreen(0)
	s.JSON = true
	s.Fail(t.Context(), tooLarge, "again")
	assert.Equal(t, `{"schema":1,"error":{"code":"failed","message":"\"user-1\": 9 commit bytes, the limit is 8","stream":"user-1","size":9,"limit":8}}`+"\n", s.talk.String())

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s = newScreen(0)
	assert.Equal(t, terminal.Interrupted, s.Fail(ended, errors.New("driver: bad connection"), "give it again"))
	assert.Equal(t, "interrupted\nhint: give it again\n", s.talk.String())
	s = newScreen(0)
	assert.Equal(t, terminal.OutcomeUnknown, s.Fail(ended, &eventstore.OutcomeUnknownError{Err: context.Canceled}, "give it again"), "that it is unknown matters more")
	s = newScreen(0)
	assert.Equal(t, terminal.CheckFailed, s.Fail(t.Context(), terminal.ErrCheck, ""))
	assert.Equal(t, terminal.Done, s.Fail(t.Context(), nil, ""))
	assert.Empty(t, s.talk.String(), "the answer has said it")
}

func TestProgressIsOneLineBelowAllOtherTalk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(20, "NO_COLOR=1")
		p := s.Progress()
		p.Show("too soon")
		assert.Empty(t, s.talk.String())
		<-time.After(time.Second)
		p.Show("%d of 10 streams are read", 3)
		s.Warn("the table is throttled")
		p.End()
		s.Say("done")
		assert.Equal(t, "3 of 10 streams ar…"+"\r\x1b[K"+"warning: the table is throttled\n"+"3 of 10 streams ar…"+"\r\x1b[K"+"done\n", s.talk.String())

		s = newScreen(0)
		p = s.Progress()
		for i := range 25 {
			<-time.After(time.Second)
			p.Show("%d", i+1)
		}
		p.End()
		assert.Equal(t, "10\n20\n", s.talk.String(), "elsewhere a line now and then")
		assert.Empty(t, s.out.String())
	})
}

func TestHintsAreForATerminalUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		columns int
		env     string
		quiet   bool
		want    string
	}{{80, "", false, "next: x\n"}, {0, "", false, ""}, {0, "LEFTFOLD_HINTS=1", false, "next: x\n"}, {80, "LEFTFOLD_HINTS=0", false, ""}, {80, "", true, ""}} {
		s := newScreen(test.columns, test.env)
		s.Color, s.Quiet = "never", test.quiet
		s.Next("x")
		assert.Equal(t, test.want, s.talk.String(), "%+v", test)
	}
}

func TestJSONBeginsWithTheVersionOfItsNames(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, terminal.WriteJSON(&b, map[string]string{"a": "<b>"}))
	require.NoError(t, terminal.WriteJSON(&b, struct{}{}))
	assert.Equal(t, `{"schema":1,"a":"<b>"}`+"\n"+`{"schema":1}`+"\n", b.String())
	assert.Error(t, terminal.WriteJSON(&b, []int{1}))
}

func TestNothingThatIsStoredControlsATerminal(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b[31m\u009b31m\u202eb" // what JSON escapes, and what it lets stand
	stored := map[string]any{"text": evil, "list": []string{evil}, "payload": json.RawMessage("\"c\u009b\x9b31m\"")}
	harmless := func(text string) {
		t.Helper()
		assert.Contains(t, text, "a")
		assert.NotContains(t, text, "\x1b")
		assert.NotContains(t, text, "\u009b")
		assert.NotContains(t, text, "\u202e")
		assert.True(t, utf8.ValidString(text), "%q", text)
	}
	harmless(terminal.Clean(evil))
	harmless(terminal.Clean("a\x9b31m"))
	s := newScreen(0)
	require.NoError(t, terminal.WriteJSON(&s.out, stored))
	harmless(s.out.String())
	var back map[string]any
	require.NoError(t, json.Unmarshal(s.out.Bytes(), &back))
	assert.Equal(t, evil, back["text"], "JSON says the same")

	s = newScreen(0)
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--template", "{{.text}} {{index .list 0}} {{.payload}}"}))
	require.NoError(t, s.Object(stored, "", nil))
	harmless(s.out.String())
}
