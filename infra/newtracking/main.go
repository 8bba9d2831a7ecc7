// Command newtracking adds a tracking to the catalogue, with everything that it needs: its row,
// the folder of its function, a template, a sample webhook and the messages that it becomes. It
// changes nothing else. The tests then check the tracking as they check the others.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"
)

func main() {
	var a answers
	flag.StringVar(&a.name, "name", "", "the name, such as subscription-paused")
	flag.StringVar(&a.title, "title", "", "the title, such as Subscription Paused")
	flag.StringVar(&a.events, "events", "", "the Commerce events, with commas between them")
	flag.StringVar(&a.call, "call", "", "track or identify")
	flag.StringVar(&a.user, "user", "", "the JSONata expression of the userId")
	flag.Parse()
	var keyboard io.Reader
	if term.IsTerminal(int(os.Stdin.Fd())) {
		keyboard = os.Stdin
	}
	if err := run(".", a, keyboard, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// run adds a tracking to the repository in a folder. It asks for the answers that are missing,
// or without a keyboard takes their defaults.
func run(root string, a answers, keyboard io.Reader, out io.Writer) error {
	if err := a.checkName(); err != nil {
		return err
	}
	if err := a.complete(keyboard, out); err != nil {
		return err
	}
	made, err := a.newTracking()
	if err != nil {
		return err
	}
	catalogue, err := os.ReadFile(filepath.Join(root, catalogueFile))
	if err != nil {
		return fmt.Errorf("reading the catalogue: %w: run it in the folder of the repository", err)
	}
	files, err := made.files(catalogue)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(root, f.path)); f.path != catalogueFile && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists: remove it, or choose another name", f.path)
		}
	}
	for _, f := range files {
		path := filepath.Join(root, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote", f.path)
	}
	fmt.Fprintf(out, next, made.Name, made.Title)
	return nil
}

// next says what to do after the files are written.
const next = `
Next:
  1. Read templates/%[1]s.jsonata. Replace the sample in templates/testdata/%[1]s with a webhook
     that Commerce sent, and run: go test ./templates -update -run TestGolden/%[1]s
  2. Try it: go run ./infra/hub preview %[1]s %[1]s/example
  3. Run: go test ./shared/tracking ./templates
  4. Describe its fields in templates/README.md.
  5. On this machine: hub configure --enable %[1]s. On AWS: add %[1]s to the option trackings,
     make deploy, then hub configure --enable %[1]s and hub webhooks sync, both with --prefix.
%[2]s is switched off in a store until you do that.
`

// complete asks for the answers that are missing. Without a keyboard it takes their defaults.
func (a *answers) complete(keyboard io.Reader, out io.Writer) error {
	var lines *bufio.Scanner
	if keyboard != nil {
		lines = bufio.NewScanner(keyboard)
	}
	for _, q := range []struct {
		name, text string
		answer     *string
		otherwise  func() string
	}{
		{"TITLE", "Title, which is the name of the event in Segment", &a.title, a.defaultTitle},
		{"EVENTS", "Commerce events, with commas between them", &a.events, a.defaultEvents},
		{"CALL", "Segment call, track or identify", &a.call, a.defaultCall},
		{"USER", "JSONata expression of the userId", &a.user, a.defaultUser},
	} {
		if *q.answer != "" {
			continue
		}
		otherwise := q.otherwise()
		if lines != nil && (otherwise != "" || q.name != "USER") {
			fmt.Fprintf(out, "%s [%s]: ", q.text, otherwise)
			if lines.Scan() {
				*q.answer = strings.TrimSpace(lines.Text())
			}
			if err := lines.Err(); err != nil {
				return err
			}
		}
		if *q.answer == "" {
			*q.answer = otherwise
		}
		if *q.answer == "" && q.name != "USER" {
			return fmt.Errorf("%s is missing: give it as in make tracking NAME=%s %s=…", q.name, a.name, q.name)
		}
	}
	return nil
}

// titleOf returns a name as a title: Subscription Paused for subscription-paused.
func titleOf(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, " ")
}

// splitEvents returns the events of a list with commas between them.
func splitEvents(list string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }), func(event string) bool { return event == "" })
}
