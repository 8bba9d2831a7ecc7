package templates

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:embed LANGUAGE.md
var language string

// Function is the description of a function of the template language.
type Function struct {
	Name  string `json:"name"`  // with the $
	Usage string `json:"usage"` // a call, such as "$round(number[, decimals])"
	Gives string `json:"gives"` // what the call gives, as plain text
}

var (
	functionRow = regexp.MustCompile("(?m)^\\| `((\\$\\w+)\\(.*\\))` \\| (.+) \\|$")
	markup      = regexp.MustCompile("`|\\[([^][]+)\\]\\([^()]+\\)") // code, or a link with its text
)

// Functions returns the functions that the tables in LANGUAGE.md describe, in their order. A
// function with several usages has several descriptions.
func Functions() []Function {
	tables, _, _ := strings.Cut(language, "\n## Values\n")
	var all []Function
	for _, row := range functionRow.FindAllStringSubmatch(tables, -1) {
		all = append(all, Function{Name: row[2], Usage: row[1], Gives: markup.ReplaceAllString(row[3], "$1")})
	}
	return all
}
