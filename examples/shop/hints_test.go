package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// paste runs a line as a shell does.
func (s *shop) paste(line string) answer {
	s.Helper()
	program, err := binary()
	require.NoError(s, err)
	p := &process{Cmd: exec.CommandContext(s.Context(), "sh", "-c", line)}
	p.Dir, p.Env = s.dir, append(os.Environ(), "LEFTFOLD_HINTS=1", "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	require.NoError(s, p.Start())
	return p.wait()
}

func TestProposedCommandsCanBePastedWhateverTheStore(t *testing.T) {
	t.Parallel()
	for store, flag := range map[string]string{
		"":                     "",
		"sqlite:other.db":      " --store sqlite:other.db",
		"sqlite:Ann's shop.db": ` --store 'sqlite:Ann'\''s shop.db'`,
	} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			require.NoError(t, os.WriteFile(s.path("FILE"), []byte(csvRows+
				"5,MUG,STONEWARE MUG,6,2010-12-05 08:26:00,2.55,17850.0,France\n"+
				"6 $HOME,MUG,,1,2010-12-06 09:00:00,2,,France\n7,MUG,,1,2010-12-06 09:00:00,2,,France\n"), 0o600))
			path := s.path("shop.db")
			if name, ok := strings.CutPrefix(store, "sqlite:"); ok {
				path = s.path(name)
			}
			for _, step := range []struct {
				typed    string
				proposes []string
			}{
				{"top", []string{"load FILE"}}, // and when that is pasted the store is there
				{"load FILE", []string{"project"}},
				{"top", nil},
				{"stats mug", []string{"top", "project"}},
				{"history 1", []string{"streams", "project"}},
				{"history 17850 --limit 1", []string{"history 17850 --limit 1 --after "}},
				{"history user-17850", []string{"history 17850", "project"}},
				{"state user-1", []string{"streams"}},
				{"events user-1", []string{"streams user"}},
				{"streams --limit 1", []string{"streams --limit 1 --after user-17850"}},
				{"streams --limit 3", []string{"streams --limit 3 --after 'user-guest-6 $HOME'"}},
				{"streams --limit 3 --json", []string{"streams --limit 3 --after 'user-guest-6 $HOME' --json"}},
				{"project", []string{"parked list"}},
			} {
				if step.typed == "project" {
					appendTo(t, path, "17850", "LOYALTY_JOINED", "{}")
				}
				args := strings.Fields(step.typed)
				if store != "" {
					args = append(args, "--store", store)
				}
				a := s.run(args...)
				for _, proposed := range step.proposes {
					proposed, cursor := strings.CutSuffix(proposed, "--after ")
					_, line, found := strings.Cut(a.stderr, "shop "+proposed)
					require.True(t, found, "%s: %s", step.typed, a.stderr)
					line, _, _ = strings.Cut(line, "\n")
					if !cursor {
						require.True(t, strings.HasPrefix(line, flag), "%s: %s", step.typed, a.stderr)
						line = flag
					}
					b := s.paste("shop " + proposed + line)
					assert.Equal(t, 0, b.code, "shop %s%s: %s", proposed, line, b.stderr)
				}
			}
			if store != "" {
				assert.NoFileExists(t, s.path("shop.db"))
			}
		})
	}
}

// Before the views are there it says what makes them.
func TestTheHintsOfAnUnbuiltViewNameTheStore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.NoError(t, os.WriteFile(s.path("sales.csv"), []byte(csvRows), 0o600))
	s.must("load", "sales.csv", "--store", "sqlite:other.db")
	assert.Contains(t, s.run("top", "--store", "sqlite:other.db").stderr,
		"hint: shop project --store sqlite:other.db builds the views, shop worker --store sqlite:other.db keeps them up to date\n")
}

// What is said to who reads, and to who feeds, with code that is too old.
const (
	readsOld = "readers use generation 2, of version 2\n" +
		"hint: read it by the view of version 2; a program without one is too old: deploy the one that has it\n"
	feedsOld = "its active generation 2 is of version 2\nhint: this program is too old: deploy the one that has version 2\n"
)

func TestAnOldEditionSaysThatItIsTooOldOnceItsGenerationIsRetired(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.NoError(t, os.WriteFile(s.path("sales.csv"), []byte(csvRows), 0o600))
	s.must("load", "sales.csv")
	s.must("project")
	for _, verb := range []string{"start", "switch", "retire"} {
		s.next().act(verb)
	}
	for line, says := range map[string]string{
		"stats MUG":          readsOld,
		"top":                readsOld,
		"dump product-stats": readsOld,
		"project":            feedsOld,
		"worker":             feedsOld,
	} {
		a := s.run(strings.Fields(line)...)
		assert.Equal(t, 1, a.code, line)
		assert.Contains(t, a.stderr, "error: projection \"product-stats\" version 1: "+says, line)
	}
	assert.Contains(t, s.must("verify"), "0 faults")
	s.next().must("top")
}
