package lint_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/hub/lint"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// What is said about a default template that is right costs its reader's trust.
func TestTheDefaultTemplatesHaveNoFault(t *testing.T) {
	samples := templates.Samples()
	if len(samples) < 69 {
		t.Errorf("there are %d samples", len(samples))
	}
	for _, sample := range samples {
		if findings := check(t, sample.Name, templates.Default(sample.Tracking)); len(findings) > 0 {
			t.Errorf("%s: %+v", sample.Name, findings)
		}
	}
}

// fault is a mistake in a default template, and what is to be found of it.
type fault struct {
	name, sample string
	right, wrong string // instead of what is right the template has what is wrong
	want         string // rule and path of each finding
	says         string // a part of what the first one says
}

const (
	registered = "order-completed/registered-customer" // 249.00 + 2 × 59.50 = 368.00 USD; tax 29.44; shipping 12.00; total 409.44
	inclusive  = "order-completed/tax-inclusive"

	productID = `"product_id": $line.(product_id ?: sku ?: subscription_offering_id ?: name ?: id),`
)

var faults = []fault{
	{"a total as text", registered, `"total": $decimal($total)`, `"total": $string($decimal($total))`,
		"not_a_number properties.total", "is a text"},
	{"a price as text", "order-completed/float-noise", `: $minor($line.unit_price)),`, `: $minor($line.unit_price)) & "",`,
		"not_a_number properties.products[0].price", "is a text"},
	{"a quantity as text", "order-completed/float-noise", `"quantity": $line.quantity`, `"quantity": $string($line.quantity)`,
		"not_a_number properties.products[0].quantity", "is a text"},
	{"a price that is an object", "order-completed/float-noise", `"price": $decimal(`, `"price": $line.unit_price, "was": $decimal(`,
		"not_a_number properties.products[0].price", "is an object"},

	{"a total in minor units", registered, `"total": $decimal($total)`, `"total": $total`,
		"minor_units properties.total", "is 40944, and the order's amount of 40944 minor units is 409.44 in USD"},
	{"a revenue in minor units", registered, `"revenue": $decimal($revenue)`, `"revenue": $revenue`, "minor_units properties.revenue", "is 36800"},
	{"a tax in minor units", registered, `"tax": $decimal($tax)`, `"tax": $tax`, "minor_units properties.tax", "is 2944"},
	{"a shipping in minor units", registered, `"shipping": $decimal($shipping)`, `"shipping": $shipping`, "minor_units properties.shipping", "is 1200"},
	{"a discount in minor units", "order-completed/line-discount", `"discount": $decimal($discount)`, `"discount": $discount`, "minor_units properties.discount", "is 2490"},
	{"a value in minor units", "checkout-started/guest", `"value": $decimal($total)`, `"value": $total`, "minor_units properties.value", "is 28092"},
	{"a price in minor units", "order-completed/float-noise", `: $minor($line.unit_price)),`, `: $minor($line.unit_price) * 100),`, "minor_units properties.products[0].price", "is 2020"},
	{"prices of custom items in minor units", "order-completed/custom-items", `: $minor($line.unit_price)),`, `: $minor($line.unit_price) * 100),`,
		"minor_units properties.products[0].price, minor_units properties.products[1].price, minor_units properties.products[2].price", ""},
	{"a revenue from without_tax in minor units", registered, `"revenue": $decimal($revenue)`, `"revenue": $minor($price.without_tax)`, "minor_units properties.revenue", "is 38000"},
	{"a subtotal in minor units", "order-completed/line-discount", `"total": $decimal($total)`, `"total": $decimal($total), "subtotal": $minor($price.without_discount)`, "minor_units properties.subtotal", ""},
	{"yen divided by a hundred", "order-completed/japanese-yen", `$money($amount, $currency)`, `$amount / 100`,
		"minor_units properties.total, minor_units properties.revenue, minor_units properties.tax, minor_units properties.shipping, " +
			"minor_units properties.products[0].price, minor_units properties.products[1].price", "is 222.86, and the order's amount of 22286 minor units is 22286 in JPY"},
	{"dinars divided by a hundred", "order-cancelled/kuwaiti-dinar", `"total": $decimal($total)`, `"total": $total / 100`, "minor_units properties.total", "is 388.87"},

	{"the line's price for the unit's", registered, `: $minor($line.unit_price)),`, `: $minor($line.value)),`,
		"line_price properties.products[1].price", "is 119, the price of the whole line"},
	{"the line's price with tax for the unit's", registered, `: $minor($line.unit_price)),`, `: $minor($shown.with_tax.value)),`,
		"line_price properties.products[1].price", "the price of the whole line"},
	{"prices with tax", inclusive, `$line.unit_price.includes_tax and $exists($minor($shown.without_tax.unit))`, `false`,
		"sum properties.total", "is 59, and products 54 - discount 0 + tax 9 + shipping 5 is 68"},
	{"prices after discounts", "order-completed/line-discount", `: $minor($line.unit_price)),`, `: $minor($shown.without_tax.unit)),`, "sum properties.total", ""},
	{"a total without tax", registered, `"total": $decimal($total)`, `"total": $decimal($total - $tax)`, "sum properties.total", ""},
	{"a checkout's value without tax", "checkout-started/guest", `"value": $decimal($total)`, `"value": $decimal($total - $tax)`, "sum properties.value", ""},
	{"a total that is a cent off", registered, `"total": $decimal($total)`, `"total": $decimal($total + 1)`, "sum properties.total", ""},
	{"promotions as products", "order-completed/cart-discount-line", `$items[$not($isOff($))]`, `$items`,
		"negative properties.products[2].price", "is negative"},

	{"no currency", registered, `"currency": $currency,`, ``, "currency properties.currency", "reads the amounts as US dollars"},
	{"a currency's sign", registered, `"currency": $currency,`, `"currency": "$",`, "currency properties.currency", "is no code of ISO 4217"},
	{"another currency", "order-completed/guest", `"currency": $currency,`, `"currency": "USD",`, "currency properties.currency", "is USD, and the order's amounts are in GBP"},

	{"a negative discount", "order-completed/line-discount", `"discount": $decimal($discount)`, `"discount": $decimal(-$discount)`,
		"negative properties.discount", "is negative"},
	{"a revenue with tax and shipping", registered, `"revenue": $decimal($revenue)`, `"revenue": $decimal($total)`,
		"revenue properties.revenue", "is 409.44, with tax and shipping in it"},
	{"a revenue with shipping", registered, `"revenue": $decimal($revenue)`, `"revenue": $decimal($total - $tax)`,
		"revenue properties.revenue", "is 380, with shipping in it"},
	{"a revenue with tax", "order-completed/float-noise", `"revenue": $decimal($revenue)`, `"revenue": $decimal($total)`,
		"revenue properties.revenue", "is 65.15, with tax in it"},

	{"nobody", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `""`,
		"no_user userId", "is an empty string"},
	{"an anonymous nobody", "order-completed/guest", `"anonymousId": $known($person.segment_anonymous_id)`, `"anonymousId": ""`, "no_user anonymousId", ""},
	{"an e-mail for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `$order.customer.email`,
		"email_as_user_id userId", "is an e-mail address"},
	{"an e-mail for a customer", "customer-created/new-customer", `payload.data.id`, `payload.data.email`, "email_as_user_id userId", ""},

	{"too large", "customer-created/new-customer", `"name": payload.data.name`, `"name": $pad("", 33000, "x")`, "too_large ", "over Segment's limit of 32000"},
	{"too large products", "order-completed/many-lines", `"name": $line.name`, `"name": $pad($line.name, 3000)`, "too_large properties.products", "are left off"},
	{"no event", registered, `"event": "Order Completed",`, ``, "message_invalid event", "is missing"},
	{"two of one id", registered, `"context": $traits ? {"traits": $traits}` + "\n  }\n", `"messageId": "m"} ~> function($m) { [$m, $m] }`,
		"message_invalid messageId", "is the one of message 1 too"},

	{"a time in milliseconds", registered, `"event": "Order Completed",`, `"event": "Order Completed", "timestamp": $toMillis($order.meta.timestamps.created_at),`,
		"time timestamp", "is a number"},
	{"a customer's creation in milliseconds", "customer-created/new-customer", `"createdAt": payload.data.meta.timestamps.created_at`, `"createdAt": $toMillis(payload.data.meta.timestamps.created_at)`,
		"time traits.createdAt", "is not a time in ISO 8601"},
	{"a customer's creation in snake_case", "customer-created/new-customer", `"createdAt": payload.data.meta.timestamps.created_at`, `"created_at": 1`,
		"time traits.created_at", ""},
	{"a customer's creation as people write it", "customer-created/new-customer", `"createdAt": payload.data.meta.timestamps.created_at`, `"createdAt": "02/11/2026"`,
		"time traits.createdAt", ""},

	{"a trait in snake_case", "customer-created/custom-fields", `"traits": {`, `"traits": {"loyalty_number": payload.data.loyalty_number,`,
		"mixed_case traits.loyalty_number", "is snake_case beside createdAt"},
	{"an order's trait in snake_case", registered, `"phone": `, `"firstName": "A", "last_name": "B", "phone": `, "mixed_case context.traits.last_name", ""},
	{"a property in camelCase", registered, `"properties": {`, `"properties": {"orderNumber": $order.order_number,`, "mixed_case properties.orderNumber", "is camelCase beside order_id"},
	{"a product's property in camelCase", "order-completed/float-noise", `"position": $index`, `"imageUrl": "u", "position": $index`, "mixed_case properties.products[0].imageUrl", ""},

	{"no order_id", registered, `"order_id": $order.id,`, ``, "missing properties.order_id", "is missing"},
	{"no product_id", "order-completed/float-noise", productID, ``, "missing properties.products[0].product_id", ""},
	{"an empty product_id", "order-completed/float-noise", productID, `"product_id": " ",`, "missing properties.products[0].product_id", ""},
	{"no products", "order-completed/no-lines", `"products": [$map(`, `"products": $count($items) = 0 ? $undefined : [$map(`, "missing properties.products", ""},
	{"one product that is no list", "order-completed/float-noise", `"products": [$map(`, `"products": {"product_id": "p"}, "all": [$map(`,
		"not_a_list properties.products", "is an object"},
	{"products that are texts", registered, `"products": [$map(`, `"products": [$items.name, $map(`,
		"not_a_list properties.products[0], not_a_list properties.products[1]", "is a text and no product"},
	{"coupons in a list", "order-completed/several-codes", `"coupon": $join($distinct(`, `"coupon": $codes, "codes": $join($distinct(`,
		"not_a_text properties.coupon", "is a list"},
	{"an order_id that is a number", registered, `"order_id": $order.id`, `"order_id": 12`, "not_a_text properties.order_id", "is a number"},
	{"a sku that is a number", "order-completed/float-noise", `"sku": $line.sku ? $line.sku`, `"sku": 12`, "not_a_text properties.products[0].sku", "is a number"},
	{"a weight for a quantity", "order-completed/float-noise", `"quantity": $line.quantity`, `"quantity": 1.5`, "quantity properties.products[0].quantity", "is 1.5"},
	{"no pieces", "order-completed/float-noise", `"quantity": $line.quantity`, `"quantity": 0`, "quantity properties.products[0].quantity", ""},

	{"another spelling", "order-cancelled/guest", `"Order Cancelled"`, `"order_canceled"`, "event_name event", `write "Order Cancelled"`},
	{"stars for a name", "order-updated/anonymized-registered", `$known($person.customer.name)`, `$order.customer.name`, "anonymized context.traits.name", "anonymized"},
	{"a part of a name in an anonymized order", "order-updated/anonymized-registered", `$known($person.customer.name)`, `"M***"`, "anonymized context.traits.name", ""},
	{"stars for an unflagged name", "order-updated/starred-not-flagged", `$known($person.customer.name)`, `$order.customer.name`, "anonymized context.traits.name", ""},
}

