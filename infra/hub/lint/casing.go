package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	camelCase = regexp.MustCompile(`^[a-z]+[a-z0-9]*([A-Z][A-Za-z0-9]*)+$`)
	snakeCase = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)+$`)
	capital   = regexp.MustCompile(`[A-Z]`)
	newWord   = regexp.MustCompile(`_[a-z0-9]`)
)

// checkCasing finds objects that mix camelCase and snake_case, which a destination does
// not expect. Segment's own traits are in camelCase, like createdAt, and its own
// properties are in snake_case, like order_id: the finding names the fields that differ.
func (m *message) checkCasing() {
	traits := func(path string, object any) { m.checkNames(path, object, camelCase, snakeCase, "snake_case", toCamel) }
	properties := func(path string, object any) { m.checkNames(path, object, snakeCase, camelCase, "camelCase", toSnake) }
	traits("traits", at(m.fields, "traits"))
	traits("context.traits", at(m.fields, "context", "traits"))
	properties("properties", at(m.fields, "properties"))
	for i, product := range m.products() {
		properties(fmt.Sprintf("properties.products[%d]", i), product)
	}
}

// checkNames finds the names in the other casing, in an object that also has a name in
// the usual casing.
func (m *message) checkNames(path string, object any, usual, other *regexp.Regexp, casing string, convert func(string) string) {
	fields, _ := object.(map[string]any)
	all := names(fields)
	i := slices.IndexFunc(all, usual.MatchString)
	if i < 0 {
		return
	}
	for _, name := range all {
		if other.MatchString(name) {
			m.add(path+"."+name, "mixed_case", fmt.Sprintf("is %s, unlike %s", casing, all[i]), "write "+convert(name))
		}
	}
}

func toSnake(name string) string {
	return capital.ReplaceAllStringFunc(name, func(letter string) string { return "_" + strings.ToLower(letter) })
}

func toCamel(name string) string {
	return newWord.ReplaceAllStringFunc(name, func(pair string) string { return strings.ToUpper(pair[1:]) })
}
