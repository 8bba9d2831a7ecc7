package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var email = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

// checkPeople checks the ids and traits of the person.
func (m *message) checkPeople() {
	if email.MatchString(text(at(m.fields, "userId"))) {
		m.add("userId", "email_as_user_id", "is an e-mail address, which a person may change",
			"write the customer's id, and the e-mail as the trait email")
	}
	for _, path := range [][]string{{"userId"}, {"anonymousId"}, {"traits"}, {"context", "traits"}} {
		m.checkStars(strings.Join(path, "."), at(m.fields, path...))
	}
}

// checkIDs finds ids that are not valid.
func (m *message) checkIDs() {
	for _, path := range [][]string{{"userId"}, {"anonymousId"}, {"previousId"}, {"groupId"}, {"context", "groupId"}} {
		m.checkID(strings.Join(path, "."), text(at(m.fields, path...)))
	}
	for _, name := range []string{"order_id", "checkout_id"} {
		m.checkIsID("properties."+name, m.property(name))
	}
	for i, product := range m.products() {
		m.checkIsID(fmt.Sprintf("properties.products[%d].product_id", i), at(product, "product_id"))
	}
}

// checkIsID finds a text that replaces a missing id.
func (m *message) checkIsID(path string, value any) {
	if wrong := noID(text(value)); wrong != "" {
		m.add(path, "missing", wrong+", which is not an id", "write the id itself, without $string(…)")
	}
}

// checkID finds an id that many people would share.
func (m *message) checkID(path, id string) {
	wrong := noID(id)
	if word := plainWord(id); slices.Contains(placeholders, word) {
		wrong = fmt.Sprintf("is the text %q", word)
	}
	if wrong != "" {
		m.add(path, "no_user", wrong+", which merges all people who have it into one",
			"write an id only if there is one, without $string(…) of a field that may be missing or null")
	}
}

// nothing has texts that programs write for a missing value, and placeholders has texts
// that they write for an unknown person.
var (
	nothing      = []string{"null", "undefined", "nil", "none", "nan", "n/a", "true", "false", "[object object]"}
	placeholders = []string{"guest", "anonymous", "unknown", "user", "visitor", "customer", "email", "id", "userid", "user_id",
		"distinctid", "distinct_id", "not_authenticated"}
)

// noID returns why a text is not an id: programs write it for one that is missing, or
// it is an object or a list as text. It returns "" for a possible id and for no text.
func noID(id string) string {
	word := plainWord(id)
	switch {
	case word == "":
		return ""
	case slices.Contains(nothing, word), strings.Trim(word, "0-") == "":
		return fmt.Sprintf("is the text %q", word)
	case word[0] == '{' || word[0] == '[':
		return "is an object or a list, written as text"
	}
	return ""
}

// plainWord returns a text in lower case, without spaces and quotation marks around it.
func plainWord(text string) string {
	return strings.ToLower(strings.Trim(strings.TrimSpace(text), `"'`+"` "))
}

// checkStars finds what remains of personal fields when an order is anonymized.
func (m *message) checkStars(path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range names(value) {
			m.checkStars(path+"."+name, value[name])
		}
	case string:
		onlyStars := strings.Trim(value, "* ") == ""
		if strings.Contains(value, "*") && (onlyStars || m.order.anonymized) {
			m.add(path, "anonymized", "is the placeholder in an anonymized order, and would overwrite the profile",
				"leave it out if the text contains a *, as $known() of the default templates does")
		}
	}
}
