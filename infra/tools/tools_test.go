package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

func TestAProgramThatIsMissingIsNamedOnceWithHowToInstallIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		missing []string
		want    []string
	}{
		{"nothing is missing", nil, nil},
		{"no go command", []string{"go"}, []string{"Go"}},
		{"no C compiler", []string{"gcc"}, []string{"a C compiler"}},
		{"no Node.js", []string{"node", "npm"}, []string{"Node.js", "npm"}},
		{"no npm", []string{"npm"}, []string{"npm"}},
		{"no Python", []string{"python3"}, []string{"Python"}},
		{"nothing at all", []string{"go", "gcc", "node", "npm", "python3"}, []string{"Go", "Node.js", "npm", "Python"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := check(t, c.missing); !slices.Equal(got, c.want) {
				t.Errorf("it says that %q are missing, want %q", got, c.want)
			}
		})
	}
}

// line matches the message of check.sh about a missing program.
var line = regexp.MustCompile(`(?m)^The tests need (Go|Node\.js|npm|Python|a C compiler)\b.*: .*(install|it comes with).*\n`)

// check returns what check.sh reports as missing on this machine without some of its
// programs.
func check(t *testing.T, without []string) (names []string) {
	t.Helper()
	broken := t.TempDir()
	for _, program := range without {
		if err := os.WriteFile(filepath.Join(broken, program), []byte("#!/bin/sh\nexit 127\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("sh", filepath.Join("infra", "tools", "check.sh"))
	command.Dir = filepath.Dir(Infra(t))
	command.Env = append(os.Environ(), "CC=gcc", "PATH="+broken+string(filepath.ListSeparator)+os.Getenv("PATH"))
	said, err := command.CombinedOutput()
	for _, match := range line.FindAllSubmatch(said, -1) {
		names = append(names, string(match[1]))
	}
	if rest := line.ReplaceAll(said, nil); len(rest) > 0 || (err == nil) != (len(names) == 0) {
		t.Errorf("it says also %q, and ends with %v", rest, err)
	}
	return names
}
