package templates_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// The checks below calculate again, from the webhook and in whole minor units, what
// the templates calculate in JSONata. So every figure in a golden file is checked
// by something that is not the template that wrote it.

// TestFiguresWorkedOutByHand has them from pencil and paper.
func TestFiguresWorkedOutByHand(t *testing.T) {
	tests := []struct {
		sample                                  string
		total, revenue, tax, discount, shipping string
	}{
		// 249.00 + 2 × 59.50 = 368.00; 8 %: 19.92 + 9.52 = 29.44; 368 + 29.44 + 12 = 409.44
		{"order-completed/registered-customer", "409.44", "368", "29.44", "0", "12"},
		// 2 × 12.50 = 25.00; 20 %: 5.00; 25 + 5 + 3.95 = 33.95
		{"order-completed/guest", "33.95", "25", "5", "0", "3.95"},
		// 12800 + 2 × 3480 = 19760; 10 %: 1280 + 696 = 1976; 19760 + 1976 + 550 = 22286. The yen has no minor unit.
		{"order-completed/japanese-yen", "22286", "19760", "1976", "0", "550"},
		// 12.345 + 3 × 2.750 = 20.595; + 1.500 = 22.095. The dinar has thousandths.
		{"order-completed/kuwaiti-dinar", "22.095", "20.595", "0", "0", "1.5"},
		// 249.00 − 24.90 + 59.50 = 283.60; 8 %: of 224.10 17.93, of 59.50 4.76, 22.69; 283.60 + 22.69 + 12 = 318.29
		{"order-completed/line-discount", "318.29", "283.6", "22.69", "24.9", "12"},
		// 249.00 + 25.00 − 20.00 = 254.00; + 9.00 = 263.00
		{"order-completed/cart-discount-line", "263", "254", "0", "20", "9"},
		// 249.00 + 119.00 = 368.00; 15 %: 37.35 + 17.85 = 55.20; 368 − 55.20 = 312.80. The promotion's line says it again.
		{"order-completed/cart-discount-spread", "312.8", "312.8", "0", "55.2", "0"},
		// 249.00 − 24.90 − 5.00 + 50.00 − 10.00 − 5.00 = 254.10; + 7.00 = 261.10; off: 44.90
		{"order-completed/several-codes", "261.1", "254.1", "0", "44.9", "7"},
		// 249.00 − 25.00 = 224.00; 8 % of 249.00: 19.92; 243.92
		{"order-completed/money-off-as-custom-item", "243.92", "224", "19.92", "25", "0"},
		// 249.00 − 49.00 = 200.00. The older store states neither discount nor shipping.
		{"order-completed/older-store-with-promotion", "200", "200", "0", "49", ""},
		// 2 × 59.50 = 119.00; 20 %: 23.80; 119 + 23.80 + 5 = 147.80
		{"order-completed/tax-not-stated", "147.8", "119", "23.8", "0", "5"},
		// 2 × 12.00 + 30.00 = 54.00 with 20 % in it: 4.00 + 5.00 = 9.00, so 45.00 without; 54 + 5 = 59.00
		{"order-completed/tax-inclusive", "59", "45", "9", "0", "5"},
		// 30.00 − 3.00 = 27.00 with 20 % in it: 4.50, so 22.50 without
		{"order-completed/tax-inclusive-discount", "27", "22.5", "4.5", "3", "0"},
		// 30.00 − 6.00 = 24.00 with 20 % in it: 4.00. Without: 25.00 − 5.00 = 20.00
		{"order-completed/tax-inclusive-money-off", "24", "20", "4", "5", "0"},
		// 3 × 20.20 = 60.60; 7.5 %: 4.545, so 4.55; 65.15. In decimals 65.15 − 4.55 is 60.60000000000001.
		{"order-completed/float-noise", "65.15", "60.6", "4.55", "0", "0"},
		// 12.50 − 12.50
		{"order-completed/free-order", "0", "0", "0", "12.5", "0"},
		// 249.00; 8 %: 19.92; + 12.00 = 280.92
		{"checkout-started/guest", "280.92", "249", "19.92", "0", "12"},
		// 3 × 19.99 + 12.50 = 72.47; 20 %: 11.994 and 2.50, so 11.99 + 2.50 = 14.49; + 3.95 = 90.91
		{"checkout-started/registered-customer", "90.91", "72.47", "14.49", "0", "3.95"},
		// 59.50 and 8 % of it, 4.76, were refunded of 409.44. Commerce does not say what of that is tax.
		{"order-refunded/partial", "64.26", "", "", "", ""},
		// 3 × 12.345 = 37.035; 5 %: 1.85175, so 1.852; 38.887
		{"order-cancelled/kuwaiti-dinar", "38.887", "37.035", "1.852", "0", "0"},
	}
	for _, test := range tests {
		t.Run(test.sample, func(t *testing.T) {
			properties := messageOf(t, sampleNamed(t, test.sample)).Properties
			got := []string{
				number(properties, totalOf(test.sample)), number(properties, "revenue"),
				number(properties, "tax"), number(properties, "discount"), number(properties, "shipping"),
			}
			want := []string{test.total, test.revenue, test.tax, test.discount, test.shipping}
			if !slices.Equal(got, want) {
				t.Errorf("total, revenue, tax, discount, shipping: got %q, want %q", got, want)
			}
		})
	}
}

