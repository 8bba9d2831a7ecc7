// Package docs reads the documents of this project, for tests of what they say.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Document is a Markdown file.
type Document struct {
	Path  string // below the root of the project
	Prose string // the text without code
	Code  []Code
	// Anchors are those of the headings, as a link names them.
	Anchors []string
}

// Code is a block or a span of code in a document.
type Code struct {
	Language string // of a block, if it names one
	Text     string
	IsSpan   bool
}

// skipped are the names of folders without documents of this project.
var skipped = []string{".git", ".cache", ".hub", "bin", "cdk.out", "node_modules", "testdata"}

// All returns the documents below the root of the project.
func All(t testing.TB, root string) []Document {
	t.Helper()
	var all []Document
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		all = append(all, read(filepath.ToSlash(below), string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// span matches code within a line: as many backticks at its end as at its beginning.
var span = regexp.MustCompile("``(.+?)``|`([^`]+)`")

// read splits a document into prose and code.
func read(path, text string) Document {
	d := Document{Path: path}
	var prose strings.Builder
	for i, part := range strings.Split("\n"+text, "\n```") {
		first, rest, _ := strings.Cut(part, "\n")
		if i%2 == 1 {
			d.Code = append(d.Code, Code{Language: first, Text: rest})
			continue
		}
		prose.WriteString(rest + "\n")
	}
	d.Anchors = anchors(prose.String())
	d.Prose = span.ReplaceAllStringFunc(prose.String(), func(found string) string {
		d.Code = append(d.Code, Code{Text: strings.Join(strings.Fields(strings.Trim(found, "`")), " "), IsSpan: true})
		return "`"
	})
	return d
}

// Commands returns the arguments of each call of a program, such as make, that stands in a
// document's code: in a block of shell commands, behind a prompt, or as a span.
func (d Document) Commands(program string) [][]string {
	var found [][]string
	for _, code := range d.Code {
		text := strings.ReplaceAll(code.Text, "\\\n", " ")
		for line := range strings.Lines(text) {
			line, isPrompt := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			if code.Language != "sh" && !isPrompt && !code.IsSpan {
				continue
			}
			line, _, _ = strings.Cut(line, " #")
			for part := range strings.SplitSeq(strings.ReplaceAll(line, "|", "&&"), "&&") {
				if arguments, ok := call(part, program); ok {
					found = append(found, arguments)
				}
			}
		}
	}
	return found
}

// word matches a word of a shell command.
var word = regexp.MustCompile(`(?:'[^']*'|\S)+`)

// call returns the arguments of a command that calls a program.
func call(command, program string) ([]string, bool) {
	words := word.FindAllString(command, -1)
	for len(words) > 0 && strings.Contains(words[0], "=") { // variables
		words = words[1:]
	}
	if len(words) == 0 || filepath.Base(words[0]) != program {
		return nil, false
	}
	return words[1:], true
}

// other matches what an anchor leaves out of its heading.
var other = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// anchors returns the anchors of the headings in a text.
func anchors(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if ok && strings.HasPrefix(line, "#") {
			heading = other.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			found = append(found, strings.ReplaceAll(heading, " ", "-"))
		}
	}
	return found
}
