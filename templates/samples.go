package templates

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// samples is a variable of its own, so that the linker leaves it out of the
// functions: they never call Samples.
//
//go:embed testdata/*/*.webhook.json testdata/*/*.commerce.json
var samples embed.FS

// Sample is a webhook body to try a template with. People and shops in it are
// made up.
type Sample struct {
	// Name is the tracking and the case, "order-completed/registered-customer".
	Name string
	// Title says what it is an example of, "Registered customer, two products".
	Title string
	// Tracking is the tracking whose events it is an example of.
	Tracking string
	// Body is the webhook as Commerce would post it, JSON.
	Body []byte
	// Answers are what Commerce's API would answer to $commerce, JSON by the path.
	// There are none where a sample is of a store without credentials.
	Answers map[string]json.RawMessage
	// Currencies has the decimals of currencies in the settings of the sample's store,
	// by their codes. A bundled sample has none: its prices show them.
	Currencies map[string]int
}

// Commerce is the API of the sample's store, for template.WithCommerce: nothing is at
// any other path.
func (s Sample) Commerce(_ context.Context, path string) ([]byte, error) { return s.Answers[path], nil }

// timeText matches the times in samples.
var timeText = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

const timeLayout = "2006-01-02T15:04:05.000Z"

// At returns the sample as if it happened at a time: all times in it are moved together, so
// that the latest is that one. Samples have fixed times for tests; a person who sends one
// would read that the event was delivered days late.
func (s Sample) At(happens time.Time) Sample {
	var latest time.Time
	for _, text := range timeText.FindAll(s.Body, -1) {
		if at, err := time.Parse(timeLayout, string(text)); err == nil && at.After(latest) {
			latest = at
		}
	}
	move := func(text []byte) []byte {
		at, err := time.Parse(timeLayout, string(text))
		if err != nil {
			return text
		}
		return []byte(at.Add(happens.Sub(latest)).UTC().Format(timeLayout))
	}
	s.Body = timeText.ReplaceAllFunc(s.Body, move)
	answers := map[string]json.RawMessage{}
	for path, answer := range s.Answers {
		answers[path] = timeText.ReplaceAllFunc(answer, move)
	}
	s.Answers = answers
	return s
}

// HasBody reports whether a body is that of the sample at any time.
func (s Sample) HasBody(body []byte) bool {
	same := time.Unix(0, 0)
	return bytes.Equal(Sample{Body: body}.At(same).Body, s.At(same).Body)
}

// SamplesOf returns the sample webhooks of the tracking with a name, the plain ones first.
func SamplesOf(tracking string) []Sample {
	return slices.DeleteFunc(Samples(), func(s Sample) bool { return s.Tracking != tracking })
}

// Samples returns all sample webhooks by tracking, the plain ones first.
func Samples() []Sample {
	all := make([]Sample, 0, len(titles))
	titled := map[string]bool{}
	for _, of := range titles {
		all, titled[of.name] = append(all, sampleOf(of.name, of.title)), true
	}
	files, err := fs.Glob(samples, "testdata/*/*"+webhookSuffix)
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), webhookSuffix)
		if !titled[name] {
			all = append(all, sampleOf(name, titleOf(path.Base(name))))
		}
	}
	return all
}

// webhookSuffix ends the name of the file of a sample.
const webhookSuffix = ".webhook.json"

// sampleOf reads a sample.
func sampleOf(name, title string) Sample {
	body, err := samples.ReadFile("testdata/" + name + webhookSuffix)
	if err != nil {
		panic(err) // embedded, and so seen by every test
	}
	return Sample{Name: name, Title: title, Tracking: path.Dir(name), Body: body, Answers: answersOf(name)}
}

// titleOf returns the title of a case that has none in titles: New subscription for
// new-subscription.
func titleOf(name string) string {
	return strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
}

// answersOf reads the answers of the API for a sample; most samples have none.
func answersOf(name string) (answers map[string]json.RawMessage) {
	file := "testdata/" + name + ".commerce.json"
	text, err := samples.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &answers)
	}
	if err != nil {
		panic(fmt.Sprintf("%s: %v", file, err)) // embedded, and so seen by every test
	}
	return answers
}