func TestWhatElseIsPromised(t *testing.T) {
	tests := []struct {
		name, sample string
		has, hasNot  string
	}{
		{"a code that a shopper typed is the coupon", "order-completed/cart-discount-spread", `"coupon":"AUTUMN15"`, ""},
		{"several codes are joined, each once, without those that Commerce made up", "order-completed/several-codes", `"coupon":"WELCOME5,TENTS10,MUGS4,LOYAL"`, "auto_"},
		{"an order without a code has no coupon", "order-completed/guest", `"order_id"`, `"coupon"`},
		{"a promotion that takes nothing off is no product", "order-completed/free-shipping-promotion", `"coupon":"SHIPFREE"`, "Free shipping"},
		{"a custom item goes by its sku", "order-completed/custom-items", `"product_id":"ENGRAVE"`, ""},
		{"a custom item without a sku still has an id", "order-completed/custom-items", `"name":"Gift wrap","position":3,"price":4,"product_id":"`, `"sku":""`},
		{"a phone is the payer's where the parcel goes there", "order-completed/registered-customer", `"phone":"+1 503 555 0144"`, ""},
		{"a phone is not the payer's where the parcel is a gift", "order-completed/gift", `"city":"Portland"`, "555"},
		{"without a billing address it is the one to ship to", "order-completed/no-billing-address", `"phone":"0113 496 0123"`, ""},
		{"an address has both of its lines, and the county for a state", "order-completed/guest", `"state":"West Yorkshire","street":"7 Mill Lane, Flat 3"`, ""},
		{"an order without an address has none", "order-completed/no-address", `"name":"Toby Achterberg"`, `"address"`},
		{"an account's order has its contact's name", "order-completed/account-contact", `"name":"Priya Raman"`, ""},
		{"what is left of a name by anonymizing is not sent", "order-updated/starred-not-flagged", `"city":"Leeds"`, "example.com"},
		{"one product is a list", "order-completed/float-noise", `"products":[{`, ""},
		{"no lines are a list", "order-completed/no-lines", `"products":[]`, ""},
		{"a checkout has the order's id for its own", "checkout-started/guest", `"checkout_id":"4a084318-0833-57f6-8a1a-12257ff371ac"`, `"total"`},
		{"a partial refund differs from a full one", "order-refunded/partial", `"payment_status":"partially_refunded"`, "-409"},
		// 59.50 and 8 % of it: 4.76
		{"what went back is what the order's transactions say", "order-refunded/partial", `"refunded_amount":64.26,"total":64.26`, "409"},
		{"without credentials nothing is said of it", "order-refunded/full", `"payment_status":"refunded"`, `"refunded_amount"`},
		{"text arrives as it was written", "order-completed/unicode", `"name":"Écharpe «Zoë» <M> & 手袋 🧣"`, `\u00`},
		{"a deleted customer has one trait", "customer-updated/deleted", `"traits":{"deleted":true}`, ""},
		{"a customer's creation is a trait", "customer-created/new-customer", `"createdAt":"2026-11-02T09:14:03.512Z","email":"mara.lind@example.com","name":"Mara Lind"`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sent := string(render(t, sampleNamed(t, test.sample)))
			if !strings.Contains(sent, test.has) {
				t.Errorf("%s does not have %s", sent, test.has)
			}
			if test.hasNot != "" && strings.Contains(sent, test.hasNot) {
				t.Errorf("%s has %s", sent, test.hasNot)
			}
		})
	}
}

