package terminal_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
)

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
