// Package pieces has ready-made fields for templates. A piece is a function, JSONata source,
// that receives the messages of a template and adds fields to them. Add puts it at the end of a
// template, between comments by which Remove finds it again.
package pieces

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed *.jsonata
var files embed.FS

// Piece is a function that adds fields to the messages of a template.
type Piece struct {
	Name      string   // of its file, "product-details"
	Title     string   // "Product details"
	Adds      string   // the fields, in a sentence without the title
	Trackings []string // the trackings for whose messages it is
	Requests  int      // the largest number of requests to Commerce for one event
	Needs     string   // what the store must have, and what is not counted; empty if nothing
	// Value describes the text that the user gives it; empty if it takes none. NeedsValue means
	// that it adds nothing without one.
	Value      string
	NeedsValue bool

	code string
}

// All returns all pieces, in the order of their names.
func All() []Piece {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded, and so seen by every test
	}
	var all []Piece
	for _, entry := range entries {
		source, err := files.ReadFile(entry.Name())
		if err != nil {
			panic(err)
		}
		all = append(all, parse(strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())), string(source)))
	}
	return all
}

// For returns the pieces for the messages of a tracking.
func For(tracking string) []Piece {
	return slices.DeleteFunc(All(), func(p Piece) bool { return !slices.Contains(p.Trackings, tracking) })
}

// Find returns the piece of a tracking with a name. The error lists the names.
func Find(tracking, name string) (Piece, error) {
	all := For(tracking)
	var names []string
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return Piece{}, fmt.Errorf("there are no ready-made fields for %s", tracking)
	}
	return Piece{}, fmt.Errorf("%s has no ready-made fields %q: choose one of %s", tracking, name, strings.Join(names, ", "))
}

// header matches a line of a header.
var header = regexp.MustCompile(`(?m)^   (For|Requests|Needs|Value|Optional value): (.*)$`)

// parse returns the piece in a file: a comment with its header, and the function.
func parse(name, source string) Piece {
	comment, code, found := strings.Cut(strings.TrimPrefix(source, "/* "), " */\n")
	if !found {
		panic(fmt.Sprintf("templates/pieces/%s.jsonata does not begin with a comment", name))
	}
	said, _, _ := strings.Cut(comment, "\n   For: ")
	title, adds, _ := strings.Cut(strings.Join(strings.Fields(said), " "), ": ")
	p := Piece{Name: name, Title: title, Adds: adds, code: strings.TrimSpace(code)}
	for _, line := range header.FindAllStringSubmatch(comment, -1) {
		switch key, text := line[1], line[2]; key {
		case "For":
			p.Trackings = strings.Split(text, ", ")
		case "Requests":
			p.Requests, _ = strconv.Atoi(text) // a test compares it with the requests
		case "Needs":
			p.Needs = text
		default:
			p.Value, p.NeedsValue = text, key == "Value"
		}
	}
	return p
}

// The lines around a template with pieces, and around each piece. They are comments or contain one,
// so that the template works whatever the user changes between them.
const (
	openTemplate  = "( /* Ready-made fields are added to the messages of this template: see its end. */"
	closeTemplate = ") /* End of the template. */"
)

func (p Piece) opens() string  { return "~> /* Fields: " + p.Name + " */" }
func (p Piece) closes() string { return "/* End of fields: " + p.Name + " */" }

// assignment is the line of a piece with its value.
var assignment = regexp.MustCompile(`(?m)^(\s*\$value\s*:=\s*)("(?:[^"\\\n]|\\.)*");`)

// IsIn reports whether a template has the piece.
func (p Piece) IsIn(source string) bool { return indexOf(strings.Split(source, "\n"), p.opens()) >= 0 }

// ValueIn returns the value of the piece in a template; empty if it has none.
func (p Piece) ValueIn(source string) (value string) {
	lines := strings.Split(source, "\n")
	from, to, err := p.linesIn(lines)
	if err != nil {
		return ""
	}
	if match := assignment.FindStringSubmatch(strings.Join(lines[from:to], "\n")); match != nil {
		_ = json.Unmarshal([]byte(match[2]), &value) // what the user wrote may be no JSON
	}
	return value
}

// Add returns a template with the piece and its value at the end. It replaces the piece if the
// template has it.
func (p Piece) Add(source, value string) (string, error) {
	switch value = strings.TrimSpace(value); {
	case value != "" && p.Value == "":
		return "", fmt.Errorf("%s takes no value", p.Name)
	case value == "" && p.NeedsValue:
		return "", fmt.Errorf("%s needs a value: %s", p.Name, p.Value)
	}
	if p.IsIn(source) {
		var err error
		if source, err = p.Remove(source); err != nil {
			return "", err
		}
	}
	source = strings.TrimRight(source, " \t\r\n")
	if indexOf(strings.Split(source, "\n"), openTemplate) < 0 {
		source = openTemplate + "\n" + source + "\n" + closeTemplate
	}
	return source + "\n" + p.opens() + "\n" + p.with(value) + "\n" + p.closes() + "\n", nil
}

// with returns the code with a value.
func (p Piece) with(value string) string {
	if p.Value == "" {
		return p.code
	}
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // never fails for a string
	return assignment.ReplaceAllStringFunc(p.code, func(line string) string {
		return assignment.FindStringSubmatch(line)[1] + strings.TrimSpace(quoted.String()) + ";"
	})
}

// Remove returns a template without the piece. Without its last piece it is as it was before
// the first one.
func (p Piece) Remove(source string) (string, error) {
	lines := strings.Split(source, "\n")
	from, to, err := p.linesIn(lines)
	if err != nil {
		return "", err
	}
	lines = slices.Delete(lines, from, to+1)
	open, end := indexOf(lines, openTemplate), indexOf(lines, closeTemplate)
	hasMore := slices.ContainsFunc(All(), func(other Piece) bool { return indexOf(lines, other.opens()) >= 0 })
	if !hasMore && open >= 0 && end > open && strings.TrimSpace(strings.Join(lines[end+1:], "")) == "" {
		lines = slices.Delete(lines, end, end+1)
		lines = slices.Delete(lines, open, open+1)
	}
	return strings.Join(lines, "\n"), nil
}

// linesIn returns the first and the last line of the piece.
func (p Piece) linesIn(lines []string) (from, to int, err error) {
	from, to = indexOf(lines, p.opens()), indexOf(lines, p.closes())
	switch {
	case from < 0:
		return 0, 0, fmt.Errorf("the template does not have the fields %s", p.Name)
	case to < from:
		return 0, 0, fmt.Errorf("line %d of the template begins the fields %s, and no line after it is %q: write that line after the fields, or remove the fields in the editor",
			from+1, p.Name, p.closes())
	}
	return from, to, nil
}

// indexOf returns the index of a line, or -1.
func indexOf(lines []string, line string) int {
	return slices.IndexFunc(lines, func(other string) bool { return strings.TrimSpace(other) == line })
}