// titles has samples of each tracking, the plain ones first, and what each is an example of. The
// samples that are not here come after them, with the names of their files as titles.
var titles = []struct{ name, title string }{
	{"checkout-started/guest", "Guest order, one product"},
	{"checkout-started/registered-customer", "Registered customer, two products"},
	{"checkout-started/account-contact", "Order of a business account"},
	{"checkout-started/digital", "Digital product, no shipping"},
	{"checkout-started/japanese-yen", "Japanese yen, a currency without decimals"},
	{"checkout-started/authorized", "Payment authorized, paid later"},
	{"checkout-started/anonymous-id", "With the anonymous id of the browser"},
	{"checkout-started/promotions-no-lines", "Promotion, and a webhook without products"},

	{"customer-created/new-customer", "New customer"},
	{"customer-created/custom-fields", "Customer with custom fields"},
	{"customer-created/null-fields", "Customer with empty fields"},
	{"customer-created/unicode", "Name with accents and other scripts"},
	{"customer-created/legacy-resources-string", "New customer, older format of webhooks"},

	{"customer-updated/new-address", "Customer with a new address"},
	{"customer-updated/custom-fields", "Customer with custom fields"},
	{"customer-updated/deleted", "Customer deleted"},
	{"customer-updated/legacy-resources-string", "Changed customer, older format of webhooks"},
	{"customer-updated/deleted-resources-object", "Customer deleted, another format of webhooks"},

	{"order-cancelled/guest", "Guest order, one product"},
	{"order-cancelled/registered-customer", "Registered customer, one product"},
	{"order-cancelled/kuwaiti-dinar", "Kuwaiti dinar, a currency with three decimals"},
	{"order-cancelled/no-lines-no-address", "No products and no address in the webhook"},

	{"order-completed/guest", "Guest order, one product"},
	{"order-completed/registered-customer", "Registered customer, two products"},
	{"order-completed/account-contact", "Order of a business account"},
	{"order-completed/digital", "Digital product, no shipping"},
	{"order-completed/gift", "Gift, shipped to another person"},
	{"order-completed/subscription", "Subscription"},
	{"order-completed/custom-items", "Engraving and gift wrap as custom items"},
	{"order-completed/custom-fields", "Order with custom fields"},
	{"order-completed/many-lines", "Large order, many products"},
	{"order-completed/free-order", "Free order"},
	{"order-completed/line-discount", "Discount on one product"},
	{"order-completed/cart-discount-line", "Discount on the cart, as a line"},
	{"order-completed/cart-discount-spread", "Discount on the cart, spread over the products"},
	{"order-completed/several-codes", "Several coupon codes"},
	{"order-completed/free-shipping-promotion", "Promotion with free shipping"},
	{"order-completed/money-off-as-custom-item", "Money off as a custom item"},
	{"order-completed/tax-inclusive", "Prices with tax"},
	{"order-completed/tax-inclusive-discount", "Prices with tax, and a discount"},
	{"order-completed/tax-inclusive-money-off", "Prices with tax, and money off"},
	{"order-completed/tax-not-stated", "Tax is not stated"},
	{"order-completed/japanese-yen", "Japanese yen, a currency without decimals"},
	{"order-completed/kuwaiti-dinar", "Kuwaiti dinar, a currency with three decimals"},
	{"order-completed/currency-on-lines-only", "Only the products state the currency"},
	{"order-completed/consent", "Guest order with consent preferences"},
	{"order-completed/anonymous-id", "Guest order with the anonymous id of the browser"},
	{"order-completed/anonymous-id-registered", "Registered customer with the anonymous id of the browser"},
	{"order-completed/anonymous-id-not-text", "Anonymous id that is not a text"},
	{"order-completed/no-address", "No address"},
	{"order-completed/no-billing-address", "No billing address"},
	{"order-completed/no-lines", "No products in the webhook"},
	{"order-completed/null-fields", "Order with empty fields"},
	{"order-completed/unicode", "Names with accents and other scripts"},
	{"order-completed/float-noise", "Amounts that floating point would not add exactly"},
	{"order-completed/older-store", "Older store"},
	{"order-completed/older-store-with-promotion", "Older store, with a promotion"},
	{"order-completed/legacy-resources-string", "Older format of webhooks"},

	{"order-refunded/full", "Whole order refunded"},
	{"order-refunded/partial", "A part of the order refunded"},
	{"order-refunded/tax-inclusive", "Prices with tax"},
	{"order-refunded/anonymized", "Refund of an anonymized order"},

	{"order-updated/shipped", "Order shipped"},
	{"order-updated/no-lines", "No products in the webhook"},
	{"order-updated/anonymous-id", "With the anonymous id of the browser"},
	{"order-updated/anonymized-guest", "Guest order was anonymized"},
	{"order-updated/anonymized-registered", "Registered customer's order was anonymized"},
	{"order-updated/anonymized-not-starred", "Anonymized, and personal values are left"},
	{"order-updated/starred-not-flagged", "Personal values are stars, not marked as anonymized"},
	{"order-updated/echo-of-paid", "Update that only reports the payment"},
	{"order-updated/echo-of-refund", "Update that only reports the refund"},

	{"account-created/new-account", "New account"},
	{"account-created/part-of-another-account", "New account, part of another account"},

	{"customer-deleted/anonymized-guest", "Guest's order anonymized"},
	{"customer-deleted/deleted", "Customer deleted"},

	{"order-fulfilled/guest", "Guest order, one product"},
	{"order-fulfilled/registered-customer", "Registered customer"},

	{"subscription-cancelled/cancelled", "Subscription cancelled"},
	{"subscription-cancelled/to-be-cancelled", "Subscription to be cancelled"},

	{"subscription-created/flat-fields-no-buyer", "New subscription, no buyer in the webhook"},
	{"subscription-created/new-subscription", "New subscription"},
	{"subscription-created/registered-customer", "New subscription of a registered customer"},
}
