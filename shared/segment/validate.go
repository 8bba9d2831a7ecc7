package segment

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/tracking"
)

// needs lists the required fields of each type of call, in addition to a user. Segment
// silently drops a call without them.
var needs = map[string][]string{
	"track":    {"event"},
	"identify": nil,
	"page":     nil,
	"screen":   nil,
	"group":    {"groupId"},
	"alias":    {"userId", "previousId"},
	deleteType: {"userId", "regulationType"},
}

// checkType checks the type, on which the required fields depend.
func checkType(call tracking.Call, fields map[string]any) *InvalidError {
	kind, isString := field(fields, "type").(string)
	_, known := needs[kind]
	switch {
	case call == tracking.Delete && kind != deleteType:
		return &InvalidError{Field: "type", Message: "is not delete: leave it out, because this tracking only asks Segment to delete users"}
	case call != tracking.Delete && kind == deleteType:
		return &InvalidError{Field: "type", Message: "is delete, which another tracking sends: enable customer-deleted to delete users from Segment"}
	case !isString || !known:
		return &InvalidError{Field: "type", Message: "is not a type of call that Segment supports: " +
			"write track, identify, page, screen, group or alias, or leave it out"}
	}
	return nil
}

// validate rejects a message that Segment would silently drop, cut or misread.
func validate(fields map[string]any) *InvalidError {
	checks := []func(map[string]any) *InvalidError{
		checkEncodable, checkUser, checkNeeds, checkID, checkTimes, checkObjects, checkDeletion,
	}
	for _, check := range checks {
		if invalid := check(fields); invalid != nil {
			return invalid
		}
	}
	return nil
}

// checkUser checks that the message has a user.
func checkUser(fields map[string]any) *InvalidError {
	if field(fields, "userId") == nil && field(fields, "anonymousId") == nil {
		return &InvalidError{Field: "userId", Message: "is missing, and the webhook has no customer or order id to use instead: " +
			"write userId or anonymousId"}
	}
	for _, name := range []string{"userId", "anonymousId"} {
		if field(fields, name) == nil {
			continue
		}
		if invalid := checkText(fields, name); invalid != nil {
			return invalid
		}
	}
	return nil
}

// checkNeeds checks the fields that the type of call requires.
func checkNeeds(fields map[string]any) *InvalidError {
	for _, name := range needs[field(fields, "type").(string)] {
		if invalid := checkText(fields, name); invalid != nil {
			return invalid
		}
	}
	return nil
}

// checkID checks that there is a messageId, and its length.
func checkID(fields map[string]any) *InvalidError {
	if field(fields, "messageId") == nil {
		return &InvalidError{Field: "messageId", Message: "is missing, and the webhook has no order or customer id " +
			"to derive it from: write one that is the same on every delivery"}
	}
	if invalid := checkText(fields, "messageId"); invalid != nil {
		return invalid
	}
	if length := utf8.RuneCountInString(field(fields, "messageId").(string)); length > maxIDLength {
		return &InvalidError{Field: "messageId", Message: fmt.Sprintf(
			"has %d characters, over Segment's limit of %d: leave it out, or shorten it with $sha256()", length, maxIDLength)}
	}
	return nil
}

// checkText checks that a field is a string that is not empty or blank.
func checkText(fields map[string]any, name string) *InvalidError {
	value := field(fields, name)
	text, isString := value.(string)
	switch {
	case value == nil:
		return &InvalidError{Field: name, Message: fmt.Sprintf(
			"is missing: write it, because a message of type %s requires it", field(fields, "type"))}
	case isNumber(value):
		return &InvalidError{Field: name, Message: "is a number: wrap it in $string()"}
	case !isString:
		return &InvalidError{Field: name, Message: "is " + kindOf(value) + ": write a string"}
	case strings.TrimSpace(text) == "":
		return &InvalidError{Field: name, Message: "is an empty string: write a value"}
	}
	return nil
}

