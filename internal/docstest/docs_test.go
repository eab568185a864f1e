package docstest

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pages returns every document, sorted by name.
func pages(t *testing.T) []page {
	t.Helper()
	texts, err := files(".md")
	require.NoError(t, err)
	var all []page
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		all = append(all, parse(name, texts[name]))
	}
	require.Greater(t, len(all), 5, "otherwise nothing was looked at")
	return all
}

func readme(t *testing.T) page {
	t.Helper()
	all := pages(t)
	return all[slices.IndexFunc(all, func(p page) bool { return p.name == "README.md" })]
}

// sources returns every Go file, by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	texts, err := files(".go")
	require.NoError(t, err)
	return texts
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for _, p := range all {
		for _, link := range p.links() {
			if strings.Contains(link, "://") {
				continue
			}
			file, anchor, hasAnchor := strings.Cut(link, "#")
			target := p.name
			if file != "" {
				target = path.Join(path.Dir(p.name), file)
			}
			_, err := os.Stat(filepath.Join(root, target))
			if !assert.NoError(t, err, "%s links to %s", p.name, link) || !hasAnchor {
				continue
			}
			i := slices.IndexFunc(all, func(q page) bool { return q.name == target })
			if assert.GreaterOrEqual(t, i, 0, "%s links to %s", p.name, link) {
				assert.Contains(t, all[i].anchors(), anchor, "%s links to %s", p.name, link)
			}
		}
	}
}

func TestEveryDocumentIsReached(t *testing.T) {
	t.Parallel()
	all := pages(t)
	reached := map[string]bool{"README.md": true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			for _, link := range p.links() {
				file, _, _ := strings.Cut(link, "#")
				target := path.Join(path.Dir(p.name), file)
				if reached[p.name] && path.Ext(target) == ".md" && !reached[target] {
					reached[target], grown = true, true
				}
			}
		}
	}
	for _, p := range all {
		assert.True(t, reached[p.name], "no way leads from README.md to %s", p.name)
	}
}

func TestGoCodeIsCodeThatIsCompiled(t *testing.T) {
	t.Parallel()
	compiled := sources(t)
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language == "go" {
				assert.True(t, isIn(b.text, compiled), "%s has Go code that stands in no file:\n%s", p.name, b.text)
			}
		}
	}
}

// isIn reports whether whole lines of a file are the text, indented or not.
func isIn(text string, files map[string]string) bool {
	for indent := range 4 {
		var lines []string
		for line := range strings.Lines(text) {
			if strings.TrimSpace(line) != "" {
				line = strings.Repeat("\t", indent) + line
			}
			lines = append(lines, line)
		}
		for _, file := range files {
			if strings.Contains("\n"+file, "\n"+strings.Join(lines, "")) {
				return true
			}
		}
	}
	return false
}

func TestTheReadmeShowsTheWholeQuickstart(t *testing.T) {
	t.Parallel()
	_, program, found := strings.Cut(sources(t)["examples/quickstart/main.go"], "\npackage main\n")
	require.True(t, found)
	assert.Equal(t, "go", readme(t).blocks[0].language)
	assert.Equal(t, "package main\n"+program, readme(t).blocks[0].text)
}

// proof is a test that a document names: where it is, and what it is called.
var proof = regexp.MustCompile(`^([a-z/]+): (.+)$`)

func TestTheTestsThatHoldTheGuaranteesAreThere(t *testing.T) {
	t.Parallel()
	compiled := sources(t)
	guarantees := readme(t).section("What is guaranteed")
	named := 0
	for _, code := range captures(codePattern, guarantees) {
		match := proof.FindStringSubmatch(code)
		if match == nil {
			continue
		}
		named++
		assert.True(t, hasTest(compiled, match[1], match[2]), "there is no test %q in %s", match[2], match[1])
	}
	for row := range strings.Lines(guarantees) {
		if strings.HasPrefix(row, "| ") && !strings.HasPrefix(row, "| guarantee ") {
			assert.Contains(t, row, ": ", "a guarantee without a test")
		}
	}
	assert.Greater(t, named, 20)
}

// hasTest reports whether a package has a test of that name: a function, or a clause
// of a suite, whose name is a string.
func hasTest(files map[string]string, pkg, name string) bool {
	wanted := `"` + name + `"`
	if strings.HasPrefix(name, "Test") {
		wanted = "func " + name + "("
	}
	for file, text := range files {
		if path.Dir(file) == pkg && strings.Contains(text, wanted) {
			return true
		}
	}
	return false
}

var secondLevel = regexp.MustCompile(`(?m)^## (.+)$`)

var adrName = regexp.MustCompile(`^docs/adr/(\d{4})-[a-z0-9-]+\.md$`)

func TestDecisionsAreNumberedAndOfOneForm(t *testing.T) {
	t.Parallel()
	next := 1
	for _, p := range pages(t) {
		if path.Dir(p.name) != "docs/adr" || path.Base(p.name) == "README.md" {
			continue
		}
		match := adrName.FindStringSubmatch(p.name)
		if !assert.NotNil(t, match, p.name) {
			continue
		}
		assert.Regexp(t, `^# `+match[1]+`: .+\n`, p.text, p.name)
		assert.Equal(t, []string{"Context", "Decision", "Consequences"}, captures(secondLevel, p.text), p.name)
		assert.Equal(t, fmt.Sprintf("%04d", next), match[1], "the numbers have no gap")
		next++
	}
	assert.Greater(t, next, 5)
}
