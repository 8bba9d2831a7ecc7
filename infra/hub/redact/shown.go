package redact

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// The fields whose values are shown. All other texts are hidden: a field of a shop or of its
// template, such as a gift message, may be about a person.
var (
	// texts are names of fields whose texts come from Commerce, from the catalogue or from a
	// template.
	texts = []string{
		"type", "event", "triggered_by", "integration_type", "status", "payment", "shipping", "payment_status", "shipping_status",
		"gateway", "transaction_type", "currency", "coupon", "discount_code", "sku", "product_id",
	}
	// textsOfProducts are shown in addition if they are fields of a product.
	textsOfProducts = []string{"name", "brand", "category", "variant", "url", "image_url"}
	// products are the fields with products, in a message and in an order.
	products = []string{"products", "items"}

	ids     = []string{"id", "userId", "anonymousId", "messageId", "groupId", "previousId", "order_id", "checkout_id", "customer_id", "account_id"}
	times   = []string{"timestamp", "originalTimestamp", "sentAt", "receivedAt", "created_at", "updated_at", "createdAt"}
	amounts = []string{"amount", "price", "unit_price", "total", "subtotal", "revenue", "tax", "discount", "shipping", "value", "quantity"}

	// ofPeople are the fields of a person that are shown.
	ofPeople = []string{"id", "type", "created_at", "updated_at", "createdAt"}
)

var (
	// generatedID matches the ids that Commerce generates, which are shown in any field.
	generatedID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	// otherID matches other ids. They have a digit: a text without one may be a name.
	otherID = regexp.MustCompile(`^[\w.:~-]*\d[\w.:~-]*$`)
	moment  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)?$`)
	// formatted matches an amount with the sign or the code of its currency.
	formatted = regexp.MustCompile(`^[\d\s.,'’-]*(\p{Sc}|[A-Z]{3}\s)[\d\s.,'’-]*$`)
	// longNumber matches what may be a phone number.
	longNumber = regexp.MustCompile(`^-?\d{7,}$`)
)

// field is the place of a value in a JSON text.
type field struct {
	name      string
	personal  bool // it is a person's
	ofProduct bool // it is a field of a product
}

// below returns a field of an object that is in the field f.
func (r Redactor) below(f field, name string) field {
	personal := f.personal || isPersonal(name) || name == "context" || r.person && name == "payload"
	return field{name, personal, slices.Contains(products, f.name)}
}

// shows reports whether the text of a field is shown.
func (r Redactor) shows(f field, text string) bool {
	if r.Hides(text) || f.personal && !slices.Contains(ofPeople, f.name) {
		return text == ""
	}
	switch {
	case text == "", generatedID.MatchString(text), slices.Contains(texts, f.name):
		return true
	case slices.Contains(ids, f.name):
		return otherID.MatchString(text) && !longNumber.MatchString(text)
	case slices.Contains(times, f.name):
		return moment.MatchString(text)
	case f.name == "formatted":
		return formatted.MatchString(text)
	}
	return f.ofProduct && slices.Contains(textsOfProducts, f.name)
}

// showsNumber reports whether the number of a field is shown.
func (r Redactor) showsNumber(f field, number string) bool {
	return !f.personal && !slices.Contains(r.words, number) && !slices.Contains(r.phones, number) &&
		(!longNumber.MatchString(number) || slices.Contains(amounts, f.name))
}

// Field returns the text of a field that is in no other, or Hidden.
func (r Redactor) Field(name, text string) string {
	if !r.shows(r.below(field{}, name), text) {
		return Hidden
	}
	return text
}

// JSON returns a JSON text, or the beginning of one, without what may be personal. It reports
// whether it hid something.
func (r Redactor) JSON(text string) (string, bool) {
	var b strings.Builder
	w := walk{redactor: r, in: []container{{}}}
	found := false
	for part := range Parts(text) {
		if w.hides(part) {
			part.Text, found = `"`+Hidden+`"`, true
		}
		b.WriteString(part.Text)
	}
	return b.String(), found
}

// walk is the place in a JSON text that is read from its beginning.
type walk struct {
	redactor Redactor
	in       []container // the innermost is the last
}

// container is an object or a list that is open.
type container struct {
	at    field // where it is
	value field // where its next value is
}

// hides reports whether the next part of the text is hidden.
func (w *walk) hides(part jsonPart) bool {
	inner := &w.in[len(w.in)-1]
	switch part.Kind {
	case jsonKey, jsonString:
		var text string
		if json.Unmarshal([]byte(part.Text), &text) != nil {
			return true // a text that cannot be read may be personal
		}
		if part.Kind == jsonString {
			return !w.redactor.shows(inner.value, text)
		}
		inner.value = w.redactor.below(inner.at, text)
		return w.redactor.Hides(text)
	case jsonNumber:
		return !w.redactor.showsNumber(inner.value, part.Text)
	case jsonOther:
		w.move(part.Text)
	}
	return false
}

// move opens and closes the objects and lists whose brackets are in a text.
func (w *walk) move(punctuation string) {
	for _, c := range punctuation {
		switch at := w.in[len(w.in)-1].value; {
		case c == '{' || c == '[':
			w.in = append(w.in, container{at, at})
		case (c == '}' || c == ']') && len(w.in) > 1:
			w.in = w.in[:len(w.in)-1]
		}
	}
}
