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
	hump      = regexp.MustCompile(`[A-Z]`)
	joint     = regexp.MustCompile(`_[a-z0-9]`)
)

// checkCasing finds names of both casings in one object, where a destination's
// reader expects one. Segment's own traits are in camelCase, as createdAt, and its
// own properties in snake_case, as order_id: the others are the odd ones.
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

// checkNames finds the names of the odd casing in an object that has one of the
// usual casing.
func (m *message) checkNames(path string, object any, usual, odd *regexp.Regexp, casing string, convert func(string) string) {
	fields, _ := object.(map[string]any)
	all := names(fields)
	i := slices.IndexFunc(all, usual.MatchString)
	if i < 0 {
		return
	}
	for _, name := range all {
		if odd.MatchString(name) {
			m.add(path+"."+name, "mixed_case", fmt.Sprintf("is %s beside %s", casing, all[i]), "write "+convert(name))
		}
	}
}

func toSnake(name string) string {
	return hump.ReplaceAllStringFunc(name, func(letter string) string { return "_" + strings.ToLower(letter) })
}

func toCamel(name string) string {
	return joint.ReplaceAllStringFunc(name, func(pair string) string { return strings.ToUpper(pair[1:]) })
}
