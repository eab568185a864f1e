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
	if _, terminal := t.opts.Width(t.opts.Stdin); !terminal || t.JSON {
		return &Error{Class: operator.ErrRefused, Text: "nobody is there to confirm it", Fix: "--yes confirms it; --dry-run shows what would be done"}
	}
	fmt.Fprintf(t.Stderr(), "%s [y/N] ", Clean(question))
	answer, err := bufio.NewReader(t.opts.Stdin).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); err == nil && (word == "y" || word == "yes") {
		return nil
	}
	return &Error{Class: operator.ErrRefused, Text: "it was not confirmed; nothing was done"}
}
