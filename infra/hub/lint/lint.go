// Package lint finds what is wrong with the messages that a template writes for
// Segment. Segment answers 200 to all of it: it drops a message, or its
// destinations count figures that are not the order's.
//
// The rules are those of Segment's e-commerce spec and of what the Elastic Path
// source promises. Each finds only what is wrong for certain; templates/README.md
// lists them.
package lint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
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
	Warning bool   // it may be on purpose, and is then right as it is
}

// Check finds what is wrong with the messages that a template wrote for a webhook,
// in the order of the messages. The body is the webhook's as Commerce posted it,
// and the error is that of
// commerce.Parse or Input about it. What was written is not changed. The
// currencies are those of the store's settings.
func Check(t tracking.Tracking, body []byte, written []map[string]any, currencies money.Decimals) ([]Finding, error) {
	webhook, err := commerce.Parse(body)
	if err != nil {
		return nil, err
	}
	fact := relay.FactOf(t, webhook, "", time.Time{})
	input, err := webhook.Input()
	if err != nil {
		return nil, err
	}
	of := readOrder(webhook.Document())
	of.prices, of.currencies = template.PricesOf(input), currencies
	findings := of.checkDecimals()
	messages := make([]*message, len(written))
	for i, fields := range written {
		m := &message{order: of, byDefault: t.Call}
		m.checkTaken(fact, fields)
		if m.read(fields) {
			m.checkIDs()
			m.checkPeople()
			m.checkTimes()
			m.checkCasing()
			m.checkTrack()
		}
		for _, finding := range m.findings {
			finding.Message = i + 1
			findings = append(findings, finding)
		}
		messages[i] = m
	}
	return slices.Concat(checkPromise(t, messages), findings, checkTogether(fact, written)), nil
}

// message is a message that is being checked, with the order that it is about.
type message struct {
	fields    map[string]any // as JSON: see read
	order     order
	byDefault tracking.Call
	findings  []Finding
}

// call is the kind of Segment call that the message is.
func (m *message) call() string {
	return cmp.Or(text(at(m.fields, "type")), string(m.byDefault))
}

func (m *message) add(path, rule, wrong, instead string) {
	m.findings = append(m.findings, Finding{Path: path, Rule: rule, Wrong: wrong, Instead: instead})
}

// warn adds what may be on purpose.
func (m *message) warn(path, rule, wrong, instead string) {
	m.findings = append(m.findings, Finding{Path: path, Rule: rule, Wrong: wrong, Instead: instead, Warning: true})
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
