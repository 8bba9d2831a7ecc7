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
	"commerce-segment/shared/money"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// A finding about a correct default template would cost the trust of its reader.
func TestTheDefaultTemplatesHaveNoFindings(t *testing.T) {
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

// fault is a mistake in a default template, and the findings that it must cause.
type fault struct {
	name, sample string
	right, wrong string // the correct text in the template, and the wrong text that replaces it
	want         string // rule and path of each finding; "warning" before a finding that may be intended
	says         string // a part of the text of the first finding
}

const (
	registered = "order-completed/registered-customer" // 249.00 + 2 × 59.50 = 368.00 USD; tax 29.44; shipping 12.00; total 409.44
	inclusive  = "order-completed/tax-inclusive"
	whole      = "" // the whole template is replaced

	productID = `"product_id": $text($line.(product_id ?: sku ?: subscription_offering_id ?: name ?: id)),`
)

var faults = []fault{
	{"a total as text", registered, `"total": $decimal($total)`, `"total": $string($decimal($total))`,
		"not_a_number properties.total", "is a text"},
	{"a price as text", "order-completed/float-noise", `?? $minor($line.unit_price)),`, `?? $minor($line.unit_price)) & "",`,
		"not_a_number properties.products[0].price", "is a text"},
	{"a quantity as text", "order-completed/float-noise", `"quantity": $figure($line.quantity)`, `"quantity": $string($line.quantity)`,
		"not_a_number properties.products[0].quantity", "is a text"},
	{"a price that is an object", "order-completed/float-noise", `"price": $decimal(`, `"price": $line.unit_price, "was": $decimal(`,
		"not_a_number properties.products[0].price", "is an object"},

	{"a total in minor units", registered, `"total": $decimal($total)`, `"total": $total`,
		"minor_units properties.total", "is 40944, but the order's amount of 40944 minor units is 409.44 in USD"},
	{"a revenue in minor units", registered, `"revenue": $decimal($revenue)`, `"revenue": $revenue`, "minor_units properties.revenue", "is 36800"},
	{"a tax in minor units", registered, `"tax": $decimal($tax)`, `"tax": $tax`, "minor_units properties.tax", "is 2944"},
	{"a shipping in minor units", registered, `"shipping": $decimal($shipping)`, `"shipping": $shipping`, "minor_units properties.shipping", "is 1200"},
	{"a discount in minor units", "order-completed/line-discount", `"discount": $decimal($discount)`, `"discount": $discount`, "minor_units properties.discount", "is 2490"},
	{"a value in minor units", "checkout-started/guest", `"value": $decimal($total)`, `"value": $total`, "minor_units properties.value", "is 28092"},
	{"a price in minor units", "order-completed/float-noise", `?? $minor($line.unit_price)),`, `?? $minor($line.unit_price) * 100),`, "minor_units properties.products[0].price", "is 2020"},
	{"prices of custom items in minor units", "order-completed/custom-items", `?? $minor($line.unit_price)),`, `?? $minor($line.unit_price) * 100),`,
		"minor_units properties.products[0].price, minor_units properties.products[1].price, minor_units properties.products[2].price", ""},
	{"a revenue from without_tax in minor units", registered, `"revenue": $decimal($revenue)`, `"revenue": $minor($price.without_tax)`, "minor_units properties.revenue", "is 38000"},
	{"a subtotal in minor units", "order-completed/line-discount", `"total": $decimal($total)`, `"total": $decimal($total), "subtotal": $minor($price.without_discount)`, "minor_units properties.subtotal", ""},
	{"yen divided by a hundred", "order-completed/japanese-yen", `$money($amount, $currency)`, `$amount / 100`,
		"minor_units properties.total, minor_units properties.revenue, minor_units properties.tax, minor_units properties.shipping, " +
			"minor_units properties.products[0].price, minor_units properties.products[1].price", "is 222.86, but the order's amount of 22286 minor units is 22286 in JPY"},
	{"dinars divided by a hundred", "order-cancelled/kuwaiti-dinar", `"total": $decimal($total)`, `"total": $total / 100`, "minor_units properties.total", "is 388.87"},

	{"the line's price for the unit's", registered, `?? $minor($line.unit_price)),`, `?? $minor($line.value)),`,
		"line_price properties.products[1].price", "is 119, the price of the whole line"},
	{"the line's price with tax for the unit's", registered, `?? $minor($line.unit_price)),`, `?? $minor($line.meta.display_price.with_tax.value)),`,
		"line_price properties.products[1].price", "the price of the whole line"},
	{"prices with tax", inclusive, `$line.unit_price.includes_tax`, `false`,
		"sum properties.total", "is 59, but products 54 - discount 0 + tax 9 + shipping 5 is 68"},
	{"prices after discounts", "order-completed/line-discount", `?? $minor($line.unit_price)),`, `?? $minor($line.meta.display_price.without_tax.unit)),`, "sum properties.total", ""},
	{"a total without tax", registered, `"total": $decimal($total)`, `"total": $decimal($total - $tax)`, "sum properties.total", ""},
	{"a checkout's value without tax", "checkout-started/guest", `"value": $decimal($total)`, `"value": $decimal($total - $tax)`, "sum properties.value", ""},
	{"a total that is a cent off", registered, `"total": $decimal($total)`, `"total": $decimal($total + 1)`, "sum properties.total", ""},
	{"promotions as products", "order-completed/cart-discount-line", `$items[$not($isOff($))]`, `$items`,
		"negative properties.products[2].price", "is negative"},

	{"no currency", registered, `"currency": $currency,`, ``, "currency properties.currency", "reads the amounts as US dollars"},
	{"a currency's sign", registered, `"currency": $currency,`, `"currency": "$",`, "currency properties.currency", "is not an ISO 4217 code"},
	{"another currency", "order-completed/guest", `"currency": $currency,`, `"currency": "USD",`, "currency properties.currency", "is USD, but the order's amounts are in GBP"},

	{"a negative discount", "order-completed/line-discount", `"discount": $decimal($discount)`, `"discount": $decimal(-$discount)`,
		"negative properties.discount", "is negative"},
	{"a revenue with tax and shipping", registered, `"revenue": $decimal($revenue)`, `"revenue": $decimal($total)`,
		"revenue properties.revenue", "is 409.44, which includes tax and shipping"},
	{"a revenue with shipping", registered, `"revenue": $decimal($revenue)`, `"revenue": $decimal($total - $tax)`,
		"revenue properties.revenue", "is 380, which includes shipping"},
	{"a revenue with tax", "order-completed/float-noise", `"revenue": $decimal($revenue)`, `"revenue": $decimal($total)`,
		"revenue properties.revenue", "is 65.15, which includes tax"},

	{"an empty user id", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `""`,
		"no_user userId", "is an empty string"},
	{"an empty anonymous id", "order-completed/guest", `"anonymousId": $known($person.segment_anonymous_id)`, `"anonymousId": ""`, "no_user anonymousId", ""},
	{"null for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"null"`, "no_user userId", `is the text "null", which merges all people who have it into one`},
	{"undefined for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"undefined"`, "no_user userId", ""},
	{"an object's name for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"[object Object]"`, "no_user userId", ""},
	{"an object as text for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `$string($order.customer)`, "no_user userId", "is an object or a list, written as text"},
	{"a list as text for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `$string([$order.id])`, "no_user userId", ""},
	{"no number for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"NaN"`, "no_user userId", ""},
	{"none for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"none"`, "no_user userId", ""},
	{"true for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `$string(true)`, "no_user userId", ""},
	{"false for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `$string(false)`, "no_user userId", ""},
	{"zero for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"0"`, "no_user userId", ""},
	{"zeros for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"00000000-0000-0000-0000-000000000000"`, "no_user userId", ""},
	{"guest for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"guest"`, "no_user userId", ""},
	{"anonymous for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"anonymous"`, "no_user userId", ""},
	{"null with other letters and spaces for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `" NULL\n"`, "no_user userId", ""},
	{"null in quotation marks for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `"'null'"`, "no_user userId", ""},
	{"undefined for an anonymous id", registered, `"anonymousId": $known($person.segment_anonymous_id)`, `"anonymousId": "undefined"`, "no_user anonymousId", ""},
	{"null for a group", registered, `"context": $context ? $context`, `"context": {"groupId": "null"}`, "no_user context.groupId", ""},
	{"null for an order", registered, `"order_id": $order.id`, `"order_id": $string(null)`, "missing properties.order_id", `is the text "null", which is not an id`},
	{"null for a product", "order-completed/float-noise", `"product_id": `, `"product_id": "null", "other_id": `, "missing properties.products[0].product_id", ""},

	{"a time without a zone", registered, `"event": "Order Completed",`, `"event": "Order Completed", "timestamp": "2026-11-24T09:30:00",`, "time timestamp", "has no time zone"},
	{"a time with fractions and without a zone", registered, `"event": "Order Completed",`, `"event": "Order Completed", "timestamp": "2026-11-24T09:30:00.123",`, "time timestamp", "has no time zone"},
	{"a date for a time", registered, `"event": "Order Completed",`, `"event": "Order Completed", "timestamp": "2026-11-24",`, "time timestamp", "is a date without a time of day"},
	{"an original time without a zone", registered, `"event": "Order Completed",`, `"event": "Order Completed", "originalTimestamp": "2026-11-24T09:30:00",`, "time originalTimestamp", ""},
	{"a customer's creation without a zone", "customer-created/new-customer", `"createdAt": $text(payload.data.meta.timestamps.created_at)`, `"createdAt": "2026-11-24T09:30"`, "time traits.createdAt", ""},
	{"a customer's creation as a date", "customer-created/new-customer", `"createdAt": $text(payload.data.meta.timestamps.created_at)`, `"createdAt": "2026-11-24"`, "time traits.createdAt", ""},
	{"a property that is a time without a zone", registered, `"properties": {`, `"properties": {"pickup": "2026-11-24T09:30:00",`, "warning time properties.pickup", "has no time zone"},
	{"a property that is named a time and is a date", registered, `"properties": {`, `"properties": {"shipped_at": "2026-11-24",`, "warning time properties.shipped_at", ""},
	{"a product's time without a zone", "order-completed/float-noise", `"position": $index`, `"from": "2026-11-24T09:30:00", "position": $index`, "warning time properties.products[0].from", ""},
	{"a trait that is a time without a zone", "customer-created/new-customer", `"traits": {`, `"traits": {"seen": "2026-11-24 09:30",`, "warning time traits.seen", ""},

	{"neither the event nor the properties of the tracking", registered, whole, `{"event": "X", "userId": "u"}`, "warning promise event, promise properties", `is not "Order Completed"`},
	{"nothing but the event's name", registered, whole, `{"event": "Order Completed"}`,
		"promise properties, missing properties.order_id, missing properties.products, warning missing properties.total", "has none of order_id"},
	{"no total", registered, `"total": $decimal($total),`, ``, "warning missing properties.total", ""},
	{"no value", "checkout-started/guest", `"value": $decimal($total),`, ``, "warning missing properties.total", ""},
	{"a custom event", registered, `"event": "Order Completed"`, `"event": "Cart Paid"`, "warning promise event", ""},
	{"another tracking's event", registered, `"event": "Order Completed"`, `"event": "Order Updated"`, "warning promise event", ""},
	{"another call than track", "order-completed/no-lines", `"event": "Order Completed"`, `"type": "page"`, "warning promise type", "is not track"},
	{"another call than identify", "customer-created/new-customer", whole, `{"type": "track", "event": "Signed Up"}`, "warning promise type", "is not identify"},
	{"no traits", "customer-created/new-customer", whole, `{"userId": payload.data.id}`, "promise traits", "is missing or empty"},
	{"empty traits", "customer-created/new-customer", whole, `{"traits": {}}`, "promise traits", ""},
	{"a customer with nothing but an anonymous id", "customer-created/new-customer", whole, `{"anonymousId": payload.data.id, "traits": {"name": "A"}}`, "promise userId", ""},

	{"an e-mail for a user", registered, `$known($order.relationships.customer.data.id) ?: $known($order.customer.id) ?: $order.id`, `$order.customer.email`,
		"email_as_user_id userId", "is an e-mail address"},
	{"an e-mail for a customer", "customer-created/new-customer", `payload.data.id`, `payload.data.email`, "email_as_user_id userId", ""},

	{"too large", "customer-created/new-customer", `"name": $text(payload.data.name)`, `"name": $pad("", 33000, "x")`, "too_large ", "over Segment's limit of 32000"},
	{"too large products", "order-completed/many-lines", `"name": $text($line.name)`, `"name": $pad($line.name, 3000)`, "too_large properties.products", "are left out"},
	{"no event", registered, `"event": "Order Completed",`, ``, "message_invalid event", "is missing"},
	{"two of one id", registered, `"context": $context ? $context` + "\n  }\n", `"messageId": "m"} ~> function($m) { [$m, $m] }`,
		"message_invalid messageId", "is the same as in message 1"},

	{"a time in milliseconds", registered, `"event": "Order Completed",`, `"event": "Order Completed", "timestamp": $toMillis($order.meta.timestamps.created_at),`,
		"time timestamp", "is a number"},
	{"a customer's creation in milliseconds", "customer-created/new-customer", `"createdAt": $text(payload.data.meta.timestamps.created_at)`, `"createdAt": $toMillis(payload.data.meta.timestamps.created_at)`,
		"time traits.createdAt", "is not a time in ISO 8601"},
	{"a customer's creation in snake_case", "customer-created/new-customer", `"createdAt": $text(payload.data.meta.timestamps.created_at)`, `"created_at": 1`,
		"time traits.created_at", ""},
	{"a customer's creation as people write it", "customer-created/new-customer", `"createdAt": $text(payload.data.meta.timestamps.created_at)`, `"createdAt": "02/11/2026"`,
		"time traits.createdAt", ""},

	{"a trait in snake_case", "customer-created/custom-fields", `"traits": {`, `"traits": {"loyalty_number": payload.data.loyalty_number,`,
		"mixed_case traits.loyalty_number", "is snake_case, unlike createdAt"},
	{"an order's trait in snake_case", registered, `"phone": `, `"firstName": "A", "last_name": "B", "phone": `, "mixed_case context.traits.last_name", ""},
	{"a property in camelCase", registered, `"properties": {`, `"properties": {"orderNumber": $order.order_number,`, "mixed_case properties.orderNumber", "is camelCase, unlike order_id"},
	{"a product's property in camelCase", "order-completed/float-noise", `"position": $index`, `"imageUrl": "u", "position": $index`, "mixed_case properties.products[0].imageUrl", ""},

	{"no order_id", registered, `"order_id": $order.id,`, ``, "missing properties.order_id", "is missing"},
	{"no product_id", "order-completed/float-noise", productID, ``, "missing properties.products[0].product_id", ""},
	{"an empty product_id", "order-completed/float-noise", productID, `"product_id": " ",`, "missing properties.products[0].product_id", ""},
	{"no products", "order-completed/no-lines", `"products": [$map(`, `"products": $count($items) = 0 ? $undefined : [$map(`, "missing properties.products", ""},
	{"one product that is no list", "order-completed/float-noise", `"products": [$map(`, `"products": {"product_id": "p"}, "all": [$map(`,
		"not_a_list properties.products", "is an object"},
	{"products that are texts", registered, `"products": [$map(`, `"products": [$items.name, $map(`,
		"not_a_list properties.products[0], not_a_list properties.products[1]", "is a text, not a product"},
	{"coupons in a list", "order-completed/several-codes", `"coupon": $join($distinct(`, `"coupon": $codes, "codes": $join($distinct(`,
		"not_a_text properties.coupon", "is a list"},
	{"an order_id that is a number", registered, `"order_id": $order.id`, `"order_id": 12`, "not_a_text properties.order_id", "is a number"},
	{"a sku that is a number", "order-completed/float-noise", `"sku": $text($line.sku)`, `"sku": 12`, "not_a_text properties.products[0].sku", "is a number"},
	{"a weight for a quantity", "order-completed/float-noise", `"quantity": $figure($line.quantity)`, `"quantity": 1.5`, "quantity properties.products[0].quantity", "is 1.5"},
	{"no pieces", "order-completed/float-noise", `"quantity": $figure($line.quantity)`, `"quantity": 0`, "quantity properties.products[0].quantity", ""},

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
			changed := f.wrong
			if f.right != whole {
				changed = strings.Replace(source, f.right, f.wrong, 1)
			}
			if changed == source {
				t.Fatalf("%s has no %s", tracked, f.right)
			}
			findings := check(t, f.sample, changed)
			var got []string
			for _, finding := range findings {
				got = append(got, describe(finding))
				if finding.Wrong == "" || finding.Instead == "" || finding.Message < 1 {
					t.Errorf("a field of the finding is missing: %+v", finding)
				}
			}
			if strings.Join(got, ", ") != f.want || len(findings) > 0 && !strings.Contains(findings[0].Wrong+": "+findings[0].Instead, f.says) {
				t.Errorf("got %+v\nwant %s: … %s", findings, f.want, f.says)
			}
		})
	}
}

// If the setting has other decimals than the webhook's prices, every figure would be sent
// wrong.
func TestDecimalsThatDifferFromTheWebhooksPricesAreFound(t *testing.T) {
	const dollars, yen = "order-completed/float-noise", "order-completed/japanese-yen"
	withoutDecimals := []string{"\"USD\", \"formatted\": \"$", "\"USD\", \"formatted\": \"$0", `.`, ``}
	for _, c := range []struct {
		name, sample string
		currencies   money.Decimals
		edits        []string
		want         string // the text of the finding; empty for no finding
		warning      bool
	}{
		{"the same decimals in the setting", dollars, money.Decimals{"USD": 2}, nil, "", false},
		{"the same decimals in ISO 4217", yen, nil, nil, "", false},
		{"another number is set", yen, money.Decimals{"JPY": 2}, nil, "is JPY, which has 0 decimals in the webhook's prices and 2 in the setting commerce/currencies", false},
		{"only another currency is set, and ISO 4217 has another number", dollars, money.Decimals{"EUR": 2}, withoutDecimals, "is USD, which has 0 decimals in the webhook's prices and 2 in ISO 4217", true},
		{"the setting has the decimals of the prices, and ISO 4217 has not", dollars, money.Decimals{"USD": 0}, withoutDecimals, "", false},
		{"no price shows them", dollars, money.Decimals{"USD": 3}, []string{`"formatted"`, `"shown"`}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			findings := checkWith(t, c.currencies, c.sample, templates.Default("order-completed"), c.edits...)
			switch {
			case c.want == "" && len(findings) > 0:
				t.Errorf("got %+v", findings)
			case c.want != "" && (len(findings) != 1 || findings[0].Rule != "decimals" || findings[0].Wrong != c.want || findings[0].Warning != c.warning):
				t.Errorf("got %+v, want one that %s", findings, c.want)
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
		!strings.Contains(findings[0].Wrong, "is in EUR, the currency of its line, but the message is in USD") {
		t.Errorf("a template that sends it: got %+v", findings)
	}
}

// describe returns the rule and the path of a finding.
func describe(f lint.Finding) string {
	described := f.Rule + " " + f.Path
	if f.Warning {
		return "warning " + described
	}
	return described
}

// A merchant may intend each of these, so no rule may find it.
func TestTemplatesThatMayBeIntendedHaveNoFindings(t *testing.T) {
	for _, c := range []struct {
		name, sample string
		changes      []string // pairs of a text in the template and its replacement
		edits        []string // the same for the webhook
	}{
		{"no discount and no shipping", registered, []string{`"discount": $decimal($discount),`, ``, `"shipping": $decimal($shipping),`, ``}, nil},
		{"an amount converted into another currency", registered, []string{`"currency": $currency`, `"currency": "EUR"`,
			`$currency ? $money($amount, $currency)`, `$round($money($amount, $currency) * 0.9, 4)`}, nil},
		{"a currency in lower case", registered, []string{`"currency": $currency`, `"currency": $lowercase($currency)`}, nil},
		{"a revenue before discounts", "order-completed/line-discount", []string{`"revenue": $decimal($revenue)`, `"revenue": $decimal($revenue + $discount)`}, nil},
		{"half a minor unit of rounding for each piece if prices include tax", inclusive, []string{`"total": $decimal($total)`, `"total": $decimal($total + 1)`}, nil},
		{"a custom item that is sold as shipping", "order-completed/custom-items", []string{
			`$shipping := $minor($price.shipping);`, `$shipping := $minor($price.shipping) + $items[sku = "ENGRAVE"].value.amount;`, `$items[$not($isOff($))]`, `$items[$not($isOff($) or sku = "ENGRAVE")]`}, nil},
		{"a revenue before a discount that equals the shipping", "order-completed/line-discount", []string{
			`"revenue": $decimal($revenue)`, `"revenue": $decimal($revenue + $discount)`, `"discount": $decimal($discount),`, ``},
			[]string{`"shipping": {"amount": 1200,`, `"shipping": {"amount": 2490,`}},
		{"an amount whose currency the webhook does not state", registered, []string{`"total": $decimal($total)`, `"total": $total`, `"currency": $currency`, `"currency": "JPY"`},
			[]string{`"currency": "USD"`, `"currency": ""`}},
		{"custom traits in camelCase", "customer-created/custom-fields", []string{`"traits": {`, `"traits": {"loyaltyNumber": payload.data.loyalty_number,`}, nil},
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
	const written = `[{"event": "Order Completed", "properties": {"order_id": "o", "products": [], "total": 1, "currency": "USD"}}, {"event": "b", "userId": 1}, {"type": "identify", "traits": {"createdAt": 1}}]`
	var got []int
	for _, finding := range check(t, registered, written) {
		got = append(got, finding.Message)
	}
	if !slices.Equal(got, []int{2, 3}) {
		t.Errorf("got findings of the messages %v, want 2 and 3", got)
	}
}

func TestABodyThatIsNotAWebhookReturnsAnError(t *testing.T) {
	if findings, err := lint.Check(tracking.OrderCompleted, []byte("{}"), nil, nil); err == nil {
		t.Errorf("got %+v, want an error", findings)
	}
}

func TestIDsThatAreTheSameForEveryWebhook(t *testing.T) {
	for _, c := range []struct {
		name, tracking, source string
		want                   []string
	}{
		{"the defaults", "order-completed", templates.Default("order-completed"), nil},
		{"one user", "order-completed", `{"userId": "u"}`, []string{"same_id userId"}},
		{"one user of customers", "customer-created", `{"userId": "u"}`, []string{"same_id userId"}},
		{"one anonymous user", "order-completed", `{"anonymousId": "u"}`, []string{"same_id anonymousId"}},
		{"one message", "order-completed", `{"messageId": "m"}`, []string{"same_id messageId"}},
		{"one order", "order-completed", `{"properties": {"order_id": "o"}}`, []string{"same_id properties.order_id"}},
		{"one user, by a function of Commerce's fields", "order-completed", `{"userId": $string(payload.nothing ?: null)}`, []string{"same_id userId"}},
		{"one user of two, in a second message", "order-completed", `[{"userId": payload.data.id}, {"userId": "shop"}]`, nil},
		{"a text that all webhooks contain", "order-completed", `{"userId": payload.data.type}`, nil},
		{"a user who is left out", "order-completed", `{"event": "a"}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			compiled, err := template.Compile(c.name, c.source)
			if err != nil {
				t.Fatal(err)
			}
			var all []lint.Written
			for _, sample := range templates.Samples() {
				if sample.Tracking == c.tracking {
					all = append(all, lint.Written{Body: sample.Body, Messages: write(t, compiled, sample.Body)})
				}
			}
			findings, err := lint.CheckSame(all)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, finding := range findings {
				got = append(got, describe(finding))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// One webhook does not show which ids are the same in all webhooks.
func TestOneWebhookHasNoSameIDs(t *testing.T) {
	one := lint.Written{Body: templates.Samples()[0].Body, Messages: []map[string]any{{"userId": "u"}}}
	if findings, err := lint.CheckSame([]lint.Written{one, one}); len(findings) > 0 || err != nil {
		t.Errorf("got %v, %v", findings, err)
	}
}

// A merchant looks up the meaning of a rule in the README.
func TestTheReadmeListsTheRules(t *testing.T) {
	readme, err := os.ReadFile("../../../templates/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Checking a template\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	found := []string{"same_id", "variant"} // see TestIDsThatAreTheSameForEveryWebhook and TestEachKindOfVariantIsTried
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(section, -1) {
		listed = append(listed, match[1])
	}
	found = append(found, "decimals") // see TestDecimalsThatDifferFromTheWebhooksPricesAreFound
	for _, f := range faults {
		for finding := range strings.SplitSeq(f.want, ", ") {
			rule, _, _ := strings.Cut(strings.TrimPrefix(finding, "warning "), " ")
			found = append(found, rule)
		}
	}
	slices.Sort(listed)
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(listed, found) {
		t.Errorf("the README lists %q, and there are %q", listed, found)
	}
}

// check renders a sample with a template and returns the findings about the messages. The
// edits are pairs of a text in the webhook and its replacement.
func check(t *testing.T, sample, source string, edits ...string) []lint.Finding {
	t.Helper()
	return checkWith(t, nil, sample, source, edits...)
}

// checkWith does what check does, for a store that has set its currencies.
func checkWith(t *testing.T, currencies money.Decimals, sample, source string, edits ...string) []lint.Finding {
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
	compiled, err := template.Compile(sample, source)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := lint.Check(tracked, body, write(t, compiled.WithCurrencies(currencies), body), currencies)
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

// write returns the messages that a template writes for a webhook.
func write(t *testing.T, compiled *template.Template, body []byte) []map[string]any {
	t.Helper()
	webhook, err := commerce.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	input, err := webhook.Input()
	if err != nil {
		t.Fatal(err)
	}
	written, err := compiled.Apply(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	return written
}
