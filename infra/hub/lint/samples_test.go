package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// variants returns the findings of LintThoroughly for a template in variants of
// samples.
func variants(t *testing.T, tracked tracking.Tracking, source string) []string {
	t.Helper()
	compiled, err := template.Compile("mine", source)
	if err != nil {
		t.Fatal(err)
	}
	samples := templates.SamplesOf(tracked.Name)
	faults, err := LintThoroughly(t.Context(), tracked, compiled, samples)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range faults {
		if f.Rule == "variant" {
			found = append(found, fmt.Sprintf("%s: %s: %s", f.Path, f.Wrong, f.Instead))
		}
	}
	return found
}

// Each template fails, or writes what Segment does not accept, if one value in the
// webhook differs from the samples.
func TestEachKindOfVariantIsTried(t *testing.T) {
	const (
		fails = `$number("x")`
		name  = `payload.data.name`
		items = `payload.included.items`
	)
	when := func(condition string) string { return condition + " ? " + fails }
	customer, order := tracking.CustomerCreated, tracking.OrderCancelled // few samples
	for _, c := range []struct {
		what    string
		tracked tracking.Tracking
		source  string
		want    string // the beginning of a finding
	}{
		{"a field is missing", customer, when(`$not($exists(` + name + `))`), name + ": when it is missing, the template fails: "},
		{"a field is null", customer, when(name + ` = null`), name + ": when it is null, "},
		{"a text is empty", customer, when(name + ` = ""`), name + ": when it is an empty text, "},
		{"a number where a text is expected", customer, `$uppercase($string(` + name + `) = "12" ? ` + name + `)`, name + ": when it is a number, "},
		{"CR LF in a text", customer, when(`$contains($string(` + name + `), "\r\n")`), name + ": when it has CR LF in it, "},
		{"a CR in a text", customer, when(`$contains($string(` + name + `), /\r[^\n]/)`), name + ": when it has a CR in it, "},
		{"U+2028 in a text", customer, when(`$contains($string(` + name + `), "\u2028")`), name + ": when it has U+2028 in it, "},
		{"U+2029 in a text", customer, when(`$contains($string(` + name + `), "\u2029")`), name + ": when it has U+2029 in it, "},
		{"an emoji in a text", customer, when(`$contains($string(` + name + `), "👧")`), name + ": when it has an emoji in it, "},
		{"a NUL in a text", customer, when(`$contains($string(` + name + `), "\u0000")`), name + ": when it has a NUL in it, "},
		{"right-to-left marks in a text", customer, when(`$contains($string(` + name + `), "\u200f")`), name + ": when it has right-to-left marks in it, "},
		{"letters that regular expressions fold", customer, when(`$contains($string(` + name + `), "\u212a")`), name + ": when it has U+017F or U+212A in it, "},
		{"several of these together", customer, when(`$contains($string(` + name + `), "\r") and $contains($string(` + name + `), "👧")`), name + ": when it has line ends, an emoji, "},
		{"a text where a number is expected", order, when(`"string" in ` + items + `.$type(quantity)`), "payload.included.items[].quantity: when it is a text, "},
		{"a number that is 0", order, when(`0 in ` + items + `.quantity`), "payload.included.items[].quantity: when it is 0, "},
		{"a text where a flag is expected", order, when(`$type(payload.data.anonymized) = "string"`), "payload.data.anonymized: when it is a text, "},
		{"an object is empty", order, when(`payload.data.customer = {}`), "payload.data.customer: when it is an empty object, "},
		{"a list is empty", order, when(`payload.included.items = []`), "payload.included.items: when it is an empty list, "},
		{"an order of one line", tracking.OrderRefunded, when(`$count(` + items + `.sku) = 1`), "payload.included.items: when it has one element"},
		{"an order of 500 lines", order, when(`$count(` + items + `) >= 500`), "payload.included.items: when it has 500 elements, "},
		{"an element is null", order, when(`$type(` + items + `) = "array" and null in ` + items), "payload.included.items[]: when it is null, "},
		{"a field that no sample has is a number", order, when(`$type(payload.data.gift_note) in ["null", "number"]`), "payload.data.gift_note: when it is null or is a number, "},
		{"a field that no sample has has a NUL in it", order, when(`$contains($string(payload.data.gift_note), "\u0000")`), "payload.data.gift_note: when it has a NUL in it, "},
		{"a field of lines that no sample has is null", order, when(`null in ` + items + `.engraving`), "payload.included.items[].engraving: when it is null, "},
		{"the id of a customer is null", order, `{"event": "X", "userId": $string(payload.data.customer.id)}`,
			`payload.data.customer.id: when it is null, the output is wrong: userId is the text "null", which merges all people who have it into one: write an id only`},
		{"the id of a user is a number", customer, `{"userId": ` + name + `, "traits": {"a": 1}}`, name + ": when it is a number, the output is wrong: userId is a number: wrap it in $string()"},
		{"a product's id is null", order, `{"event": "X", "properties": {"products": [` + items + `.{"product_id": $string(product_id)}]}}`,
			`payload.included.items[].product_id: when it is null, the output is wrong: properties.products[].product_id is the text "null"`},
		{"Commerce answers a text for a number", tracking.OrderRefunded, `$sum($commerce("/v2/orders/" & payload.data.id & "/transactions").data.refunded_amount)`,
			"$commerce./v2/orders/…/transactions.data[].refunded_amount: when it is null or is a text, "},
		{"several places of one consequence", customer, when(`payload.data.email = "" or ` + name + ` = null`), "payload.data.email: when it is an empty text (and likewise for payload.data.name), "},
	} {
		t.Run(c.what, func(t *testing.T) {
			found := variants(t, c.tracked, c.source)
			if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, c.want) }) {
				t.Errorf("got %q\nwant %s…", found, c.want)
			}
		})
	}
}

func TestVariantsThatHaveNoFindings(t *testing.T) {
	for _, c := range []struct{ what, source string }{
		{"without an order's id, Commerce's webhook is rejected", `$exists(payload.data.id) and $type(payload.data.id) = "string" ? {"event": "a"} : $number("x")`},
		{"an error that the template raises itself", `$assert($exists(payload.data.order_number), "no order number"); payload.data.customer.name = "" ? $error("no name")`},
		{"ids and times have no strange characters", `$contains(payload.data.id & payload.included.items[0].product_id & payload.data.meta.timestamps.created_at, /[^\x20-\x7e]/) ? $number("x")`},
		{"ids and times are no numbers", `"number" in [payload.included.items[0].product_id, payload.data.meta.timestamps.created_at].$type($) ? $number("x")`},
		{"a template that fails in every way it can, and so with the samples", `$number("x")`},
		{"products that are left out of a long order", `{"event": "a", "properties": {"products": [payload.included.items.{"name": $pad("", 400)}]}}`},
		{"a template that filters", `payload.nothing`},
	} {
		t.Run(c.what, func(t *testing.T) {
			if found := variants(t, tracking.OrderCancelled, "("+c.source+")"); len(found) > 0 {
				t.Errorf("got %q", found)
			}
		})
	}
}