func TestEachFaultIsFound(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			tracked, _, _ := strings.Cut(f.sample, "/")
			source := templates.Default(tracked)
			changed := strings.Replace(source, f.right, f.wrong, 1)
			if changed == source {
				t.Fatalf("%s has no %s", tracked, f.right)
			}
			findings := check(t, f.sample, changed)
			var got []string
			for _, finding := range findings {
				got = append(got, finding.Rule+" "+finding.Path)
				if finding.Wrong == "" || finding.Instead == "" || finding.Message < 1 {
					t.Errorf("it does not say everything: %+v", finding)
				}
			}
			if strings.Join(got, ", ") != f.want || len(findings) > 0 && !strings.Contains(findings[0].Wrong+": "+findings[0].Instead, f.says) {
				t.Errorf("got %+v\nwant %s: … %s", findings, f.want, f.says)
			}
		})
	}
}

// Commerce lets no cart mix currencies, so no sample does.
func TestAPriceInAnotherCurrencyThanTheMessageIsFound(t *testing.T) {
	const sample = "order-completed/float-noise"
	inEuros := []string{`"unit_price": {"amount": 2020, "currency": "USD"`, `"unit_price": {"amount": 2020, "currency": "EUR"`}
	if findings := check(t, sample, templates.Default("order-completed"), inEuros...); len(findings) > 0 {
		t.Errorf("the default template: got %+v", findings)
	}
	careless := strings.Replace(templates.Default("order-completed"), `(currency ?: $currency) = $currency`, `true`, 1)
	findings := check(t, sample, careless, inEuros...)
	if len(findings) != 1 || findings[0].Rule != "currency" || findings[0].Path != "properties.products[0].price" ||
		!strings.Contains(findings[0].Wrong, "is in EUR, the currency of its line, and the message is in USD") {
		t.Errorf("a template that sends it: got %+v", findings)
	}
}

