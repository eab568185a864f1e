package terminal_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
)

// entry has fields of each kind that --json may leave out.
type entry struct {
	ID      string          `json:"id"`
	Result  string          `json:"result,omitempty"`
	Count   *int            `json:"count"`
	Ended   time.Time       `json:"ended,omitzero"`
	Rebuild *part           `json:"rebuild,omitempty"`
	Parts   []part          `json:"parts,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

type part struct {
	Name string `json:"name,omitempty"`
	Of   *part2 `json:"of,omitempty"`
}

type part2 struct {
	Size int `json:"size,omitempty"`
}

// templated is a screen that shows answers by a template.
func templated(t *testing.T, text string) *screen {
	t.Helper()
	s := newScreen(0)
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--template", text}))
	return s
}

func TestAFieldThatAnEntryLeavesOutIsEmptyInATemplate(t *testing.T) {
	t.Parallel()
	full := entry{"b", "done", new(2), time.Unix(0, 0).UTC(), &part{"r", &part2{3}}, []part{{Name: "p"}, {Of: &part2{4}}}, []byte(`{"item":"tea"}`)}
	for text, want := range map[string]string{
		"{{.id}} {{.result}}.": "a .\nb done.\n",
		"{{.count}}|{{.ended}}|{{.rebuild}}|{{.parts}}|{{.payload}}.":                         "||||.\n2|1970-01-01T00:00:00Z|map[name:r of:map[size:3]]|[map[name:p of:] map[name: of:map[size:4]]]|map[item:tea].\n",
		"{{.rebuild.name}}{{.rebuild.of.size}}.":                                              ".\nr3.\n",
		"{{if .rebuild}}yes{{else}}no{{end}}{{if .result}}, {{.result}}{{end}}":               "no\nyes, done\n",
		"{{range .parts}}[{{.name}} {{.of.size}} {{$.id}}]{{else}}none{{end}} {{len .parts}}": "none 0\n[p  b][ 4 b] 2\n",
		"{{with .rebuild}}{{.of.size}}{{else}}{{.id}}{{end}}":                                 "a\n3\n",
		`{{if eq .result ""}}empty{{end}}.`:                                                   "empty.\n.\n",
		"{{.payload.item}} {{.schema}}":                                                       " 1\ntea 1\n",
	} {
		s := templated(t, text)
		list := s.List(terminal.Column{Name: "ID"})
		require.NoError(t, list.Add(entry{ID: "a"}, "a", "a"), text)
		require.NoError(t, list.Add(full, "b", "b"), text)
		assert.Equal(t, want, s.out.String(), text)
	}
}

func TestAFieldThatNeverExistsIsRefusedBeforeAnythingIsPrinted(t *testing.T) {
	t.Parallel()
	for text, name := range map[string]string{
		"{{.id}} {{.nonsense}}":                             "nonsense",
		"{{.payload.count}} {{.nonsense}}":                  "nonsense",
		"{{.id}} {{.rebuild.of.nonsense}}":                  "nonsense",
		"{{if .result}}{{.id}}{{else}}{{.nonsense}}{{end}}": "nonsense",
		"{{range .parts}}{{.id}}{{end}}":                    "id",
		"{{with .rebuild}}{{.id}}{{end}}":                   "id",
		"{{range .parts}}{{$.name}}{{end}}":                 "name",
		"{{printf \"%s\" .nonsense}}":                       "nonsense",
		"{{len (slice .nonsense 1)}}":                       "nonsense",
		"{{.id.length}}":                                    "length",
	} {
		s := templated(t, text)
		err := s.List(terminal.Column{Name: "ID"}).Add(entry{ID: "a"}, "a", "a")
		require.ErrorIs(t, err, terminal.ErrUsage, text)
		require.ErrorContains(t, err, `there is no field "`+name+`"`, text)
		require.ErrorIs(t, s.CheckTemplate(entry{}), terminal.ErrUsage, text)
		assert.Empty(t, s.out.String(), text)
	}
}

func TestWhatATemplateFailsAtIsNotPrintedInPart(t *testing.T) {
	t.Parallel()
	s := templated(t, "{{.id}} {{index .parts 7}}")
	require.NoError(t, s.CheckTemplate(entry{}), "it depends on the answer")
	require.ErrorIs(t, s.Object(entry{ID: "a", Parts: []part{{}}}, "a", nil), terminal.ErrUsage)
	require.ErrorIs(t, templated(t, "{{.nonsense}}").Object(map[string]int{"count": 1}, "", nil), terminal.ErrUsage)
	assert.Empty(t, s.out.String())
}

// tree has entries of its own type, a struct without a name behind a pointer, and a field that
// stands for one of that struct.
type tree struct {
	Name     string `json:"name"`
	Children []tree `json:"children,omitempty"`
	Size     part2  `json:"size"`
	*Leaf
}

// Leaf is a part of a tree.
type Leaf struct {
	Size  int    `json:"size"`
	Color string `json:"color,omitempty"`
	*Leaf `json:",omitempty"`
}

func TestATemplateKnowsAnswersThatHaveEntriesOfTheirOwnType(t *testing.T) {
	t.Parallel()
	answer := tree{Name: "root", Children: []tree{{Name: "left", Children: []tree{{Name: "deep"}}}}, Size: part2{3}, Leaf: &Leaf{Color: "green"}}
	s := templated(t, "{{.name}} {{.color}} {{.size.size}}{{range .children}} {{.name}}{{range .children}} {{.name}}{{end}}{{end}}")
	require.NoError(t, s.CheckTemplate(tree{}))
	require.NoError(t, s.Object(answer, "", nil))
	require.Equal(t, "root green 3 left deep\n", s.out.String())
	require.ErrorIs(t, templated(t, "{{.nonsense}}").CheckTemplate(tree{}), terminal.ErrUsage)
}
