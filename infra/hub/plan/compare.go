package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Difference is one difference between the messages of the templates and a tracking plan. It
// contains names of fields, and no values.
type Difference struct {
	Event    string `json:"event"`    // the name of the event, or "identify"
	Field    string `json:"field"`    // "properties.products[].price"; empty for the event as a whole
	Says     string `json:"says"`     // continues the sentence that begins with the field: "is not in the plan"
	Violates bool   `json:"violates"` // Segment flags or blocks events because of it
	Unknown  bool   `json:"unknown"`  // it is not known whether it violates the plan, because Commerce was not asked
}

// Sentence describes the difference: "Order Completed, properties.total: is not in the plan".
func (d Difference) Sentence() string {
	if d.Field == "" {
		return d.Event + ": " + d.Says
	}
	return d.Event + ", " + d.Field + ": " + d.Says
}

// comparison compares the messages of an event with the schema of its rule, and changes the
// schema so that it accepts them.
type comparison struct {
	event string
	found []Difference
}

func (c *comparison) add(path, says string, values ...any) {
	c.found = append(c.found, Difference{Event: c.event, Field: path, Says: fmt.Sprintf(says, values...), Violates: true})
}

// values compares values with their schema: types, the format of times, the fields of objects
// and the items of lists. It does not compare enum and pattern, because the values of the samples
// are made up.
func (c *comparison) values(path string, schema map[string]any, values []value) {
	values = slices.DeleteFunc(slices.Clone(values), func(v value) bool { return v.data == nil && v.unasked })
	wanted, sent := typesIn(schema), typesOf(values)
	if !accepts(wanted, values) {
		c.add(path, "has the type %s, but the plan requires %s", strings.Join(sent, " or "), strings.Join(wanted, " or "))
		replace(schema, values)
		return
	}
	if texts := only[string](values); schema["format"] == dateTime && !areTimes(texts) {
		c.add(path, "is a text that is not always a time, but the plan requires the format date-time")
		delete(schema, "format")
	}
	if objects := only[map[string]any](values); len(objects) > 0 {
		c.fields(path, schema, objects)
	}
	if its, ok := schema["items"].(map[string]any); ok {
		if sent := items(only[[]any](values)); len(sent) > 0 {
			c.values(path+"[]", its, sent)
		}
	}
}

// fields compares the fields of objects with the schema of the objects.
func (c *comparison) fields(path string, schema map[string]any, objects []value) {
	sent := members(objects)
	planned, described := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(unionNames(sent, planned))) {
		field := join(path, name)
		its, isSchema := planned[name].(map[string]any)
		switch {
		case sent[name] == nil && isRequired(schema, name): // see required
		case sent[name] == nil:
			c.found = append(c.found, Difference{Event: c.event, Field: field, Says: "is only in the plan: no message has it"})
		case isSchema:
			c.values(field, its, sent[name])
		case planned[name] == nil && (described || schema["additionalProperties"] == false):
			c.add(field, "is not in the plan")
			if planned == nil {
				planned = map[string]any{}
				schema["properties"] = planned
			}
			planned[name] = schemaOf(sent[name])
		}
	}
	c.required(path, schema, objects)
}

// required compares which fields the objects always have. What is not known without Commerce stays
// required.
func (c *comparison) required(path string, schema map[string]any, objects []value) {
	required, _ := schema["required"].([]any)
	var always []any
	for _, name := range required {
		field := join(path, fmt.Sprint(name))
		without := slices.DeleteFunc(slices.Clone(objects), func(object value) bool {
			_, has := object.data.(map[string]any)[fmt.Sprint(name)]
			return has
		})
		if i := slices.IndexFunc(without, func(object value) bool { return !object.unasked }); i >= 0 {
			c.add(field, "is required in the plan, but is not sent for %s", without[i].source)
			continue
		}
		always = append(always, name)
		if len(without) > 0 {
			c.found = append(c.found, Difference{Event: c.event, Field: field, Unknown: true,
				Says: "is required in the plan: it is not known whether every message has it, because Commerce was not asked"})
		}
	}
	if len(always) == len(required) {
		return
	}
	schema["required"] = always
	if len(always) == 0 {
		delete(schema, "required")
	}
}

func isRequired(schema map[string]any, name string) bool {
	required, _ := schema["required"].([]any)
	return slices.Contains(required, any(name))
}

// unionNames returns the names of fields that are sent, or are in the plan, or both.
func unionNames(sent map[string][]value, planned map[string]any) map[string]bool {
	names := map[string]bool{}
	for name := range sent {
		names[name] = true
	}
	for name := range planned {
		names[name] = true
	}
	return names
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// typesIn returns the types that a schema allows; none if it allows all.
func typesIn(schema map[string]any) (types []string) {
	switch wanted := schema["type"].(type) {
	case string:
		return []string{wanted}
	case []any:
		for _, one := range wanted {
			types = append(types, fmt.Sprint(one))
		}
	}
	return types
}

// accepts reports whether all values have one of the types.
func accepts(types []string, values []value) bool {
	return len(types) == 0 || !slices.ContainsFunc(values, func(v value) bool {
		number, isNumber := v.data.(float64)
		isWhole := isNumber && number == float64(int64(number))
		return !slices.Contains(types, typeOf(v.data)) && !(isWhole && slices.Contains(types, "integer"))
	})
}

// replace replaces a schema with that of the values. It keeps the title and the description.
func replace(schema map[string]any, values []value) {
	maps.DeleteFunc(schema, func(keyword string, _ any) bool { return keyword != "title" && keyword != "description" })
	maps.Copy(schema, schemaOf(values))
}

// Violations returns the differences that violate the plan.
func Violations(found []Difference) []Difference {
	return slices.DeleteFunc(slices.Clone(found), func(d Difference) bool { return !d.Violates })
}
