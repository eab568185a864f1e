package commands

import (
	"errors"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// next proposes a command, where the program has it: one that only looks has not got all.
func (m *mounted) next(command string, args ...string) {
	if line, ok := m.proposal(command, args...); ok {
		m.Terminal.Next(line)
	}
}

// nextAct proposes one that acts on a projection, with the flags that it wants.
func (m *mounted) nextAct(command, name string, how confirmation) {
	line, ok := m.proposal(command, name)
	if !ok {
		return
	}
	if how == byName {
		line += " --confirm " + terminal.Word(name)
	}
	m.Terminal.Next(line + anyReason)
}

// anyReason stands for a reason in a line that is proposed.
const anyReason = ` --reason "…"`

func (m *mounted) proposal(command string, args ...string) (line string, ok bool) {
	words := strings.Fields(command)
	_, rest, err := m.root.Find(words)
	return m.Line(append(words, args...)...), err == nil && len(rest) == 0
}

// hinted gives an error the hint of what to type. What is done to which projection tells
// name; otherwise is the hint for what is not there and has none of its own.
func (m *mounted) hinted(err error, name, otherwise string) error {
	live, building := errors.AsType[*projection.RebuildingError](err)
	none, ended := errors.AsType[*projection.NoRebuildError](err)
	switch {
	case err == nil:
	case errors.Is(err, projection.ErrPaused):
		return terminal.WithHint(err, m.Line("resume", name)+" resumes it")
	case ended && none.Finished > 0:
		return terminal.WithHint(err, m.Line("rebuild", "switch", name)+" switches readers to it, "+m.Line("rebuild", "cancel", name)+" gives it up")
	case errors.Is(err, projection.ErrNoRebuild):
		return terminal.WithHint(err, m.Line("rebuild", "start", name)+" starts one")
	case isReaction(err):
		return terminal.WithHint(err, "name a projection: "+m.listed())
	case canForce(err):
		return terminal.WithHint(err, "see to it, or pass it by: "+m.Line("rebuild", "switch", name, "--force")+anyReason)
	case errors.Is(err, projection.ErrNoGeneration):
		return terminal.WithHint(err, m.Line("rebuild", "status", name)+" shows which there are")
	case building && live.Live:
		return terminal.WithHint(err, "workers build it: let one run until its first sweep has ended, or "+m.Line("sweep", name)+anyReason)
	case building:
		return terminal.WithHint(err, m.Line("rebuild", "status", name)+" shows it, "+m.Line("rebuild", "cancel", name)+" gives it up")
	case errors.Is(err, projection.ErrChanged):
		return terminal.WithHint(err, "nothing was done; "+m.Line("rebuild", "status", name)+" shows how it is now")
	case terminal.CodeOf(err) == terminal.NotThere && eventstore.Hint(err) == "":
		return terminal.WithHint(err, otherwise)
	}
	return err
}

func isReaction(err error) bool {
	_, ok := errors.AsType[*operator.ReactionError](err)
	return ok
}

// canForce reports whether a switch is refused that may be forced, by a program that should.
func canForce(err error) bool {
	e, ok := errors.AsType[*projection.NotReadyError](err)
	return ok && !e.Firm && e.Needs == 0
}

// listed is the hint where a projection is not there.
func (m *mounted) listed() string { return m.Line("projections") + " lists them" }
