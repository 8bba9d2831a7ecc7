package template

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"commerce-segment/templates"
)

// The tables in LANGUAGE.md are also the completion and the help of the code editor.
func TestTheReferenceDescribesEveryFunction(t *testing.T) {
	described := templates.Functions()
	for name := range library() {
		if !slices.ContainsFunc(described, func(f templates.Function) bool { return f.Name == name }) {
			t.Errorf("a template can call %s, but no table in templates/LANGUAGE.md describes it", name)
		}
	}
	for _, f := range described {
		function := library()[f.Name]
		switch {
		case function == nil:
			t.Errorf("templates/LANGUAGE.md describes %s, which no template can call", f.Usage)
		case f.Name == "$zip" || f.Name == "$commerce": // their signature takes any number of arguments
		case len(arguments(f.Usage)) > function.MaxArgs(0):
			t.Errorf("templates/LANGUAGE.md describes %s, which takes at most %d arguments", f.Usage, function.MaxArgs(0))
		}
		if strings.ContainsAny(f.Gives, "`") || strings.Contains(f.Gives, "](") {
			t.Errorf("the description of %s is not plain text: %s", f.Usage, f.Gives)
		}
	}
}

// arguments returns the names of the arguments in a usage.
func arguments(usage string) []string {
	_, list, _ := strings.Cut(usage, "(")
	return regexp.MustCompile(`\w+`).FindAllString(list, -1)
}
