// Package lint finds what is wrong with the messages that a template writes for
// Segment. Segment answers 200 to all of it: it drops a message, or its
// destinations count figures that are not the order's.
//
// The rules are those of Segment's e-commerce spec and of what the Elastic Path
// source promises. Each finds only what is wrong for certain; templates/README.md
// lists them.
package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// Finding is one fault of one message. It repeats figures and names of fields, and
// no text that may be about a person.
type Finding struct {
	Message int    // the message's place in what the template wrote, from 1
	Path    string // "properties.products[0].price"; empty for the message as a whole
	Rule    string // by which it was found, for example "minor_units"
	Wrong   string // continues the sentence that Path begins: "is a text"
	Instead string // what to do: "write a number"
}

// Check finds what is wrong with the messages that a template wrote for a webhook,
// in the order of the messages. The body is the webhook's as Commerce posted it,
// because a template takes over the one that it is applied to; the error is
// commerce.Parse's about it. What was written is not changed.
func Check(t tracking.Tracking, body []byte, written []map[string]any) ([]Finding, error) {
	webhook, err := commerce.Parse(body)
	if err != nil {
		return nil, err
	}
	fact := relay.FactOf(t, webhook, "", time.Time{})
	of := readOrder(webhook.Body)
	var findings []Finding
	for i, fields := range written {
		m := message{order: of}
		m.checkTaken(fact, fields)
		if m.read(fields) {
			m.checkPeople()
			m.checkCasing()
			m.checkTrack(t.Call)
		}
		for _, finding := range m.findings {
			finding.Message = i + 1
			findings = append(findings, finding)
		}
	}
	return append(findings, checkTogether(fact, written)...), nil
}

// message is a message that is being checked, beside the order that it is about.
type message struct {
	fields   map[string]any // as JSON: see read
	order    order
	findings []Finding
}

func (m *message) add(path, rule, wrong, instead string) {
	m.findings = append(m.findings, Finding{Path: path, Rule: rule, Wrong: wrong, Instead: instead})
}

// read takes the message as Segment reads it, its numbers as json.Number. What
// JSON cannot hold, checkTaken has found.
func (m *message) read(fields map[string]any) bool {
	encoded, err := json.Marshal(fields)
	if err != nil {
		return false
	}
	m.fields = decode(encoded)
	return true
}

func decode(encoded []byte) map[string]any {
	decoder := json.NewDecoder(strings.NewReader(string(encoded)))
	decoder.UseNumber()
	var fields map[string]any
	_ = decoder.Decode(&fields) // it was encoded from an object
	return fields
}

// checkTaken finds what Segment would drop, and products that it would not get.
func (m *message) checkTaken(fact segment.Fact, fields map[string]any) {
	messages, err := segment.NewMessages(fact, []map[string]any{fields})
	if invalid := new(segment.InvalidError); errors.As(err, &invalid) {
		m.findings = append(m.findings, refused(invalid))
		return
	}
	sent := decode(messages[0].JSON)
	if omitted, _ := number(at(sent, "properties", "products_omitted")); omitted > 0 && at(fields, "properties", "products_omitted") == nil {
		m.add("properties.products", "too_large",
			fmt.Sprintf("makes the message larger than Segment takes, so its last %v are left off", omitted),
			"write less into each product")
	}
}

// checkTogether finds what is wrong with messages beside one another, where each
// of them alone is right.
func checkTogether(fact segment.Fact, written []map[string]any) []Finding {
	_, err := segment.NewMessages(fact, written)
	invalid := new(segment.InvalidError)
	if !errors.As(err, &invalid) {
		return nil
	}
	if _, alone := segment.NewMessages(fact, written[invalid.Index:invalid.Index+1]); alone != nil {
		return nil
	}
	finding := refused(invalid)
	finding.Message = invalid.Index + 1
	return []Finding{finding}
}

// refused is the finding of a message that would not be sent.
func refused(invalid *segment.InvalidError) Finding {
	rule := "message_invalid"
	switch invalid.Field {
	case "userId", "anonymousId":
		rule = "no_user"
	case "timestamp", "originalTimestamp":
		rule = "time"
	case "":
		rule = "too_large"
	}
	wrong, instead, _ := strings.Cut(invalid.Message, ": ")
	return Finding{Path: invalid.Field, Rule: rule, Wrong: wrong, Instead: instead}
}

var email = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

// checkPeople finds what is wrong with who did it.
func (m *message) checkPeople() {
	if email.MatchString(text(at(m.fields, "userId"))) {
		m.add("userId", "email_as_user_id", "is an e-mail address, which a person may change",
			"write the customer's id, and the e-mail as the trait email")
	}
	for _, id := range []string{"userId", "anonymousId"} {
		m.checkStars(id, at(m.fields, id))
	}
	for _, path := range [][]string{{"traits"}, {"context", "traits"}} {
		traits := at(m.fields, path...)
		m.checkStars(strings.Join(path, "."), traits)
		for _, name := range []string{"createdAt", "created_at"} {
			if value := at(traits, name); value != nil && !segment.IsTime(text(value)) {
				m.add(strings.Join(path, ".")+"."+name, "time", "is not a time in ISO 8601",
					"write it as Commerce states it, like 2026-11-24T09:30:00Z")
			}
		}
	}
}

// checkStars finds what is left of personal fields when an order is anonymized.
func (m *message) checkStars(path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range names(value) {
			m.checkStars(path+"."+name, value[name])
		}
	case string:
		onlyStars := strings.Trim(value, "* ") == ""
		if strings.Contains(value, "*") && (onlyStars || m.order.anonymized) {
			m.add(path, "anonymized", "is what Commerce leaves of an anonymized order, and would overwrite a profile",
				"leave it out where the text has a * in it, as $known() of the default templates does")
		}
	}
}
