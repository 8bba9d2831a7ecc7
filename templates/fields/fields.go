// Package fields has ready-made fields for templates, in groups. A group is a function, JSONata
// source, that receives the messages of a template and adds fields to them. Add puts it at the end
// of a template, between comments by which Remove finds it again.
package fields

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

// Group is a function that adds fields to the messages of a template.
type Group struct {
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

// All returns all groups, in the order of their names.
func All() []Group {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded, and so seen by every test
	}
	var all []Group
	for _, entry := range entries {
		source, err := files.ReadFile(entry.Name())
		if err != nil {
			panic(err)
		}
		all = append(all, parse(strings.TrimSuffix(entry.Name(), path.Ext(entry.Name())), string(source)))
	}
	return all
}

// For returns the groups for the messages of a tracking.
func For(tracking string) []Group {
	return slices.DeleteFunc(All(), func(g Group) bool { return !slices.Contains(g.Trackings, tracking) })
}

// Find returns the group of a tracking with a name. The error lists the names.
func Find(tracking, name string) (Group, error) {
	all := For(tracking)
	var names []string
	for _, g := range all {
		if g.Name == name {
			return g, nil
		}
		names = append(names, g.Name)
	}
	if len(names) == 0 {
		return Group{}, fmt.Errorf("there are no ready-made fields for %s", tracking)
	}
	return Group{}, fmt.Errorf("%s has no ready-made fields %q: choose one of %s", tracking, name, strings.Join(names, ", "))
}

// header matches a line of a header.
var header = regexp.MustCompile(`(?m)^   (For|Requests|Needs|Value|Optional value): (.*)$`)

// parse returns the group in a file: a comment with its header, and the function.
func parse(name, source string) Group {
	comment, code, found := strings.Cut(strings.TrimPrefix(source, "/* "), " */\n")
	if !found {
		panic(fmt.Sprintf("templates/fields/%s.jsonata does not begin with a comment", name))
	}
	said, _, _ := strings.Cut(comment, "\n   For: ")
	title, adds, _ := strings.Cut(strings.Join(strings.Fields(said), " "), ": ")
	g := Group{Name: name, Title: title, Adds: adds, code: strings.TrimSpace(code)}
	for _, line := range header.FindAllStringSubmatch(comment, -1) {
		switch key, text := line[1], line[2]; key {
		case "For":
			g.Trackings = strings.Split(text, ", ")
		case "Requests":
			g.Requests, _ = strconv.Atoi(text) // a test compares it with the requests
		case "Needs":
			g.Needs = text
		default:
			g.Value, g.NeedsValue = text, key == "Value"
		}
	}
	return g
}

// The lines around a template with groups, and around each group. They are comments or contain one,
// so that the template works whatever the user changes between them.
const (
	openTemplate  = "( /* Ready-made fields are added to the messages of this template: see its end. */"
	closeTemplate = ") /* End of the template. */"
)

func (g Group) opens() string  { return "~> /* Fields: " + g.Name + " */" }
func (g Group) closes() string { return "/* End of fields: " + g.Name + " */" }

// assignment is the line of a group with its value.
var assignment = regexp.MustCompile(`(?m)^(\s*\$value\s*:=\s*)("(?:[^"\\\n]|\\.)*");`)

// IsIn reports whether a template has the group.
func (g Group) IsIn(source string) bool { return indexOf(strings.Split(source, "\n"), g.opens()) >= 0 }

// ValueIn returns the value of the group in a template; empty if it has none.
func (g Group) ValueIn(source string) (value string) {
	lines := strings.Split(source, "\n")
	from, to, err := g.linesIn(lines)
	if err != nil {
		return ""
	}
	if match := assignment.FindStringSubmatch(strings.Join(lines[from:to], "\n")); match != nil {
		_ = json.Unmarshal([]byte(match[2]), &value) // what the user wrote may be no JSON
	}
	return value
}

// slug is the part of an address for which the message has the slug of each product.
const slug = "{slug}"

// Add returns a template with the group and its value at the end. It replaces the group if the
// template has it.
func (g Group) Add(source, value string) (string, error) {
	switch value = strings.TrimSpace(value); {
	case value != "" && g.Value == "":
		return "", fmt.Errorf("%s takes no value", g.Name)
	case value == "" && g.NeedsValue:
		return "", fmt.Errorf("%s needs a value: %s", g.Name, g.Value)
	case value != "" && strings.Contains(g.Value, slug) && !(strings.HasPrefix(value, "https://") && strings.Contains(value, slug)):
		return "", fmt.Errorf("the value %q of %s must begin with https:// and contain %s: it is %s", value, g.Name, slug, g.Value)
	}
	if g.IsIn(source) {
		var err error
		if source, err = g.Remove(source); err != nil {
			return "", err
		}
	}
	source = strings.TrimRight(source, " \t\r\n")
	if indexOf(strings.Split(source, "\n"), openTemplate) < 0 {
		source = openTemplate + "\n" + source + "\n" + closeTemplate
	}
	return source + "\n" + g.opens() + "\n" + g.with(value) + "\n" + g.closes() + "\n", nil
}

// with returns the code with a value.
func (g Group) with(value string) string {
	if g.Value == "" {
		return g.code
	}
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // never fails for a string
	return assignment.ReplaceAllStringFunc(g.code, func(line string) string {
		return assignment.FindStringSubmatch(line)[1] + strings.TrimSpace(quoted.String()) + ";"
	})
}

// Remove returns a template without the group. Without its last group it is as it was before
// the first one.
func (g Group) Remove(source string) (string, error) {
	lines := strings.Split(source, "\n")
	from, to, err := g.linesIn(lines)
	if err != nil {
		return "", err
	}
	lines = slices.Delete(lines, from, to+1)
	open, end := indexOf(lines, openTemplate), indexOf(lines, closeTemplate)
	hasMore := slices.ContainsFunc(All(), func(other Group) bool { return indexOf(lines, other.opens()) >= 0 })
	if !hasMore && open >= 0 && end > open && strings.TrimSpace(strings.Join(lines[end+1:], "")) == "" {
		lines = slices.Delete(lines, end, end+1)
		lines = slices.Delete(lines, open, open+1)
	}
	return strings.Join(lines, "\n"), nil
}

// linesIn returns the first and the last line of the group.
func (g Group) linesIn(lines []string) (from, to int, err error) {
	from, to = indexOf(lines, g.opens()), indexOf(lines, g.closes())
	switch {
	case from < 0:
		return 0, 0, fmt.Errorf("the template does not have the fields %s", g.Name)
	case to < from:
		return 0, 0, fmt.Errorf("the fields %s begin at line %d of the template, but the line that ends them, %q, is missing: add it after the fields, or remove the fields in the editor",
			g.Name, from+1, g.closes())
	}
	return from, to, nil
}

// indexOf returns the index of a line, or -1.
func indexOf(lines []string, line string) int {
	return slices.IndexFunc(lines, func(other string) bool { return strings.TrimSpace(other) == line })
}