func TestFiguresOfEveryOrder(t *testing.T) {
	for _, sample := range orders() {
		t.Run(sample.Name, func(t *testing.T) {
			order, lines := orderOf(t, sample)
			properties := messageOf(t, sample).Properties
			price := order.Meta.DisplayPrice
			if refunded := refundedOf(t, sample, order.ID); refunded > 0 && refunded < price["with_tax"].Amount {
				checkPart(t, properties, decimal(refunded, price["with_tax"].Currency))
				return
			}
			currency := price["with_tax"].Currency
			if currency == "" {
				currency = lines[0].UnitPrice.Currency
			}

			total := price["with_tax"].Amount
			tax := total - price["without_tax"].Amount
			if stated := price["tax"]; stated != nil {
				tax = stated.Amount
			}
			shipping := int64(0)
			if stated := price["shipping"]; stated != nil {
				shipping = stated.Amount
				check(t, properties, "shipping", decimal(shipping, currency))
			} else {
				check(t, properties, "shipping", "")
			}
			discount, known := discountOf(price, lines)
			if known {
				check(t, properties, "discount", decimal(discount, currency))
			} else {
				check(t, properties, "discount", "")
			}
			check(t, properties, totalOf(sample.Name), decimal(total, currency))
			check(t, properties, "tax", decimal(tax, currency))
			revenue := decimal(total-tax-shipping, currency)
			if tracked, err := tracking.ByName(sample.Tracking); err != nil || tracked.Optional {
				revenue = "" // Order Completed has it
			}
			check(t, properties, "revenue", revenue)
			if properties["currency"] != currency || !regexp.MustCompile(`^[A-Z]{3}$`).MatchString(currency) {
				t.Errorf("currency: got %v, want %s", properties["currency"], currency)
			}

			sum := checkProducts(t, properties["products"], lines, currency)
			// What analysts add up: products − discount + tax + shipping = total.
			if len(lines) > 0 && sum-discount+tax+shipping != total {
				t.Errorf("products %d − discount %d + tax %d + shipping %d is %d, not the total %d",
					sum, discount, tax, shipping, sum-discount+tax+shipping, total)
			}
		})
	}
}

// checkPart checks the figures of a partial refund: they must not include a figure of
// the whole order, which a destination would take for one of the refund.
func checkPart(t *testing.T, properties map[string]any, refunded string) {
	t.Helper()
	for name, want := range map[string]string{
		"total": refunded, "refunded_amount": refunded, "payment_status": "partially_refunded", "products": "[]",
		"revenue": "", "tax": "", "shipping": "", "discount": "",
	} {
		check(t, properties, name, want)
	}
}