// What a merchant may well want, and what no rule can be sure of, is no fault.
func TestWhatIsNoFault(t *testing.T) {
	for _, c := range []struct {
		name, sample string
		changes      []string // what the template has, and what it has instead
		edits        []string // the same of the webhook
	}{
		{"no total, no discount and no shipping", registered, []string{`"total": $decimal($total),`, ``, `"discount": $decimal($discount),`, ``, `"shipping": $decimal($shipping),`, ``}, nil},
		{"an amount converted into another currency", registered, []string{`"currency": $currency`, `"currency": "EUR"`,
			`$currency ? $money($amount, $currency)`, `$round($money($amount, $currency) * 0.9, 4)`}, nil},
		{"a currency in lower case", registered, []string{`"currency": $currency`, `"currency": $lowercase($currency)`}, nil},
		{"a revenue before discounts", "order-completed/line-discount", []string{`"revenue": $decimal($revenue)`, `"revenue": $decimal($revenue + $discount)`}, nil},
		{"half a unit's rounding a piece where prices include tax", inclusive, []string{`"total": $decimal($total)`, `"total": $decimal($total + 1)`}, nil},
		{"a custom item that is sold as shipping", "order-completed/custom-items", []string{
			`$shipping := $minor($price.shipping);`, `$shipping := $minor($price.shipping) + $items[sku = "ENGRAVE"].value.amount;`, `$items[$not($isOff($))]`, `$items[$not($isOff($) or sku = "ENGRAVE")]`}, nil},
		{"an event of one's own without an order_id", registered, []string{`"event": "Order Completed"`, `"event": "Cart Paid"`, `"order_id": $order.id,`, ``, productID, ``}, nil},
		{"another call than track", registered, []string{`"event": "Order Completed"`, `"type": "page"`, `"currency": $currency,`, ``}, nil},
		{"a revenue before a discount of as much as the shipping", "order-completed/line-discount", []string{
			`"revenue": $decimal($revenue)`, `"revenue": $decimal($revenue + $discount)`, `"discount": $decimal($discount),`, ``},
			[]string{`"shipping": {"amount": 1200,`, `"shipping": {"amount": 2490,`}},
		{"an amount of which the webhook does not state the currency", registered, []string{`"total": $decimal($total)`, `"total": $total`, `"currency": $currency`, `"currency": "JPY"`},
			[]string{`"currency": "USD"`, `"currency": ""`}},
		{"traits of one's own in camelCase", "customer-created/custom-fields", []string{`"traits": {`, `"traits": {"loyaltyNumber": payload.data.loyalty_number,`}, nil},
		{"a text with a star in it", "customer-created/new-customer", []string{`payload.data.name`, `"5* hotel"`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracked, _, _ := strings.Cut(c.sample, "/")
			source := templates.Default(tracked)
			for i := 0; i < len(c.changes); i += 2 {
				if !strings.Contains(source, c.changes[i]) {
					t.Fatalf("%s has no %s", tracked, c.changes[i])
				}
				source = strings.Replace(source, c.changes[i], c.changes[i+1], 1)
			}
			if findings := check(t, c.sample, source, c.edits...); len(findings) > 0 {
				t.Errorf("got %+v", findings)
			}
		})
	}
}

