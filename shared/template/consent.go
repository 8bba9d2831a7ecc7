package template

import (
	"strings"

	"commerce-segment/shared/jsonata/value"
)

// Limits of the preferences, so that an order with them still fits into a message. Preferences with
// more than maxCategories agree to nothing. A category whose id is longer than maxCategoryID is left
// out: Segment's ids have less than 35 characters.
const (
	maxCategories = 100
	maxCategoryID = 35
)

// consentFunction is $consent(preferences): the consent object of a Segment message, as in
// {"categoryPreferences": {"Advertising": false}}. The argument is a text of JSON, such as a
// custom field of Commerce, or an object. Its fields are the ids of categories with true or
// false. The result's own form is read too.
//
// Segment sends a message without preferences to every destination, and takes a category that
// the preferences do not have as false. So the result is undefined only if there is no
// argument, null or a blank text. Preferences that cannot be read agree to nothing.
func consentFunction(st *value.State, args []any) (any, error) {
	preferences := args[0]
	if text, ok := preferences.(string); ok {
		if strings.TrimSpace(text) == "" {
			return nil, nil
		}
		var err error
		if preferences, err = parsePreferences(st, text); err != nil {
			return nil, err
		}
	}
	if preferences == nil || preferences == value.Null {
		return nil, nil
	}
	if object, ok := preferences.(*value.Object); ok {
		// Segment's own form has the categories in an object, and a category is true or false.
		if inner, ok := object.Get("categoryPreferences").(*value.Object); ok {
			preferences = inner
		}
	}
	categories := value.NewObject(0)
	if object, ok := preferences.(*value.Object); ok && object.Len() <= maxCategories {
		for _, category := range object.Written() {
			if agreed, ok := category.Value.(bool); ok && len(category.Key) <= maxCategoryID {
				categories.Set(category.Key, agreed)
			}
		}
	}
	if err := st.AllocateObject(categories.Len()); err != nil {
		return nil, err
	}
	if err := st.AllocateObject(1); err != nil {
		return nil, err
	}
	consent := value.NewObject(1)
	consent.Set("categoryPreferences", categories)
	return consent, nil
}

// parsePreferences parses a text of JSON. For a text that is not JSON it returns false, which
// has no categories.
func parsePreferences(st *value.State, text string) (any, error) {
	const objectPerByte = value.BytesPerObject / len(`{},`)
	if err := st.Allocate(objectPerByte * len(text)); err != nil {
		return nil, err
	}
	v, err := value.FromJSON([]byte(text))
	if err != nil || v == value.Null {
		return false, nil
	}
	return v, nil
}
