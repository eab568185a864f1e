package commands_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
)

var word = regexp.MustCompile(`'[^']*'|\S+`)

// words are those of a line; what stands between single quotes is one.
func words(line string) []string {
	found := []string{}
	for _, w := range word.FindAllString(line, -1) {
		found = append(found, strings.Trim(w, "'"))
	}
	return found
}

func TestWrongUseIsAnsweredWithHowToDoIt(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		for _, line := range []string{"staus", "parked lst", "parked show totals", "parked show totals x", "events", "events a b", "streams a b", "streams x!", "help staus", "help parked lst",
			"events order-1 --from x", "events order-1 --limit -1", "--quiet", "status --max-oldest 3", "status --max-oldest 3s", "status --frm", "activity --limit 0", "-x",
			"projections stats", "parked list stats", "status --color"} {
			p.types(line)
		}
		p.compare("usage")
	})
}

func TestSettingsComeFromAFlagTheEnvironmentAProfileOrTheFileInThisOrder(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.order("1", "tea", 2, "")
		p.all("events order-1 -v", "events order-1 --profile night")
		p.config = "color = \"never\"\ntime = \"relative\"\n\n[profile.night]\ncolor = \"always\"\n\n[profile.day]\n"
		p.all("events order-1 -v", "events order-1 -v --profile night", "events order-1 --profile dusk", "doctor --profile")
		p.env["LEFTFOLD_PROFILE"], p.env["LEFTFOLD_TIME"] = "night", "utc"
		p.all("events order-1 -v", "events order-1 -v --color never --profile day")
		p.env = map[string]string{}
		for _, config := range []string{"colour = \"never\"\n[profile.night]\nstre = 1", "color = \"blue\"", "color = 1", "color =", "[night]"} {
			p.note(strings.ReplaceAll(config, "\n", "; "))
			p.config = config
			p.types("events order-1")
		}
		p.compare("settings")
	})
}

func TestACommandThatOnlyHasOthersRefusesWhatItHasNot(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"frob", "tools frob", "tools"} {
		var out, talk bytes.Buffer
		terminals := terminal.New(terminal.Options{Stdout: &out, Stderr: &talk})
		root, tools := &cobra.Command{Use: "box"}, &cobra.Command{Use: "tools"}
		tools.AddCommand(&cobra.Command{Use: "hammer", Run: func(*cobra.Command, []string) {}})
		root.AddCommand(tools)
		commands.Mount(root, commands.Options{Terminal: terminals})
		commands.Prepare(root, terminals)
		root.SetArgs(words(line))
		code := terminals.Fail(t.Context(), root.ExecuteContext(t.Context()), "")
		if line == "tools" {
			assert.Equal(t, terminal.Done, code)
			assert.Contains(t, out.String(), "hammer")
			continue
		}
		assert.Equal(t, terminal.WrongUse, code)
		assert.Contains(t, talk.String(), "there is no command")
	}
}

func TestHelpListsCommandsByWhatTheyDo(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		for _, line := range []string{"", "help parked", "parked list --help", "status --help"} {
			p.types(line)
		}
		p.compare("help")
	})
}

// complete returns what a shell would propose.
func (p *program) complete(line ...string) string {
	p.Helper()
	var out, talk bytes.Buffer
	root, _ := p.root(&out, &talk)
	root.SetArgs(append([]string{"__complete"}, line...))
	require.NoError(p, root.ExecuteContext(p.Context()), talk.String())
	names, _, _ := strings.Cut(out.String(), ":")
	return strings.Join(strings.Fields(names), " ")
}

func TestNamesAreCompleted(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.order("21", "tea", 1, "")
		assert.Equal(t, "totals", p.complete("projections", ""))
		assert.Equal(t, "totals", p.complete("parked", "list", ""))
		assert.Equal(t, "order", p.complete("streams", ""))
		assert.Equal(t, "leftfold- order-", p.complete("events", ""))
		assert.Equal(t, "order-1 order-2 order-21 order-3 order-4 order-5", p.complete("state", "order-"))
		assert.Equal(t, "order-2 order-21", p.complete("events", "order-2"))
		assert.Equal(t, "totals", p.complete("parked", "show", ""))
		assert.Equal(t, "order-3 order-4", p.complete("parked", "show", "totals", ""))
		assert.Equal(t, "order-3@2 order-4@1", p.complete("parked", "skip", "totals", ""))
		assert.Empty(t, p.complete("parked", "unskip", "totals", ""))
		assert.Equal(t, "order Takes an order", p.complete("send", ""))
		assert.Equal(t, "total Shows how much of an item was ordered", p.complete("ask", ""))
		assert.Empty(t, p.complete("events", "order-1", ""))
		p.failed = locked{}
		assert.Empty(t, p.complete("events", "order-"), "what can not be found is not proposed")
	})
}
