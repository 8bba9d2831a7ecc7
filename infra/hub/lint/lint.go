// Package lint finds what is wrong with the messages that a template writes for
// Segment. Segment answers 200 to all such messages, but it drops some of them, and
// others give its destinations wrong figures.
//
// The rules follow Segment's e-commerce spec and the messages that the Elastic Path
// source promises. A finding that may be intended is a warning; every other one is
// certainly wrong. templates/README.md lists the rules.
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

// Finding is one fault in one message. It contains figures and names of fields, but no
// text that may be about a person.
type Finding struct {
	Message int    // the position of the message in the output of the template, from 1
	Path    string // "properties.products[0].price"; empty for the message as a whole
	Rule    string // the rule that found it, for example "minor_units"
	Wrong   string // continues the sentence that begins with Path: "is a text"
	Instead string // how to fix it: "write a number"
	Warning bool   // it may be intended, and is then correct
}

// Check returns what is wrong with the messages that a template wrote for a webhook, in
// the order of the messages. The body is that of the webhook, as Commerce posted it. An
// error comes from commerce.Parse or Input. Check does not change the messages. The
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
		m.checkAccepted(fact, fields)
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

// message is a message that is being checked, the order that it is about, and its findings.
type message struct {
	fields    map[string]any // as JSON: see read
	order     order
	byDefault tracking.Call
	findings  []Finding
}

// call returns the type of the Segment call: that of the message, or the default.
func (m *message) call() string {
	return cmp.Or(text(at(m.fields, "type")), string(m.byDefault))
}

func (m *message) add(path, rule, wrong, instead string) {
	m.findings = append(m.findings, Finding{Path: path, Rule: rule, Wrong: wrong, Instead: instead})
}

// warn adds a finding that may be intended.
func (m *message) warn(path, rule, wrong, instead string) {
	m.findings = append(m.findings, Finding{Path: path, Rule: rule, Wrong: wrong, Instead: instead, Warning: true})
}

// read sets the fields as Segment reads them, with numbers as json.Number. It reports
// whether the message can be JSON: if not, checkAccepted has found it.
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

// checkAccepted finds a message that Segment would drop, and products that are left out
// because the message is too large.
func (m *message) checkAccepted(fact segment.Fact, fields map[string]any) {
	messages, err := segment.NewMessages(fact, []map[string]any{fields})
	if invalid := new(segment.InvalidError); errors.As(err, &invalid) {
		m.findings = append(m.findings, invalidMessage(invalid))
		return
	}
	sent := decode(messages[0].JSON)
	if omitted, _ := number(at(sent, "properties", "products_omitted")); omitted > 0 && at(fields, "properties", "products_omitted") == nil {
		m.add("properties.products", "too_large",
			fmt.Sprintf("makes the message larger than Segment accepts, so its last %v are left out", omitted),
			"write less into each product")
	}
}

// checkTogether finds what is wrong with several messages for one webhook, if each of
// them alone is correct.
func checkTogether(fact segment.Fact, written []map[string]any) []Finding {
	_, err := segment.NewMessages(fact, written)
	invalid := new(segment.InvalidError)
	if !errors.As(err, &invalid) {
		return nil
	}
	if _, alone := segment.NewMessages(fact, written[invalid.Index:invalid.Index+1]); alone != nil {
		return nil
	}
	finding := invalidMessage(invalid)
	finding.Message = invalid.Index + 1
	return []Finding{finding}
}

// invalidMessage returns the finding about a message that would not be sent.
func invalidMessage(invalid *segment.InvalidError) Finding {
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
