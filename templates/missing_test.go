package templates_test

import (
	"encoding/json"
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

// Which fields an older store leaves out, or states as null, is documented in
// part only. A template that failed over one would keep the event waiting until
// the merchant mends it; leaving the figure out keeps the rest.
func TestAnyFieldMayBeMissingOrNull(t *testing.T) {
	// The five templates of orders do the same, but for what Order Refunded asks
	// Commerce, so samples of one tracking and one of that will do.
	for _, name := range []string{
		"order-completed/account-contact", "order-completed/anonymous-id-registered", "order-completed/gift",
		"order-completed/money-off-as-custom-item", "order-completed/older-store-with-promotion",
		"order-completed/several-codes", "order-completed/tax-inclusive-discount", "order-updated/shipped", "order-refunded/partial",
		"customer-created/custom-fields", "customer-updated/deleted", "customer-updated/new-address",
	} {
		sample := sampleNamed(t, name)
		t.Run(sample.Name, func(t *testing.T) {
			t.Parallel()
			tracked, err := tracking.ByName(sample.Tracking)
			if err != nil {
				t.Fatal(err)
			}
			compiled, err := template.Compile(sample.Tracking, templates.Default(sample.Tracking))
			if err != nil {
				t.Fatal(err)
			}
			webhook := readWebhook(t, sample)
			intact, err := json.Marshal(webhook.Body)
			if err != nil {
				t.Fatal(err)
			}
			fact := segment.Fact{Tracking: tracked, ResourceID: "r", WriteKey: "k", Received: received}
			for _, place := range placesIn(webhook.Body["payload"], []string{"payload"}) {
				for _, change := range []change{{missing: true}, {to: nil}} {
					var body map[string]any
					decode(t, intact, &body)
					change.at(body, place)
					written, err := compiled.WithCommerce(sample.Commerce).Apply(t.Context(), body)
					if err == nil {
						_, err = segment.NewMessages(fact, written)
					}
					if err != nil {
						t.Errorf("with %v at %s: %v", change, strings.Join(place, "."), err)
					}
				}
			}
		})
	}
}

// change is what becomes of a field: it goes missing, or gets another value.
type change struct {
	missing bool
	to      any
}

// at makes the change at a place inside a value.
func (c change) at(value any, place []string) {
	for ; len(place) > 1; place = place[1:] {
		value = inside(value, place[0])
	}
	object, ok := value.(map[string]any)
	switch {
	case !ok:
		i, _ := strconv.Atoi(place[0])
		value.([]any)[i] = c.to
	case c.missing:
		delete(object, place[0])
	default:
		object[place[0]] = c.to
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
