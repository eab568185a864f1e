package terminal

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/operator"
)

// Confirm asks a question that is answered by y or n; anything else is n. Where nobody can
// answer, since stdin is no terminal or the answer is to be JSON, it is an
// [operator.ErrRefused].
func (t *Terminal) Confirm(question string) error {
	answer, err := t.ask(question+" [y/N] ", "--yes confirms it; --dry-run shows what would be done")
	if answer = strings.ToLower(answer); err == nil && answer != "y" && answer != "yes" {
		err = notConfirmed()
	}
	return err
}

// ConfirmName asks for a name to be typed, for what can not be undone. Else it is as
// [Terminal.Confirm].
func (t *Terminal) ConfirmName(name string) error {
	answer, err := t.ask(fmt.Sprintf("This can not be undone. Type %s to go on: ", name), "--confirm "+Word(name)+" confirms it; --dry-run shows what would be done")
	if err == nil && answer != name {
		err = notConfirmed()
	}
	return err
}

func notConfirmed() error {
	return &Error{Class: operator.ErrRefused, Text: "it was not confirmed; nothing was done"}
}

func (t *Terminal) ask(question, otherwise string) (string, error) {
	if _, terminal := t.opts.Width(t.opts.Stdin); !terminal || t.JSON {
		return "", &Error{Class: operator.ErrRefused, Text: "nobody is there to confirm it", Fix: otherwise}
	}
	fmt.Fprint(t.Stderr(), Clean(question))
	answer, err := bufio.NewReader(t.opts.Stdin).ReadString('\n')
	if err != nil {
		return "", notConfirmed()
	}
	return strings.TrimSpace(answer), nil
}
