package docstest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The checks are only as good as what they take out of a document and a file: these
// are made up.

func TestAPageIsTextAndBlocks(t *testing.T) {
	t.Parallel()
	p := parse("a.md", "# One: two `three`\n\nSee [it](b.md#four).\n\n"+fence+"go\n# no heading, [no](link)\n"+fence+"\n## Four\n\nfive\n\n## Six\n")
	assert.Equal(t, []block{{language: "go", text: "# no heading, [no](link)\n"}}, p.blocks)
	assert.Equal(t, []string{"b.md#four"}, p.links())
	assert.Equal(t, []string{"three"}, p.code())
	assert.Equal(t, map[string]bool{"one-two-three": true, "four": true, "six": true}, p.anchors())
	assert.Equal(t, "\nfive\n", p.section("Four"))
}

func TestGoCodeIsWholeLinesOfAFile(t *testing.T) {
	t.Parallel()
	compiled := map[string]string{"a.go": "package a\n\nfunc f() {\n\tif g() {\n\t\th()\n\n\t}\n}\n"}
	for _, in := range []string{"package a\n", "if g() {\n\th()\n\n}\n", "func f() {\n\tif g() {\n"} {
		assert.True(t, isIn(in, compiled), in)
	}
	for _, out := range []string{"f() {\n", "if g() {\nh()\n", "h()\n}\n", "package b\n"} {
		assert.False(t, isIn(out, compiled), out)
	}
}

func TestAProofIsAFunctionOrAClause(t *testing.T) {
	t.Parallel()
	compiled := map[string]string{
		"a/b/b_test.go": "func TestIt(t *testing.T) {}",
		"a/c/c.go":      `{"it holds", func(t *fixture) {`,
	}
	assert.True(t, hasTest(compiled, "a/b", "TestIt"))
	assert.True(t, hasTest(compiled, "a/c", "it holds"))
	assert.False(t, hasTest(compiled, "a/b", "TestI"))
	assert.False(t, hasTest(compiled, "a/c", "TestIt"))
	assert.False(t, hasTest(compiled, "a/b", "it holds"))
}

func TestWhatIsAnotherEachTimeIsNotCompared(t *testing.T) {
	t.Parallel()
	assert.Equal(t, lasting("trading: 10 of 20 orders, 5/s\nA day, on sqlite:/tmp/leftfold-shop-12/shop.db\nSIGKILL at 13:05, after 1,227 acknowledged orders.\n7 events, 914/s\n"),
		lasting("A day, on sqlite:/var/leftfold-shop-3/shop.db\nSIGKILL at 9:40, after 11 acknowledged orders.\n7 events, 1/s\n\n"))
	assert.NotEqual(t, lasting("7 events, 914/s"), lasting("8 events, 914/s"))
}

func TestDeclarationsAreFound(t *testing.T) {
	t.Parallel()
	declared := declarations(t)
	for _, name := range []string{"eventstore", "eventstore.NoStream", "eventstore.MaxPage", "projection.MaxPage", "projection.View.Get",
		"projection.Options.SweepEvery", "projection.RowReader.Page"} {
		assert.Equal(t, name != "eventstore.MaxPage", declared[name], name)
	}
}