// checkTimes checks that the times can be parsed. Segment replaces a time that it cannot
// parse by the current time.
func checkTimes(fields map[string]any) *InvalidError {
	for _, name := range []string{"timestamp", "originalTimestamp"} {
		value := field(fields, name)
		if value == nil {
			continue
		}
		if isNumber(value) {
			return &InvalidError{Field: name, Message: "is a number: write it as ISO 8601, " +
				"for example with $fromMillis()"}
		}
		if text, isString := value.(string); !isString || !IsTime(text) {
			return &InvalidError{Field: name, Message: "is not a time in ISO 8601: " +
				"write it like 2026-11-24T09:30:00Z, or leave it out"}
		}
	}
	return nil
}

// checkObjects checks that the fields that must be objects are objects.
func checkObjects(fields map[string]any) *InvalidError {
	for _, name := range []string{"properties", "traits", "context", "integrations"} {
		value := field(fields, name)
		if value != nil && reflect.TypeOf(value).Kind() != reflect.Map {
			return &InvalidError{Field: name, Message: "is " + kindOf(value) + ": write an object, or leave it out"}
		}
	}
	return nil
}

// checkEncodable rejects values that JSON does not have. Its error names at most two levels
// of fields, and only names in the form of an id: a template may use personal data as a
// key.
func checkEncodable(fields map[string]any) *InvalidError {
	name, fault := firstFault(fields)
	if fault == "" {
		return nil
	}
	if inner, isObject := field(fields, name).(map[string]any); isObject {
		below, _ := firstFault(inner)
		return &InvalidError{Field: loggable.ID(name) + "." + loggable.ID(below), Message: "contains " + fault + ", which JSON cannot represent: write a value"}
	}
	return &InvalidError{Field: loggable.ID(name), Message: "contains " + fault + ", which JSON cannot represent: write a value"}
}

// firstFault returns the first key, in alphabetical order, whose value JSON cannot
// represent, and the fault. Both are empty if there is none.
func firstFault(object map[string]any) (name, fault string) {
	for key, value := range object {
		if found := faultIn(value); found != "" && (fault == "" || key < name) {
			name, fault = key, found
		}
	}
	return name, fault
}

// faultIn describes a part of a value that JSON cannot represent, or returns "". It knows
// the types of JSONata values. Any other type is a function, even if encoding/json could
// encode its fields.
func faultIn(value any) string {
	switch value := value.(type) {
	case nil, string, bool, int64:
		return ""
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return "a number that is not finite"
		}
		return ""
	case map[string]any:
		_, fault := firstFault(value)
		return fault
	case []any:
		for _, element := range value {
			if fault := faultIn(element); fault != "" {
				return fault
			}
		}
		return ""
	}
	return faultByKind(reflect.ValueOf(value))
}

// faultByKind is faultIn for values of other Go types.
func faultByKind(value reflect.Value) string {
	switch value.Kind() {
	case reflect.String, reflect.Bool:
		return ""
	case reflect.Float32, reflect.Float64:
		return faultIn(value.Float())
	case reflect.Pointer:
		if value.IsNil() {
			return ""
		}
		return faultIn(value.Elem().Interface())
	case reflect.Slice, reflect.Array:
		for i := range value.Len() {
			if fault := faultIn(value.Index(i).Interface()); fault != "" {
				return fault
			}
		}
		return ""
	case reflect.Map:
		if value.Type().Key().Kind() != reflect.String {
			break
		}
		for entries := value.MapRange(); entries.Next(); {
			if fault := faultIn(entries.Value().Interface()); fault != "" {
				return fault
			}
		}
		return ""
	}
	if value.CanInt() || value.CanUint() {
		return ""
	}
	return "a function"
}

// field returns the value of a field. It returns nil if the field is absent or any kind of
// null. A JSONata evaluation writes null as a nil *interface{}.
func field(fields map[string]any, name string) any {
	value := reflect.ValueOf(fields[name])
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if !value.IsValid() || value.Kind() == reflect.Map && value.IsNil() {
		return nil
	}
	return value.Interface()
}

func isNumber(value any) bool {
	reflected := reflect.ValueOf(value)
	return reflected.IsValid() && (reflected.CanInt() || reflected.CanUint() || reflected.CanFloat())
}

// kindOf names the type of a value, as the author of a template knows it.
func kindOf(value any) string {
	switch reflect.ValueOf(value).Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "an object"
	}
	return "a number"
}
