package commerce_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/turn"
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

// worst are elements that take much memory for their bytes, and how many values each is.
var worst = []struct {
	name, element string
	values        int
}{
	{"numbers", `12345678`, 1},
	{"texts", `"12345"`, 1},
	{"empty objects", `{}`, 1},
	{"empty lists", `[]`, 1},
	{"lists of one", `[1]`, 2},
	{"lists of a list", `[[]]`, 2},
	{"objects of one", `{"":1}`, 2},
	{"objects of an object", `{"a":{}}`, 2},
	{"objects of a list", `{"a":[1]}`, 3},
	{"objects of two", `{"a":1,"b":2}`, 3},
	{"objects of nine", `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`, 10},
	{"objects of twenty", `{` + strings.Join(fields(20), ",") + `}`, 21},
}

// TestAnAcceptedBodyFitsIntoTheMemoryOfAFunction checks that MaxValues is low enough: a
// function has 256 MB, and needs memory for other things too.
func TestAnAcceptedBodyFitsIntoTheMemoryOfAFunction(t *testing.T) {
	const most = 100 << 20
	const values = commerce.MaxValues - 20 // the rest is around them
	bodies := map[string]string{"fields": `{` + strings.Join(fields(values), ",") + `}`}
	for _, w := range worst {
		bodies[w.name] = list(w.element, values/w.values)
	}
	for name, items := range bodies {
		body := webhook("order.paid", `"payload":{"data":{"id":"1","l":`+items+`}}`)
		if len(body) > 6<<20 {
			t.Fatalf("%s: a body of %d bytes is too large to arrive", name, len(body))
		}
		held := heldBy(t, body)
		t.Logf("%s: %d bytes for a value, %d MB in all", name, held/values, held>>20)
		if held > most {
			t.Errorf("%s take %d MB, want at most %d", name, held>>20, most>>20)
		}
	}
}

// TestASmallBodyTakesLittle checks that turn.SmallBody is low enough: a hub delivers up to 35
// such bodies at the same time.
func TestASmallBodyTakesLittle(t *testing.T) {
	const most = 2 << 20
	for _, w := range worst {
		body := webhook("order.paid", `"payload":{"data":{"id":"1","l":`+list(w.element, (turn.SmallBody-500)/(len(w.element)+1))+`}}`)
		if len(body) > turn.SmallBody {
			t.Fatalf("%s: a body of %d bytes is not small", w.name, len(body))
		}
		held := heldBy(t, body)
		t.Logf("%s: %d KB", w.name, held>>10)
		if held > most {
			t.Errorf("%s take %d KB, want at most %d", w.name, held>>10, most>>10)
		}
	}
}

// heldBy returns how much memory a body takes as a webhook and as a template's input.
func heldBy(t *testing.T, body []byte) int {
	t.Helper()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w, err := commerce.Parse(body)
	input, inputErr := w.Input()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err := errors.Join(err, inputErr); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(w)
	runtime.KeepAlive(input)
	return int(after.HeapAlloc) - int(before.HeapAlloc)
}

// fields returns this number of members of an object.
func fields(count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf(`"%x":1`, i)
	}
	return all
}
