// Package plan makes a Segment tracking plan from the messages that templates write, and compares
// it with the plan in Segment.
//
// A tracking plan has a rule for each event: a JSON Schema, draft-07, of the whole message.
// Segment flags messages that violate it. It blocks them, or removes their fields, if the schema
// settings of the source say so. (Sources: the Public API's description, and "Protocols" in
// Segment's documentation.)
package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"commerce-segment/shared/publicapi"
)

// Event is what has a rule in a tracking plan: all track calls with one name, or all identify
// calls.
type Event struct {
	Type     string // TRACK, IDENTIFY, GROUP, PAGE or SCREEN
	Key      string // the name of the event of track calls; empty for the others
	messages []value
}

// Name returns the name of the event of track calls, and the kind of the others, such as
// "identify".
func (e Event) Name() string { return cmp.Or(e.Key, strings.ToLower(e.Type)) }

// Unasked reports whether the messages can lack fields, because Commerce was not asked for what
// $commerce adds to them.
func (e Event) Unasked() bool {
	return slices.ContainsFunc(e.messages, func(message value) bool { return message.unasked })
}

// DescribeUnasked describes, in a sentence, of which events fields can be missing; empty if of none.
func DescribeUnasked(events []Event) string {
	var names []string
	for _, e := range events {
		if e.Unasked() {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Commerce was not asked for this: fields that $commerce adds to " + strings.Join(names, ", ") + " can be missing in it."
}

// section returns the member of the messages that has the fields of the event.
func (e Event) section() string {
	if e.Type == publicapi.IdentifyRule || e.Type == "GROUP" {
		return "traits"
	}
	return "properties"
}

// Rule returns the rule that describes the messages.
func (e Event) Rule() publicapi.Rule {
	sent := members(e.messages)[e.section()]
	sections := map[string]any{"context": map[string]any{}, "properties": map[string]any{}, "traits": map[string]any{}}
	schema := map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": sections}
	if len(sent) > 0 {
		sections[e.section()] = schemaOf(sent)
	}
	if len(sent) == len(e.messages) {
		schema["required"] = []any{e.section()}
	}
	return publicapi.Rule{Type: e.Type, Key: e.Key, Version: 1, JSONSchema: encode(schema)}
}

// Field is a field of the messages of an event.
type Field struct {
	Path     string // "properties.products[].price"
	Type     string // such as "number", "string or null", or "date-time"
	Required bool   // every message has it
}

// Fields returns the fields of the event that its rule describes, sorted by path.
func (e Event) Fields() []Field {
	schema := map[string]any{}
	_ = json.Unmarshal(e.Rule().JSONSchema, &schema)
	its, _ := ensure(schema, "properties")[e.section()].(map[string]any)
	return fieldsIn(its, e.section())
}

func fieldsIn(schema map[string]any, path string) (fields []Field) {
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		its, _ := properties[name].(map[string]any)
		kind := strings.Join(typesIn(its), " or ")
		if its["format"] == dateTime {
			kind = dateTime
		}
		field := join(path, name)
		fields = append(fields, Field{Path: field, Type: cmp.Or(kind, "any"), Required: isRequired(schema, name)})
		fields = append(fields, fieldsIn(its, field)...)
		if items, ok := its["items"].(map[string]any); ok {
			fields = append(fields, fieldsIn(items, field+"[]")...)
		}
	}
	return fields
}

func encode(schema map[string]any) json.RawMessage {
	encoded, err := json.Marshal(schema)
	if err != nil {
		panic(err) // it was made here or decoded from JSON
	}
	return encoded
}

// Compare returns the differences between events and the rules of a tracking plan, in the order
// of the events, and the rules with which the plan accepts the events: new ones, and those of the
// plan that must change. They keep everything of the plan that the messages do not violate, and that
// they could violate only because Commerce was not asked.
func Compare(rules []publicapi.Rule, events []Event) (found []Difference, changed []publicapi.Rule) {
	for _, e := range events {
		i := slices.IndexFunc(rules, func(r publicapi.Rule) bool { return r.Type == e.Type && r.Key == e.Key })
		if i < 0 {
			found = append(found, Difference{Event: e.Name(), Says: "is not in the plan", Violates: true})
			changed = append(changed, e.Rule())
			continue
		}
		differences, schema := e.compare(rules[i])
		found = append(found, differences...)
		if slices.ContainsFunc(differences, func(d Difference) bool { return d.Violates }) {
			rule := rules[i]
			rule.JSONSchema = encode(schema)
			changed = append(changed, rule)
		}
	}
	return found, changed
}

// compare compares the messages with the rule of the event, and returns the schema that accepts
// them.
func (e Event) compare(rule publicapi.Rule) ([]Difference, map[string]any) {
	schema := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(rule.JSONSchema))
	decoder.UseNumber() // so that figures in the schema stay as they are
	_ = decoder.Decode(&schema)
	sections := ensure(schema, "properties")
	ensure(ensure(sections, e.section()), "properties")
	c := &comparison{event: e.Name()}
	sent := members(e.messages)
	for _, section := range []string{"context", "properties", "traits"} {
		its, _ := sections[section].(map[string]any)
		if len(sent[section]) > 0 {
			c.values(section, its, sent[section])
		}
	}
	c.required("", schema, e.messages)
	slices.SortStableFunc(c.found, func(a, b Difference) int { return strings.Compare(a.Field, b.Field) })
	return c.found, schema
}

// ensure returns the member of an object that is an object. It makes one if there is none.
func ensure(object map[string]any, name string) map[string]any {
	if its, ok := object[name].(map[string]any); ok {
		return its
	}
	its := map[string]any{}
	object[name] = its
	return its
}