// refundedOf returns the amount in minor units that the transactions of a sample show
// as refunded.
func refundedOf(t *testing.T, sample templates.Sample, orderID string) (sum int64) {
	t.Helper()
	answer := sample.Answers["/v2/orders/"+orderID+"/transactions"]
	if answer == nil {
		return 0
	}
	var read struct {
		Data []struct {
			Refunded int64 `json:"refunded_amount"`
		}
	}
	decode(t, answer, &read)
	for _, transaction := range read.Data {
		sum += transaction.Refunded
	}
	return sum
}

// discountOf is what was taken off, positive, in minor units. It is not known
// where neither the order nor a line says.
func discountOf(price map[string]*amount, lines []line) (off int64, known bool) {
	if stated := price["discount"]; stated != nil {
		off, known = -stated.Amount, true
	}
	for _, l := range lines {
		if l.isProduct() || l.Type == "promotion_item" && price["discount"] != nil {
			continue
		}
		off, known = off-l.Meta.DisplayPrice["without_tax"].Value.Amount, true
	}
	return off, known
}

// checkProducts holds properties.products against the lines and returns the sum
// of price × quantity in minor units.
func checkProducts(t *testing.T, got any, lines []line, currency string) (sum int64) {
	t.Helper()
	products, ok := got.([]any)
	if !ok {
		t.Fatalf("products is not a list: %v", got)
	}
	bought := slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return !l.isProduct() })
	if len(products) != len(bought) {
		t.Fatalf("got %d products, want %d", len(products), len(bought))
	}
	for i, l := range bought {
		product := products[i].(map[string]any)
		price := l.UnitPrice.Amount
		if l.UnitPrice.IncludesTax {
			price = l.Meta.DisplayPrice["without_tax"].Unit.Amount
			if discount := l.Meta.DisplayPrice["discount"]; discount != nil {
				price -= discount.Unit.Amount
			}
		}
		sum += price * l.Quantity
		if price < 0 {
			t.Errorf("product %d costs less than nothing", i)
		}
		check(t, product, "price", decimal(price, currency))
		check(t, product, "quantity", fmt.Sprint(l.Quantity))
		check(t, product, "position", fmt.Sprint(i+1))
		if id, _ := product["product_id"].(string); id == "" || l.ProductID != "" && id != l.ProductID {
			t.Errorf("product %d: got product_id %q, want %q, or where that is empty something else", i, id, l.ProductID)
		}
		if product["name"] != l.Name {
			t.Errorf("product %d: got name %v, want %s", i, product["name"], l.Name)
		}
		if sku, _ := product["sku"].(string); sku != l.SKU {
			t.Errorf("product %d: got sku %v, want %s", i, product["sku"], l.SKU)
		}
	}
	return sum
}

// A sample whose lines do not add up to its order would prove nothing.
func TestSamplesAddUp(t *testing.T) {
	for _, sample := range orders() {
		order, lines := orderOf(t, sample)
		if len(lines) == 0 {
			continue
		}
		inLines := map[string]bool{} // promotions whose discount the lines have already
		for _, l := range lines {
			for _, discount := range l.Discounts {
				inLines[discount.Code] = inLines[discount.Code] || discount.IsCartDiscount
			}
		}
		price := order.Meta.DisplayPrice
		shipping := int64(0)
		if stated := price["shipping"]; stated != nil {
			shipping = stated.Amount
		}
		net, gross := shipping, shipping
		for _, l := range lines {
			if !inLines[l.SKU] {
				net += l.Meta.DisplayPrice["without_tax"].Value.Amount
				gross += l.Meta.DisplayPrice["with_tax"].Value.Amount
			}
		}
		if price["shipping"] == nil && strings.HasSuffix(sample.Name, "/null-fields") {
			continue // its shipping is null, so its lines cannot tell
		}
		if net != price["without_tax"].Amount || gross != price["with_tax"].Amount {
			t.Errorf("%s: its lines and shipping add up to %d and with tax %d, its order says %d and %d",
				sample.Name, net, gross, price["without_tax"].Amount, price["with_tax"].Amount)
		}
	}
}

