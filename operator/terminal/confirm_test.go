package terminal_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

func TestNobodyIsAskedWhereThatIsNotWanted(t *testing.T) {
	t.Parallel()
	for _, s := range []terminal.Settings{{JSON: true}, {NoInput: true}} {
		out := terminal.New(terminal.Options{Stdin: strings.NewReader("y\n"), Stdout: io.Discard, Stderr: io.Discard,
			Width: func(any) (int, bool) { return 80, true }})
		require.NoError(t, out.Confirm(t.Context(), "Continue?"))
		out.Settings = s
		require.ErrorIs(t, out.Confirm(t.Context(), "Continue?"), operator.ErrRefused)
	}
}

// Somebody who thinks better of it presses Ctrl-C, not Enter.
func TestAQuestionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	stdin, typing := io.Pipe()
	t.Cleanup(func() { _ = typing.Close() }) // it ends the read
	out := terminal.New(terminal.Options{Stdin: stdin, Stdout: io.Discard, Stderr: io.Discard,
		Width: func(any) (int, bool) { return 80, true }})
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	ended := make(chan error, 1)
	go func() { ended <- out.Confirm(ctx, "Continue?") }()
	cancel(interrupted)
	require.ErrorIs(t, <-ended, interrupted)
}
