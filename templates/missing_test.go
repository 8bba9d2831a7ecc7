package templates_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// The documentation lists only some of the fields that an older store leaves out or
// sets to null, and programs of the store write custom items and discounts. A template
// that fails because of one field would keep the whole event waiting.
func TestAFieldOfAnotherKindIsLeftOutAndFailsNothing(t *testing.T) {
	changes := []change{{missing: true}, {twice: true}}
	for _, to := range []any{nil, true, json.Number("7"), "x", "", map[string]any{}, []any{}, []any{[]any{json.Number("1")}}} {
		changes = append(changes, change{to: to})
	}
	for _, tracked := range tracking.All() {
		t.Run(tracked.Name, func(t *testing.T) {
			t.Parallel()
			source := templates.Default(tracked.Name)
			compiled, err := template.Compile(tracked.Name, source)
			if err != nil {
				t.Fatal(err)
			}
			fact := segment.Fact{Tracking: tracked, ResourceID: "r", WriteKey: "k", Received: received}
			tried := map[string]int{}
			for _, sample := range templates.Samples() {
				if sample.Tracking != tracked.Name {
					continue
				}
				compiled := compiled.WithCommerce(sample.Commerce)
				document := readWebhook(t, sample).Document()
				for _, place := range placesIn(document["payload"], []string{"payload"}) {
					if !mayMatter(document, place, source, tried) {
						continue
					}
					for _, change := range changes {
						body := copyOf(document)
						change.at(body, place)
						written, err := compiled.Apply(t.Context(), inputOf(t, body))
						if err == nil {
							_, err = segment.NewMessages(fact, written)
						}
						// A deletion is filtered if the order is not known to be a guest's or anonymized.
						if err == nil && (len(written) > 0 || tracked.Call != tracking.Delete) {
							err = checkKinds("", written)
						}
						if err != nil {
							t.Errorf("%s with %v at %s: %v", sample.Name, change, strings.Join(place, "."), err)
						}
					}
				}
			}
		})
	}
}

// A program of the store writes custom items and custom discounts, and may write a code
// of digits as a number.
func TestCodesOfAnyKindMakeACoupon(t *testing.T) {
	compiled, err := template.Compile("order-completed", templates.Default("order-completed"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, codes string
		want        any
	}{
		{"a text", `["SPRING"]`, "SPRING"},
		{"digits as a text", `["0815"]`, "0815"},
		{"a number", `[2024]`, "2024"},
		{"a number longer than a double holds", `[90071992547409931]`, "90071992547409931"},
		{"a number with a fraction", `[7.5]`, "7.5"},
		{"the same code as a number and as a text", `[2024, "2024"]`, "2024"},
		{"numbers among texts", `["A", 1, "B"]`, "A,1,B"},
		{"null", `[null]`, nil},
		{"a boolean", `[true]`, nil},
		{"an empty text", `[""]`, nil},
		{"an object", `[{"code": "A"}]`, nil},
		{"a list", `[["A"]]`, "A"},
		{"lists of lists", `[[["A"]]]`, nil},
		{"what is no code among codes", `[null, "A", false, {}, "B"]`, "A,B"},
		{"a code of an automatic promotion", `["auto_1", "A"]`, "A"},
		{"no code", `[]`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := readWebhook(t, sampleNamed(t, "order-completed/guest")).Document()
			var codes []any
			decode(t, []byte(test.codes), &codes)
			discounts := make([]any, len(codes))
			for i, code := range codes {
				discounts[i] = map[string]any{"code": code}
			}
			inside(inside(inside(inside(body, "payload"), "included"), "items"), "0").(map[string]any)["discounts"] = discounts
			written, err := compiled.Apply(t.Context(), inputOf(t, body))
			if err != nil {
				t.Fatal(err)
			}
			if got := inside(written[0]["properties"], "coupon"); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// mayMatter reports whether a template may read a value at a place, and fewer than two
// similar places were tried. It leaves out the id of the order or customer: a webhook
// without it is refused before a template receives it.
func mayMatter(body map[string]any, place []string, source string, tried map[string]int) bool {
	name := place[len(place)-1]
	if len(place) == 2 || name == "id" && len(place) == 3 || !isIndex(name) && !strings.Contains(source, name) {
		return false
	}
	like, value := "", any(body)
	for _, key := range place {
		value = inside(value, key)
		if object, ok := value.(map[string]any); ok && isIndex(key) {
			key = fmt.Sprint(object["type"])
		}
		like += "." + key
	}
	tried[like]++
	return tried[like] <= 2
}

// checkKinds reports a value of a message whose kind does not match its name.
func checkKinds(name string, value any) error {
	numbers := []string{"total", "value", "revenue", "tax", "discount", "shipping", "refunded_amount", "price", "quantity", "position"}
	objects := []string{"", "products", "properties", "context", "traits", "address", "consent", "categoryPreferences"}
	right := false
	switch value := value.(type) {
	case float64:
		right = slices.Contains(numbers, name)
	case string:
		right = value != "" && !slices.Contains(numbers, name) && !slices.Contains(objects, name)
	case bool:
		right = slices.Contains([]string{"deleted", "Advertising", "Analytics"}, name)
	case map[string]any:
		for key, inner := range value {
			if err := checkKinds(key, inner); err != nil {
				return err
			}
		}
		right = slices.Contains(objects, name)
	case []map[string]any:
		return checkKinds(name, value[0])
	case []any:
		for _, inner := range value {
			if err := checkKinds(name, inner); err != nil {
				return err
			}
		}
		right = name == "products"
	}
	if !right {
		return fmt.Errorf("the message has %q: %v, a %[2]T", name, value)
	}
	return nil
}

func isIndex(key string) bool {
	_, err := strconv.Atoi(key)
	return err == nil
}

// copyOf copies JSON, because a template may change its input.
func copyOf[T any](value T) T {
	switch value := any(value).(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, inner := range value {
			copied[key] = copyOf(inner)
		}
		return any(copied).(T)
	case []any:
		copied := make([]any, len(value))
		for i, inner := range value {
			copied[i] = copyOf(inner)
		}
		return any(copied).(T)
	}
	return value
}

// change is the change of a field: it is removed, becomes a list with the value twice,
// or gets another value.
type change struct {
	missing bool
	twice   bool // in a list
	to      any
}

// at makes the change at a place inside a value.
func (c change) at(value any, place []string) {
	for ; len(place) > 1; place = place[1:] {
		value = inside(value, place[0])
	}
	if c.twice {
		c.to = []any{inside(value, place[0]), inside(value, place[0])}
	}
	object, ok := value.(map[string]any)
	switch {
	case !ok:
		i, _ := strconv.Atoi(place[0])
		value.([]any)[i] = copyOf(c.to)
	case c.missing:
		delete(object, place[0])
	default:
		object[place[0]] = copyOf(c.to)
	}
}

func inside(value any, key string) any {
	if object, ok := value.(map[string]any); ok {
		return object[key]
	}
	i, _ := strconv.Atoi(key)
	return value.([]any)[i]
}

// placesIn lists the places inside a value, each as the keys and indexes that
// lead there.
func placesIn(value any, from []string) (places [][]string) {
	inside := func(key string, inner any) {
		place := append(slices.Clone(from), key)
		places = append(append(places, place), placesIn(inner, place)...)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			inside(key, value[key])
		}
	case []any:
		for i, inner := range value {
			inside(strconv.Itoa(i), inner)
		}
	}
	return places
}
