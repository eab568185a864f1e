// Package docstest holds the documents to the code: links lead somewhere, Go code is
// code that is compiled, transcripts are what the programs print, and the tests,
// names and numbers that the documents give are there.
package docstest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// page is a Markdown document.
type page struct {
	name   string // its path in the module
	text   string // what is not in fenced blocks
	blocks []block
}

// block is a fenced block.
type block struct {
	language string
	text     string
}

// root is the module's, from the folder of this package's tests.
const root = "../.."

// files returns the files of the module that have an extension, by their paths in it.
func files(extension string) (map[string]string, error) {
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".") && name != root || entry.Name() == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(name) != extension {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, name)
		found[filepath.ToSlash(inside)] = string(text)
		return err
	})
	return found, err
}

const fence = "```"

func parse(name, markdown string) page {
	p := page{name: name}
	var open *block
	var text strings.Builder
	for line := range strings.Lines(markdown) {
		switch mark, isFence := strings.CutPrefix(line, fence); {
		case isFence && open == nil:
			open = &block{language: strings.TrimSpace(mark)}
		case isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		default:
			text.WriteString(line)
		}
	}
	p.text = text.String()
	return p
}

var (
	linkPattern    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingPattern = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	codePattern    = regexp.MustCompile("`([^`\n]+)`")
)

// links returns where the page's links lead.
func (p page) links() []string { return captures(linkPattern, p.text) }

// code returns what stands between backticks.
func (p page) code() []string { return captures(codePattern, p.text) }

// anchors returns what a link can name behind '#', as GitHub makes it of headings.
func (p page) anchors() map[string]bool {
	anchors := map[string]bool{}
	for _, heading := range captures(headingPattern, p.text) {
		anchors[strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, heading)] = true
	}
	return anchors
}

func captures(pattern *regexp.Regexp, text string) []string {
	var found []string
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// section returns the part of the page under a heading of the second level.
func (p page) section(heading string) string {
	_, after, _ := strings.Cut(p.text, "\n## "+heading+"\n")
	section, _, _ := strings.Cut(after, "\n## ")
	return section
}
