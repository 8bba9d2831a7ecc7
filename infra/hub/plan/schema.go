package plan

import (
	"maps"
	"slices"
	"time"
)

// value is a value in a message, decoded from JSON.
type value struct {
	data   any
	source string // the sample or the event in Commerce that the message is of
	// unasked reports that Commerce was not asked for what the template asks it for: a field can be
	// missing that Commerce would have given.
	unasked bool
}

// schemaOf returns the JSON Schema, draft-07, of values. A number is always a number and not an
// integer: a price is a whole number in many messages. A field is required if every object has
// it, and it is never null.
func schemaOf(values []value) map[string]any {
	schema := map[string]any{}
	if types := without(typesOf(values), "null"); len(types) > 0 {
		schema["type"] = typeKeyword(typesOf(values))
	}
	if texts := only[string](values); len(texts) > 0 && areTimes(texts) {
		schema["format"] = dateTime
	}
	if objects := only[map[string]any](values); len(objects) > 0 {
		describeObjects(schema, objects)
	}
	if lists := only[[]any](values); len(lists) > 0 {
		schema["items"] = schemaOf(items(lists))
	}
	return schema
}

func describeObjects(schema map[string]any, objects []value) {
	properties, required := map[string]any{}, []any{}
	sent := members(objects)
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		properties[name] = schemaOf(sent[name])
		if len(sent[name]) == len(objects) && !slices.Contains(typesOf(sent[name]), "null") {
			required = append(required, name)
		}
	}
	schema["properties"] = properties
	if len(required) > 0 {
		schema["required"] = required
	}
}

// typeKeyword returns types as the keyword type has them: one, or a list.
func typeKeyword(types []string) any {
	if len(types) == 1 {
		return types[0]
	}
	var list []any
	for _, one := range types {
		list = append(list, one)
	}
	return list
}

// typesOf returns the JSON types of values, sorted, each once.
func typesOf(values []value) []string {
	types := map[string]bool{}
	for _, v := range values {
		types[typeOf(v.data)] = true
	}
	return slices.Sorted(maps.Keys(types))
}

func typeOf(data any) string {
	switch data.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		return "object"
	}
}

func without(types []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == one })
}

// only returns the values of one type.
func only[T any](values []value) (of []value) {
	for _, v := range values {
		if _, ok := v.data.(T); ok {
			of = append(of, v)
		}
	}
	return of
}

// members returns the values of each member of objects.
func members(objects []value) map[string][]value {
	all := map[string][]value{}
	for _, object := range objects {
		for name, data := range object.data.(map[string]any) {
			all[name] = append(all[name], value{data, object.source, object.unasked})
		}
	}
	return all
}

// items returns the items of lists.
func items(lists []value) (all []value) {
	for _, list := range lists {
		for _, data := range list.data.([]any) {
			all = append(all, value{data, list.source, list.unasked})
		}
	}
	return all
}

// dateTime is the format of a time in JSON Schema: RFC 3339, section 5.6.
const dateTime = "date-time"

// areTimes reports whether all texts are times.
func areTimes(texts []value) bool {
	return !slices.ContainsFunc(texts, func(text value) bool {
		_, err := time.Parse(time.RFC3339, text.data.(string))
		return err != nil
	})
}