func TestFindingsNameTheirMessage(t *testing.T) {
	const written = `[{"event": "a"}, {"event": "b", "userId": 1}, {"type": "identify", "traits": {"createdAt": 1}}]`
	var got []int
	for _, finding := range check(t, registered, written) {
		got = append(got, finding.Message)
	}
	if !slices.Equal(got, []int{2, 3}) {
		t.Errorf("got findings of the messages %v, want 2 and 3", got)
	}
}

func TestWhatIsNoWebhookCannotBeChecked(t *testing.T) {
	if findings, err := lint.Check(tracking.OrderCompleted, []byte("{}"), nil); err == nil {
		t.Errorf("got %+v, want an error", findings)
	}
}

// The README is where a merchant looks up what a rule means.
func TestTheReadmeListsTheRules(t *testing.T) {
	readme, err := os.ReadFile("../../../templates/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Checking a template\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed, found []string
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(section, -1) {
		listed = append(listed, match[1])
	}
	for _, f := range faults {
		for finding := range strings.SplitSeq(f.want, ", ") {
			rule, _, _ := strings.Cut(finding, " ")
			found = append(found, rule)
		}
	}
	slices.Sort(listed)
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(listed, found) {
		t.Errorf("the README lists %q, and there are %q", listed, found)
	}
}

// check renders a sample with a template and checks what it wrote. Edits are what
// the webhook has, and what it has instead.
func check(t *testing.T, sample, source string, edits ...string) []lint.Finding {
	t.Helper()
	i := slices.IndexFunc(templates.Samples(), func(s templates.Sample) bool { return s.Name == sample })
	if i < 0 {
		t.Fatalf("there is no sample %s", sample)
	}
	of := templates.Samples()[i]
	tracked, err := tracking.ByName(of.Tracking)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(strings.NewReplacer(edits...).Replace(string(of.Body)))
	if len(edits) > 0 && bytes.Equal(body, of.Body) {
		t.Fatalf("%s has none of %q", sample, edits)
	}
	webhook, err := commerce.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := template.Compile(sample, source)
	if err != nil {
		t.Fatal(err)
	}
	written, err := compiled.Apply(t.Context(), webhook.Body)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := lint.Check(tracked, body, written)
	if err != nil {
		t.Fatal(err)
	}
	return findings
}
