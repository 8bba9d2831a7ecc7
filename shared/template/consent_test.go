package template_test

import (
	"testing"

	"commerce-segment/shared/template"
)

// Segment sends a message without preferences everywhere. So only a shopper who was not asked
// may have none: a text that cannot be read must agree to nothing.
func TestConsentIsReadSoThatNothingUnknownIsAgreedTo(t *testing.T) {
	const nothing = `{"categoryPreferences":{}}`
	for _, test := range []struct{ name, preferences, want string }{
		{"a text of JSON", `"{\"Advertising\": true, \"C0002\": false}"`, `{"categoryPreferences":{"Advertising":true,"C0002":false}}`},
		{"an object", `{"Advertising": true}`, `{"categoryPreferences":{"Advertising":true}}`},
		{"Segment's form", `"{\"categoryPreferences\": {\"Advertising\": true}}"`, `{"categoryPreferences":{"Advertising":true}}`},
		{"Segment's form with more", `{"categoryPreferences": {"Advertising": false}, "Analytics": true}`, `{"categoryPreferences":{"Advertising":false}}`},
		{"Segment's form without a category", `{"categoryPreferences": {}}`, nothing},
		{"Segment's form that cannot be read", `{"categoryPreferences": "Advertising"}`, nothing},
		{"a category of that name", `{"categoryPreferences": true}`, `{"categoryPreferences":{"categoryPreferences":true}}`},
		{"no category", `"{}"`, nothing},
		{"the field is missing", ``, ``},
		{"null", `null`, ``},
		{"a blank text", `" \n"`, ``},
		{"stars, which Commerce writes when it anonymizes", `"*****"`, nothing},
		{"a text that is not JSON", `"Advertising=true"`, nothing},
		{"the text null", `"null"`, nothing},
		{"a list", `["Advertising"]`, nothing},
		{"true", `true`, nothing},
		{"a category that is neither true nor false", `{"Advertising": "true", "Analytics": 1, "Functional": true}`, `{"categoryPreferences":{"Functional":true}}`},
		{"a category with a longer id than Segment's", `{"Advertising and everything that follows from it": true, "Functional": true}`, `{"categoryPreferences":{"Functional":true}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			input := `{}`
			if test.preferences != "" {
				input = `{"preferences": ` + test.preferences + `}`
			}
			compiled, err := template.Compile("consent", `$consent(preferences)`)
			if err != nil {
				t.Fatal(err)
			}
			got, err := compiled.Eval(t.Context(), []byte(input), nil)
			if err != nil || string(got) != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestConsentToTooManyCategoriesIsNoConsent(t *testing.T) {
	compiled, err := template.Compile("consent", `$consent($merge([1..101].{"c" & $: true}))`)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := compiled.Eval(t.Context(), nil, nil); err != nil || string(got) != `{"categoryPreferences":{}}` {
		t.Errorf("got %s, %v", got, err)
	}
}
