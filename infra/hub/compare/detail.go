package compare

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/redact"
)

// Pair is a message of each side about the same event, with their differences. It has personal
// values unless it is redacted.
type Pair struct {
	Event       string            `json:"event"`
	ID          string            `json:"id"` // of the order, or of the user
	TheirTime   time.Time         `json:"their_time"`
	OurTime     time.Time         `json:"our_time"`
	Differences []FieldDifference `json:"differences"`
	Theirs      json.RawMessage   `json:"theirs"`
	Ours        json.RawMessage   `json:"ours"`
}

// FieldDifference is a difference between the messages of a pair. A value is JSON, and empty if
// the field is missing, or if the difference is about all entries of a list.
type FieldDifference struct {
	Kind   Kind            `json:"kind"`
	Field  string          `json:"field"`
	Theirs json.RawMessage `json:"theirs,omitempty"`
	Ours   json.RawMessage `json:"ours,omitempty"`

	place []string
}

func newPair(theirs, ours Message, found []difference) Pair {
	p := Pair{Event: ours.name, ID: ours.id, TheirTime: theirs.time, OurTime: ours.time, Theirs: theirs.json, Ours: ours.json, Differences: []FieldDifference{}}
	for _, d := range found {
		p.Differences = append(p.Differences, FieldDifference{d.kind, d.field(), encoded(d.theirs), encoded(d.ours), d.place})
	}
	return p
}

// encoded returns a value as JSON; nil if it is missing.
func encoded(value any) json.RawMessage {
	if _, none := value.(missing); none || value == nil {
		return nil
	}
	text, _ := json.Marshal(value) // it comes from JSON
	return text
}

// Redacted returns the pair without personal values.
func (p Pair) Redacted() Pair {
	r := redact.New(p.Theirs, p.Ours)
	differences := make([]FieldDifference, len(p.Differences))
	for i, d := range p.Differences {
		if d.Kind != Named || r.Hides(string(d.Theirs)) { // otherwise they are names
			d.Theirs, d.Ours = hidden(r, d.place, d.Theirs), hidden(r, d.place, d.Ours)
		}
		differences[i] = d
	}
	p.Differences, p.Theirs, p.Ours, p.ID = differences, hidden(r, nil, p.Theirs), hidden(r, nil, p.Ours), hideID(p.ID)
	return p
}

// Redacted returns the comparison without personal values: an id of an order or a user that may
// be personal, such as an e-mail address, is hidden.
func (c Comparison) Redacted() *Comparison {
	nothing := redact.New()
	hide := func(text string) string {
		if nothing.Hides(text) {
			return redact.Hidden
		}
		return text
	}
	c.Differences = slices.Clone(c.Differences)
	for i, d := range c.Differences {
		examples := make([]string, len(d.Examples))
		for j, id := range d.Examples {
			examples[j] = hideID(id)
		}
		c.Differences[i].Examples, c.Differences[i].Field = examples, hide(d.Field)
	}
	c.Pairs = slices.Clone(c.Pairs)
	for i, p := range c.Pairs {
		c.Pairs[i] = p.Redacted()
	}
	return &c
}

// hideID returns an id of an order or a user, or redact.Hidden if it may be personal, such as an
// e-mail address.
func hideID(id string) string { return redact.New().Field("userId", id) }

// hidden returns a JSON value without what may be personal at a place of a message. A text with a
// number is shown if the number is.
func hidden(r redact.Redactor, place []string, value json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(value, &text) == nil && text != "" && strings.Trim(text, "0123456789.-") == "" && json.Valid([]byte(text)) {
		if number := json.RawMessage(text); string(without(r, place, number)) == text {
			return value
		}
	}
	return without(r, place, value)
}

// without returns a JSON value without what may be personal at a place of a message.
func without(r redact.Redactor, place []string, value json.RawMessage) json.RawMessage {
	if value == nil {
		return nil
	}
	if len(place) == 0 {
		text, _ := r.JSON(string(value))
		return json.RawMessage(text)
	}
	within := value
	for i := len(place) - 1; i >= 0; i-- {
		var wrapped any = map[string]json.RawMessage{place[i]: within}
		if place[i] == list {
			wrapped = []json.RawMessage{within}
		}
		within, _ = json.Marshal(wrapped) // valid JSON within valid JSON
	}
	text, _ := r.JSON(string(within))
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var found any
	_ = decoder.Decode(&found) // redacted JSON is JSON
	for range place {
		switch outer := found.(type) {
		case map[string]any:
			for _, inner := range outer {
				found = inner
			}
		case []any:
			found = outer[0]
		}
	}
	return encoded(found)
}
