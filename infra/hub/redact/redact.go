// Package redact hides personal values of webhooks and of messages to Segment.
package redact

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"commerce-segment/shared/commerce"
)

// Hidden stands for a personal value.
const Hidden = "•••"

// Redactor hides what may be personal. In JSON it shows only the fields that are known not to be
// personal: see shows. It also knows the personal values of its documents, and hides a shown
// field or another text that contains one of them, in any letter case.
type Redactor struct {
	words  []string // in lower case, the longest first
	phones []string // their digits
	person bool     // a document is the webhook of a customer: all of its payload is personal
}

// people are the fields of an order, of an included resource, or of a message to Segment, with
// personal values. In a customer's webhook the whole resource is personal.
var people = []string{"customer", "customers", "contact", "address", "addresses", "account", "account_member", "account_members", "traits", "ip"}

// personalEnds are the endings of other names of personal fields, in lower case and without
// underscores.
var personalEnds = []string{"address", "email", "phone", "phonenumber", "firstname", "lastname", "fullname", "customername", "postcode", "postalcode", "zip", "zipcode"}

// notPersonal are fields within personal ones that contain no personal value.
var notPersonal = []string{"id", "type", "links", "meta", "relationships", "country", "createdAt"}

var mailAddress = regexp.MustCompile(`[^\s"<>,;:@]+@[^\s"<>,;:@]+\.[^\s"<>,;:@]+`)

// New returns a Redactor for texts about documents, each of which is a webhook or other JSON. To
// compare two documents, give both to one Redactor: a value hidden in one is then hidden in both.
func New(documents ...[]byte) Redactor {
	var r Redactor
	for _, document := range documents {
		webhook, err := commerce.Parse(document)
		if err == nil {
			about := isAboutPerson(webhook)
			r.person = r.person || about
			r.collect(webhook.Document()["payload"], about)
			continue
		}
		var tree any
		decoder := json.NewDecoder(bytes.NewReader(document))
		decoder.UseNumber()
		_ = decoder.Decode(&tree) // a text that is not JSON has no fields
		r.collect(tree, false)
	}
	slices.SortFunc(r.words, func(a, b string) int { return len(b) - len(a) })
	r.words = slices.Compact(r.words)
	return r
}

// isAboutPerson reports whether the whole resource of a webhook is a person.
func isAboutPerson(webhook commerce.Webhook) bool {
	return strings.HasPrefix(webhook.Event, "customer.") || slices.Contains(people, webhook.ResourceType)
}

// collect collects the personal values in a JSON value. All values below a personal field are
// personal.
func (r *Redactor) collect(value any, personal bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			if !slices.Contains(notPersonal, key) || !personal {
				r.collect(field, personal || isPersonal(key))
			}
			if (personal || isPersonal(key)) && strings.Contains(strings.ToLower(key), "name") {
				r.addNames(field)
			}
		}
	case []any:
		for _, item := range value {
			r.collect(item, personal)
		}
	case string:
		if personal {
			r.add(value)
		}
		for _, found := range mailAddress.FindAllString(value, -1) {
			r.add(found)
			local, _, _ := strings.Cut(found, "@")
			r.add(local)
		}
	case json.Number:
		if personal && len(value) > 4 { // shorter ones are counts
			r.add(value.String())
		}
	}
}

func isPersonal(key string) bool {
	plain := strings.ReplaceAll(strings.ToLower(key), "_", "")
	return slices.Contains(people, key) ||
		slices.ContainsFunc(personalEnds, func(end string) bool { return strings.HasSuffix(plain, end) })
}

// addNames adds the parts of a name, because templates can split it.
func (r *Redactor) addNames(value any) {
	if name, ok := value.(string); ok {
		for _, part := range strings.Fields(name) {
			r.add(part)
		}
	}
}

func (r *Redactor) add(text string) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return
	}
	r.words = append(r.words, text)
	if number := digits(text); isPhone(text, number) {
		r.phones = append(r.phones, number)
	}
}

// isPhone reports whether a text looks like a phone number.
func isPhone(text, number string) bool {
	return len(number) >= 7 && !strings.ContainsFunc(text, unicode.IsLetter)
}

func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// Hides reports whether a text is or contains an e-mail address or a personal value of the
// documents.
func (r Redactor) Hides(text string) bool {
	if strings.Contains(text, "@") && mailAddress.MatchString(text) {
		return true
	}
	text = strings.ToLower(text)
	if slices.ContainsFunc(r.words, func(word string) bool { return containsWord(text, word) }) {
		return true
	}
	number := digits(text)
	return isPhone(text, number) && slices.ContainsFunc(r.phones, func(phone string) bool {
		return strings.Contains(phone, number) || strings.Contains(number, phone)
	})
}

// short is the length in bytes below which a value must be a separate word: "us" in "usd" is
// not personal.
const short = 4

// containsWord reports whether a text contains a word. A short word must be separate.
func containsWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if len(word) >= short || !isWord(before) && !isWord(after) {
			return true
		}
		from = end
	}
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