func TestWhoItWas(t *testing.T) {
	for _, sample := range templates.Samples() {
		t.Run(sample.Name, func(t *testing.T) {
			got := messageOf(t, sample)
			tracked, err := tracking.ByName(sample.Tracking)
			if err != nil {
				t.Fatal(err)
			}
			resource := readWebhook(t, sample).ResourceID
			switch tracked.Resource() {
			case "order":
			case "customer":
				if got.UserID != resource {
					t.Errorf("userId: got %q, want the customer's id %q", got.UserID, resource)
				}
				return
			default: // a user is never invented
				isInWebhook := got.UserID != "" && bytes.Contains(sample.Body, []byte(`"`+got.UserID+`"`))
				if isAnonymous := got.UserID == "" && got.AnonymousID == resource; !isInWebhook && !isAnonymous {
					t.Errorf("userId: got %q, anonymousId %q, want an id of the webhook", got.UserID, got.AnonymousID)
				}
				return
			}
			order, _ := orderOf(t, sample)
			want := order.ID
			if customer := order.Relationships.Customer; customer != nil {
				want = customer.Data.ID
			}
			if got.UserID != want {
				t.Errorf("userId: got %q, want %q", got.UserID, want)
			}
			anonymous, _ := order.AnonymousID.(string)
			if order.Anonymized || strings.Contains(anonymous, "*") {
				anonymous = ""
			}
			if got.AnonymousID != anonymous {
				t.Errorf("anonymousId: got %q, want %q", got.AnonymousID, anonymous)
			}
		})
	}
}

// Commerce replaces what is personal by stars when an order is anonymized. They
// must not overwrite a profile, and nothing that it left must be sent.
func TestNothingPersonalOfAnonymizedOrders(t *testing.T) {
	seen := 0
	for _, sample := range orders() {
		order, _ := orderOf(t, sample)
		if !order.Anonymized {
			continue
		}
		seen++
		sent := string(render(t, sample))
		personal := append([]string{"*", `"context"`, `"traits"`, `"anonymousId"`}, textsIn(order.Customer, order.Contact, order.BillingAddress, order.ShippingAddress)...)
		for _, text := range personal {
			if strings.Contains(sent, text) {
				t.Errorf("%s sends %q", sample.Name, text)
			}
		}
	}
	if seen < 3 {
		t.Errorf("there are %d anonymized samples", seen)
	}
}

func TestStarsAreNeverSentAsTraits(t *testing.T) {
	for _, sample := range orders() {
		if traits, err := json.Marshal(messageOf(t, sample).Context); err != nil || bytes.Contains(traits, []byte("*")) {
			t.Errorf("%s: %s, %v", sample.Name, traits, err)
		}
	}
}

func TestNoSecretIsSent(t *testing.T) {
	for _, sample := range templates.Samples() {
		if !bytes.Contains(sample.Body, []byte(`"secret_key": "not-a-real-secret"`)) {
			t.Errorf("%s has no secret, so it proves nothing", sample.Name)
		}
		sent := render(t, sample)
		for _, text := range []string{"configuration", "secret"} {
			if bytes.Contains(sent, []byte(text)) {
				t.Errorf("%s sends %q", sample.Name, text)
			}
		}
	}
}

// A destination may take null for "delete this", and a person for a mistake.
func TestNoNullAndNoEmptyTextIsSent(t *testing.T) {
	for _, sample := range templates.Samples() {
		sent := render(t, sample)
		for _, text := range []string{":null", `:""`, "[null", ":{}"} {
			if bytes.Contains(sent, []byte(text)) {
				t.Errorf("%s sends %s", sample.Name, text)
			}
		}
	}
}

// message is a message as Segment reads it.
type message struct {
	Type        string         `json:"type"`
	Event       string         `json:"event"`
	UserID      string         `json:"userId"`
	AnonymousID string         `json:"anonymousId"`
	Properties  map[string]any `json:"properties"`
	Context     map[string]any `json:"context"`
}

