package redact

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/commerce"
)

// planted are the names of fields with personal values in the samples of the templates, in
// webhooks and in the messages that are made of them.
var planted = []string{
	"city", "company_name", "county", "email", "engraving", "external_id", "external_ref", "first_name", "last_name", "line_1", "line_2",
	"loyalty_number", "phone", "phone_number", "postalCode", "postcode", "region", "shoe_size", "state", "street", "gift_message", "delivery-slot",
}

// catalogue are the names of fields that describe what was sold, and how.
var catalogue = []string{
	"amount", "currency", "event", "id", "messageId", "order_id", "price", "product_id", "quantity", "revenue", "sku", "status", "total", "transaction_type",
	"triggered_by", "type", "unit_price", "updated_at", "userId", "timestamp", "coupon", "discount_code",
}

// content is what a JSON text has in its fields.
type content struct{ personal, shown map[string]bool }

func (c content) read(value any, name, parent string) {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			c.read(field, key, name)
		}
	case []any:
		for _, item := range value {
			c.read(item, name, parent)
		}
	case json.Number:
		c.add(value.String(), name, parent)
	case string:
		c.add(value, name, parent)
	}
}

func (c content) add(text, name, parent string) {
	ofProduct := name == "name" && (parent == "items" || parent == "products")
	ofPerson := name == "name" && slices.Contains([]string{"customer", "contact", "traits"}, parent)
	switch {
	case strings.Trim(text, "* ") == "": // anonymized
	case ofPerson || slices.Contains(planted, name):
		c.personal[text] = true
	case ofProduct || slices.Contains(catalogue, name):
		c.shown[text] = true
	}
}

// contentOf reads a JSON text.
func contentOf(t *testing.T, text string) content {
	t.Helper()
	var tree any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	c := content{map[string]bool{}, map[string]bool{}}
	c.read(tree, "", "")
	if data, ok := tree.(map[string]any)["payload"].(map[string]any); ok {
		if customer, ok := data["data"].(map[string]any); ok && customer["type"] == "customer" {
			c.read(customer["name"], "name", "customer")
		}
	}
	return c
}

func TestTheSamplesShowWhatWasSoldAndNoPerson(t *testing.T) {
	files, err := filepath.Glob("../../../templates/testdata/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	people, goods := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(body)
		if webhook, err := commerce.Parse(body); err == nil { // as a page shows it
			document, err := json.Marshal(webhook.Document())
			if err != nil {
				t.Fatal(err)
			}
			text = string(document)
		}
		got, _ := New(body).JSON(text)
		before, after := contentOf(t, text), contentOf(t, got)
		delete(after.personal, Hidden)
		if len(after.personal) > 0 {
			t.Errorf("%s shows %q", file, slices.Collect(maps.Keys(after.personal)))
		}
		for shown := range before.shown {
			if !after.shown[shown] && !strings.Contains(shown, "Zoë") { // a product with the name of its buyer
				t.Errorf("%s hides %q", file, shown)
			}
		}
		maps.Copy(people, before.personal)
		maps.Copy(goods, before.shown)
	}
	for _, one := range []string{"Mara Lind", "toby@example.com", "+1 503 555 0144", "14 Quarry Road", "Für Anna", "K-208", "crm-5512", "90071992547409957", "43.5"} {
		if !people[one] {
			t.Errorf("the samples do not have the personal value %q", one)
		}
	}
	for _, one := range []string{"Two-person tent", "TENT-2P", "Order Completed", "WELCOME5,TENTS10,MUGS4,LOYAL", "KWD"} {
		if !goods[one] {
			t.Errorf("the samples do not have %q", one)
		}
	}
}
