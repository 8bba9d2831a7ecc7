package docs

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// replaced matches the words in the left column of the table in develop.md: as whole words in
// either case, and as parts of a name in Go, which begin with a capital letter.
var replaced = regexp.MustCompile(`(?i)\b(mend(ed|s|ing)?|graves?|graveyard|yard|cemetery|buried|bury|dug|teller|telling|whoever|somebody|nobody|beside|lately|reckon(s|ed)?|anew|strangers?)\b` +
	`|(?-i:Grave|Bury|Buried|Burial|Teller|Whoever|Somebody|Nobody|Mended)`)

// TestTheCodeUsesTheWordsOfTheProject reads the names, the comments and the texts of all Go
// files, and the pages of the console.
func TestTheCodeUsesTheWordsOfTheProject(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", ".cache", "node_modules", "cdk.out", "testdata", "bin"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Name() == "words_test.go" || entry.Name() == "docs_test.go" {
			return nil // they list the words
		}
		var texts []string
		switch filepath.Ext(path) {
		case ".go":
			texts = textsOfGo(t, path)
		case ".html", ".mjs", ".css", ".jsonata":
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			texts = strings.Split(string(content), "\n")
		default:
			return nil
		}
		files++
		for _, text := range texts {
			if word := replaced.FindString(text); word != "" {
				t.Errorf("%s says %q in %.120q: infra/docs/develop.md has a better word", path, word, text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 400 {
		t.Errorf("only %d files were read", files)
	}
}

// textsOfGo returns the names, the comments and the string literals of a Go file.
func textsOfGo(t *testing.T, path string) (texts []string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile(path, -1, len(content)), content, nil, scanner.ScanComments)
	for {
		_, kind, literal := s.Scan()
		switch kind {
		case token.EOF:
			return texts
		case token.IDENT, token.COMMENT, token.STRING:
			if literal != "NoBody" { // of net/http
				texts = append(texts, literal)
			}
		}
	}
}
