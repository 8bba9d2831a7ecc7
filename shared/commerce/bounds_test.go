package commerce_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"commerce-segment/shared/commerce"
)

// list returns a JSON list of the same element many times.
func list(element string, times int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", times), ",") + "]"
}

// line is the smallest line of an order that Commerce writes: 32 values in 519 bytes.
const line = `{"type":"order_item","id":"395763ee-1878-4aa0-a7a2-000000001000","quantity":2,"name":"Lamp","sku":"lamp-1000",` +
	`"product_id":"4f28f222-aa5b-442c-9ce9-000000001000","unit_price":{"amount":1999,"currency":"GBP","includes_tax":true},` +
	`"value":{"amount":3998,"currency":"GBP","includes_tax":true},"links":{},"meta":{"display_price":{` +
	`"with_tax":{"unit":{"amount":1999,"currency":"GBP"},"value":{"amount":3998,"currency":"GBP"}},` +
	`"without_tax":{"unit":{"amount":1666,"currency":"GBP"},"value":{"amount":3332,"currency":"GBP"}}}}}`

// TestAnOrderOfTheLargestSizeIsAccepted fails if MaxValues is too low. Then the order of a
// wholesaler would be rejected and lost.
func TestAnOrderOfTheLargestSizeIsAccepted(t *testing.T) {
	const lines = 10_000
	body := webhook("order.paid", `"payload":{"data":{"id":"1"},"included":{"items":`+list(line, lines)+`}}`)
	if len(body) < 5_000_000 {
		t.Fatalf("the order has %d bytes: it must be about as large as the largest body that can arrive, 6 MB", len(body))
	}
	w, err := commerce.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	items := w.Document()["payload"].(map[string]any)["included"].(map[string]any)["items"].([]any)
	if len(items) != lines {
		t.Errorf("it has %d lines, want %d", len(items), lines)
	}
}

// TestABodyOfTooManyTinyValuesIsRejected tests bodies that are small enough to arrive and
// would fill the memory of a function.
func TestABodyOfTooManyTinyValuesIsRejected(t *testing.T) {
	for name, payload := range map[string]string{
		"numbers":         `{"data":{"id":"1","l":` + list("1", 3_000_000) + `}}`,
		"empty objects":   `{"data":{"id":"1","l":` + list("{}", 2_000_000) + `}}`,
		"objects of one":  `{"data":{"id":"1","l":` + list(`{"":1}`, 850_000) + `}}`,
		"just one more":   `{"data":{"id":"1","l":` + list("[]", commerce.MaxValues) + `}}`,
		"lists of a list": `{"data":{"id":"1","l":` + list("[[]]", 1_200_000) + `}}`,
	} {
		for form, body := range map[string][]byte{
			"a payload":   webhook("order.paid", `"payload":`+payload),
			"a resources": webhook("order.paid", `"resources":`+quote(payload)),
		} {
			var refused *commerce.Error
			if _, _, err := commerce.Check(body); !errors.As(err, &refused) || refused.Code != commerce.TooMany {
				t.Errorf("%s with %s: got error %v, want the code %s", form, name, err, commerce.TooMany)
			}
		}
	}
}

// TestAnAcceptedBodyFitsIntoTheMemoryOfAFunction checks that MaxValues is low enough: a
// function has 256 MB, and needs memory for other things too.
func TestAnAcceptedBodyFitsIntoTheMemoryOfAFunction(t *testing.T) {
	const most = 100 << 20
	const values = commerce.MaxValues - 20 // the rest is around them
	for name, items := range map[string]string{
		"numbers":        list("12345678", values),
		"texts":          list(`"12345"`, values),
		"empty objects":  list("{}", values),
		"objects of one": list(`{"":1}`, values/2),
		"objects of two": list(`{"a":1,"b":2}`, values/3),
		"fields":         `{` + strings.TrimSuffix(strings.Join(fields(values), ","), ",") + `}`,
	} {
		body := webhook("order.paid", `"payload":{"data":{"id":"1","l":`+items+`}}`)
		if len(body) > 6<<20 {
			t.Fatalf("%s: a body of %d bytes is too large to arrive", name, len(body))
		}
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w, err := commerce.Parse(body)
		input, inputErr := w.Input()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if err := errors.Join(err, inputErr); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if held := after.HeapAlloc - before.HeapAlloc; held > most {
			t.Errorf("%s take %d MB, want at most %d", name, held>>20, most>>20)
		}
		runtime.KeepAlive(w)
		runtime.KeepAlive(input)
	}
}

// fields returns this number of members of an object.
func fields(count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf(`"%x":1`, i)
	}
	return all
}
