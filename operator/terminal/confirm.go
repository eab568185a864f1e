package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/leftfold/leftfold/operator"
)

// CanAsk reports whether somebody is there to answer a question: stdin is a terminal, the
// answer is not to be JSON, and --no-input is not given.
func (t *Terminal) CanAsk() bool {
	_, terminal := t.opts.Width(t.opts.Stdin)
	return terminal && !t.JSON && !t.NoInput
}

// Stdin is what is typed, or sent, to a command.
func (t *Terminal) Stdin() io.Reader { return t.stdin }

// Ask asks a question and returns the answer, without spaces around it: "" where there is
// none. Only where [Terminal.CanAsk] is true. Where ctx ends first the error is its cause,
// and what is typed later is lost: nothing else can end a read from a terminal.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	fmt.Fprintf(t.Stderr(), "%s ", Clean(question))
	answers := make(chan string, 1) // from the read, once, also where nobody waits for it any more
	go func() {
		answer, err := t.stdin.ReadString('\n')
		if err != nil {
			answer = "" // a line that was not ended is no answer
		}
		answers <- strings.TrimSpace(answer)
	}()
	select {
	case answer := <-answers:
		if ctx.Err() == nil {
			return answer, nil
		}
	case <-ctx.Done():
	}
	fmt.Fprintln(t.Stderr()) // who interrupts has not answered, whatever came with it
	return "", context.Cause(ctx)
}

// Confirm asks a question that is answered by y or n; anything else is n. Where nobody can
// answer, since stdin is no terminal or the answer is to be JSON, it is an
// [operator.ErrRefused].
func (t *Terminal) Confirm(ctx context.Context, question string) error {
	if !t.CanAsk() {
		return nobody("--yes confirms it")
	}
	word, err := t.Ask(ctx, question+" [y/N]")
	if err != nil {
		return err
	}
	if word = strings.ToLower(word); word == "y" || word == "yes" {
		return nil
	}
	return notConfirmed()
}

// ConfirmName asks for a name to be typed: for what can not be put right. Where nobody can
// answer it is an [operator.ErrRefused], whose hint names the flag that confirms it.
func (t *Terminal) ConfirmName(ctx context.Context, name, flag string) error {
	if !t.CanAsk() {
		return nobody(flag + " " + Word(name) + " confirms it")
	}
	typed, err := t.Ask(ctx, "Type "+name+" to go on:")
	if err != nil {
		return err
	}
	if typed == name {
		return nil
	}
	return notConfirmed()
}

func nobody(confirms string) error {
	return &Error{Class: operator.ErrRefused, Text: "nobody is there to confirm it", Fix: confirms + "; --dry-run shows what would be done"}
}

func notConfirmed() error {
	return &Error{Class: operator.ErrRefused, Text: "it was not confirmed; nothing was done"}
}