// messageOf is the one message that a sample becomes.
func messageOf(t *testing.T, sample templates.Sample) message {
	t.Helper()
	var sent struct {
		Batch []message `json:"batch"`
	}
	decode(t, render(t, sample), &sent)
	if len(sent.Batch) != 1 {
		t.Fatalf("%s: got %d messages, want 1", sample.Name, len(sent.Batch))
	}
	return sent.Batch[0]
}

// order and line are what the checks read of a webhook.
type order struct {
	ID          string
	Anonymized  bool
	AnonymousID any `json:"segment_anonymous_id"`
	Customer    map[string]any
	Contact     map[string]any

	BillingAddress  map[string]any `json:"billing_address"`
	ShippingAddress map[string]any `json:"shipping_address"`

	Meta struct {
		DisplayPrice map[string]*amount `json:"display_price"`
	}
	Relationships struct {
		Customer *struct{ Data struct{ ID string } }
	}
}

type line struct {
	Type, Name, SKU string
	ProductID       string `json:"product_id"`
	Quantity        int64
	UnitPrice       struct {
		amount
		IncludesTax bool `json:"includes_tax"`
	} `json:"unit_price"`
	Discounts []struct {
		Code           string
		IsCartDiscount bool `json:"is_cart_discount"`
	}
	Meta struct {
		DisplayPrice map[string]*struct{ Unit, Value amount } `json:"display_price"`
	}
}

type amount struct {
	Amount   int64
	Currency string
}

func (l line) isProduct() bool { return l.Type != "promotion_item" && l.UnitPrice.Amount >= 0 }

// orderOf reads a sample without the code that it is to check.
func orderOf(t *testing.T, sample templates.Sample) (order, []line) {
	t.Helper()
	var webhook struct{ Payload, Resources json.RawMessage }
	decode(t, sample.Body, &webhook)
	payload := []byte(webhook.Payload)
	if payload == nil {
		var text string
		decode(t, webhook.Resources, &text)
		payload = []byte(text)
	}
	var read struct {
		Data     order
		Included struct{ Items []line }
	}
	decode(t, payload, &read)
	return read.Data, read.Included.Items
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

// orders are the samples of the five trackings of orders.
func orders() []templates.Sample {
	return slices.DeleteFunc(templates.Samples(), func(s templates.Sample) bool {
		return !strings.HasPrefix(s.Tracking, "order-") && s.Tracking != "checkout-started"
	})
}

func sampleNamed(t *testing.T, name string) templates.Sample {
	t.Helper()
	for _, sample := range templates.Samples() {
		if sample.Name == name {
			return sample
		}
	}
	t.Fatalf("there is no sample %s", name)
	return templates.Sample{}
}

// totalOf is the property that a sample's total is in.
func totalOf(sample string) string {
	if strings.HasPrefix(sample, "checkout-started/") {
		return "value"
	}
	return "total"
}

// decimal writes minor units as the shortest decimal in major units.
func decimal(minor int64, currency string) string {
	places := map[string]int{"JPY": 0, "KWD": 3, "USD": 2, "GBP": 2, "EUR": 2}[currency]
	digits := fmt.Sprintf("%0*d", places+1, minor)
	whole, fraction := digits[:len(digits)-places], strings.TrimRight(digits[len(digits)-places:], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// number is a number as it was written; empty where it is absent.
func number(fields map[string]any, name string) string {
	if fields[name] == nil {
		return ""
	}
	return fmt.Sprint(fields[name])
}

func check(t *testing.T, fields map[string]any, name, want string) {
	t.Helper()
	if got := number(fields, name); got != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// textsIn lists the texts in objects, without those that say nothing.
func textsIn(objects ...map[string]any) (texts []string) {
	for _, object := range objects {
		for _, value := range object {
			if text, ok := value.(string); ok && len(text) > 2 && text != "*" {
				texts = append(texts, text)
			}
		}
	}
	return texts
}
