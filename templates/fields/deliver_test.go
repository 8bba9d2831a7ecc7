package fields_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
	"commerce-segment/templates/fields"
)

var update = flag.Bool("update", false, "write the golden files again")

// shown are the groups with the sample on which each is tried, the value that it is given, and a
// field that Commerce must answer for; empty if it asks Commerce for nothing.
var shown = []struct{ group, sample, value, field string }{
	{"affiliation", "order-completed/registered-customer", "Northern Camp", ""},
	{"customer-orders", "customer-updated/new-address", "", "lifetimeValue"},
	{"product-details", "order-completed/registered-customer", "https://shop.example.com/products/{slug}", "category"},
	{"subtotal", "order-completed/registered-customer", "", ""},
}

func TestEveryGroupIsShown(t *testing.T) {
	for _, g := range fields.All() {
		if !slices.ContainsFunc(shown, func(c struct{ group, sample, value, field string }) bool { return c.group == g.Name }) {
			t.Errorf("%s is tried on no sample", g.Name)
		}
	}
}

// A group adds its fields if Commerce answers, and never holds the event back.
func TestGroupsAreDeliveredWithCommerceFastSlowAndDown(t *testing.T) {
	for _, c := range shown {
		t.Run(c.group, func(t *testing.T) {
			sample := sampleNamed(t, c.sample)
			g, err := fields.Find(sample.Tracking, c.group)
			if err != nil {
				t.Fatal(err)
			}
			source, err := g.Add(templates.Default(sample.Tracking), c.value)
			if err != nil {
				t.Fatal(err)
			}
			w := world{t: t, sample: sample, source: source}
			fast := w.deliver(func(*commercetest.Server) {}, 20*time.Millisecond)
			if fast.requests != g.Requests || fast.leftOut != 0 {
				t.Errorf("it makes %d requests and leaves %d out, want %d and none", fast.requests, fast.leftOut, g.Requests)
			}
			golden(t, c.group, fast.message)

			for name, hindered := range map[string]delivery{
				"slow": w.deliver(func(*commercetest.Server) {}, 3*time.Second),
				"down": w.deliver(func(s *commercetest.Server) { s.Fail(commercetest.Fault{Status: 503, Times: 1000}) }, 0),
			} {
				if hindered.outcome != "delivered" || hindered.took > time.Second {
					t.Errorf("with Commerce %s it is %s after %v", name, hindered.outcome, hindered.took)
				}
				if (hindered.leftOut > 0) != (g.Requests > 0) {
					t.Errorf("with Commerce %s it leaves out the answers of %d calls", name, hindered.leftOut)
				}
				if c.field != "" && (strings.Contains(string(hindered.message), c.field) || !strings.Contains(string(fast.message), c.field)) {
					t.Errorf("with Commerce %s the message is\n%s", name, hindered.message)
				}
			}
		})
	}
}

// world has a template with a group, and a sample for it.
type world struct {
	t      *testing.T
	sample templates.Sample
	source string
}

// delivery is what came of an event.
type delivery struct {
	outcome  string
	took     time.Duration
	requests int // to Commerce, without those for tokens
	leftOut  int
	message  []byte
}

// deliver delivers the sample with a Commerce that takes some time for each answer.
func (w world) deliver(prepare func(*commercetest.Server), takes time.Duration) (d delivery) {
	synctest.Test(w.t, func(t *testing.T) {
		store := storeOf(t, w.sample)
		prepare(store)
		sent := &recording{}
		client := segment.NewClient(sent)
		defer client.Close()
		tracked, err := tracking.ByName(w.sample.Tracking)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		r := &relay.Relay{
			Tracking: tracked, Segment: client, Log: slog.New(slog.NewJSONHandler(&log, nil)),
			CommerceTransport: slow{store, takes},
			Configuration: fixed{
				Enabled: true, Events: tracked.Observable(), Template: w.source,
				Segment:  segment.Endpoint{Host: "https://segment.test", Path: "/v1/batch", WriteKey: "key"},
				Commerce: commerce.Credentials{URL: "https://commerce.test", ClientID: commercetest.ClientID, ClientSecret: commercetest.ClientSecret},
			},
		}
		started := time.Now()
		r.Deliver(t.Context(), []relay.Item{{Receives: 1, Envelope: relay.Envelope{Received: started, Body: w.sample.Body}}})
		d.took = time.Since(started)
		var line struct {
			Outcome string
			LeftOut int `json:"left_out"`
		}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		d.outcome, d.leftOut, d.message = line.Outcome, line.LeftOut, sent.message(t)
		for _, request := range store.Requests() {
			if request.Method == http.MethodGet {
				d.requests++
			}
		}
		time.Sleep(time.Minute) // until requests have ended for which no event waits
	})
	return d
}

// storeOf returns a Commerce with the answers of a sample.
func storeOf(t *testing.T, sample templates.Sample) *commercetest.Server {
	store := commercetest.New()
	for target, answer := range sample.Answers {
		path, _, _ := strings.Cut(target, "?")
		if path != "/v2/orders" {
			store.AddAnswer(path, answer)
			continue
		}
		var orders struct{ Data []commercetest.Object }
		if err := json.Unmarshal(answer, &orders); err != nil {
			t.Fatal(err)
		}
		for _, order := range orders.Data {
			store.AddOrder(order)
		}
	}
	for _, other := range []commercetest.Object{
		{"payment": "unpaid", "relationships": commercetest.Object{"customer": commercetest.Object{"data": commercetest.Object{"id": "272ff6f9-6ddd-5ba3-9568-f11729005d85"}}}},
		{"payment": "paid"}, // of another customer
	} {
		store.AddOrder(other)
	}
	return store
}

// slow is a transport that takes some time for each answer.
type slow struct {
	http.RoundTripper
	takes time.Duration
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(s.takes):
		return s.RoundTripper.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// recording is a Segment that accepts everything.
type recording struct{ body []byte }

func (s *recording) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.body = body
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// message returns the first message, indented.
func (s *recording) message(t *testing.T) []byte {
	var body struct{ Batch []json.RawMessage }
	var indented bytes.Buffer
	if err := json.Unmarshal(s.body, &body); err != nil || len(body.Batch) != 1 {
		t.Fatalf("Segment got %s", s.body)
	}
	if err := json.Indent(&indented, body.Batch[0], "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(indented.Bytes(), '\n')
}

// fixed is a configuration that does not change.
type fixed relay.Config

func (f fixed) Current(context.Context) (relay.Config, error) { return relay.Config(f), nil }
func (f fixed) Reload(context.Context) (relay.Config, error)  { return relay.Config(f), nil }

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

// golden compares a message with the golden file of a group.
func golden(t *testing.T, group string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", group+".segment.json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Segment got\n%s\nwant\n%s", got, want)
	}
}

// The linter also tries unusual values in each place of the webhook and of Commerce's answers,
// for the trackings whose samples have such answers.
func TestEveryGroupPassesTheLinter(t *testing.T) {
	for _, tracked := range tracking.All() {
		source, all := templates.Default(tracked.Name), fields.For(tracked.Name)
		if len(all) == 0 {
			continue
		}
		for _, g := range all {
			value := ""
			if g.Value != "" {
				value = "https://shop.example.com/products/{slug}"
			}
			var err error
			if source, err = g.Add(source, value); err != nil {
				t.Fatal(err)
			}
		}
		compiled, err := template.Compile(tracked.Name, source)
		if err != nil {
			t.Fatal(err)
		}
		samples := templates.SamplesOf(tracked.Name)
		check := lint.Lint
		if slices.ContainsFunc(samples, func(s templates.Sample) bool { return len(s.Answers) > 0 }) {
			check = lint.LintThoroughly
		}
		faults, err := check(t.Context(), tracked, compiled, samples)
		if err != nil {
			t.Error(err)
		}
		for _, fault := range faults {
			t.Errorf("%s: %+v", tracked.Name, fault)
		}
	}
}

// A number that does not tell everything is worse than none.
func TestTheOrdersOfACustomerAreCountedOnlyIfAllAreKnown(t *testing.T) {
	const customer = "272ff6f9-6ddd-5ba3-9568-f11729005d85"
	with := func(payment, status string, amount any, currency string) string {
		text, _ := json.Marshal(map[string]any{"payment": payment, "status": status, "meta": map[string]any{
			"display_price": map[string]any{"with_tax": map[string]any{"amount": amount, "currency": currency}},
			"timestamps":    map[string]any{"created_at": "2026-11-20T10:15:00.000Z"},
		}})
		return string(text)
	}
	order := func(amount any, currency string) string { return with("paid", "complete", amount, currency) }
	for _, c := range []struct {
		name, orders string
		total        int
		has, hasNot  []string
	}{
		{"no order", "", 0, []string{`"orderCount":0`, `"customerType":"new"`}, []string{"lifetime", "firstOrderAt", "lastOrderAt"}},
		{"one order", order(1999, "USD"), 1, []string{`"orderCount":1`, `"customerType":"new"`, `"lifetimeValue":19.99`, `"lifetimeValueCurrency":"USD"`}, nil},
		{"orders in yen", order(1999, "JPY") + "," + order(1, "JPY"), 2, []string{`"orderCount":2`, `"customerType":"returning"`, `"lifetimeValue":2000`}, nil},
		{"orders in two currencies", order(1999, "USD") + "," + order(1, "EUR"), 2, []string{`"orderCount":2`, `"lastOrderAt"`}, []string{"lifetime"}},
		{"more orders than a page has", order(1999, "USD") + "," + order(1, "USD"), 101, []string{`"customerType":"returning"`, `"firstOrderAt"`}, []string{"orderCount", "lifetime", "lastOrderAt"}},
		{"more orders than a page has, and one of the page is paid", order(1999, "USD"), 101, []string{`"firstOrderAt"`}, []string{"orderCount", "customerType", "lifetime"}},
		{"a cancelled order that stays paid", with("paid", "cancelled", 5, "USD") + "," + order(1999, "USD"), 2, []string{`"orderCount":1`, `"customerType":"new"`, `"lifetimeValue":19.99`}, nil},
		{"nothing but a cancelled order that stays paid", with("paid", "cancelled", 5, "USD"), 1, []string{`"orderCount":0`, `"customerType":"new"`}, []string{"lifetime", "firstOrderAt"}},
		{"an order that is refunded in part", with("partially_refunded", "complete", 5, "USD") + "," + order(1999, "USD"), 2, []string{`"orderCount":2`, `"customerType":"returning"`, `"lifetimeValue":20.04`}, nil},
		{"orders that are unpaid, authorized and refunded", with("unpaid", "incomplete", 5, "USD") + "," + with("authorized", "processing", 5, "USD") + "," + with("refunded", "complete", 5, "USD"), 3, []string{`"orderCount":0`, `"customerType":"new"`}, []string{"lifetime"}},
		{"an order without an amount", order(nil, "USD") + "," + order(5, "USD"), 2, []string{`"orderCount":2`}, []string{"lifetime"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := fields.Find("customer-updated", "customer-orders")
			if err != nil {
				t.Fatal(err)
			}
			source, err := g.Add(`{"userId": "u", "traits": {}}`, "")
			if err != nil {
				t.Fatal(err)
			}
			compiled, err := template.Compile("t", source)
			if err != nil {
				t.Fatal(err)
			}
			total, _ := json.Marshal(c.total)
			answer := []byte(`{"meta":{"results":{"total":` + string(total) + `}},"data":[` + c.orders + `]}`)
			got, err := compiled.WithCommerce(func(context.Context, string) ([]byte, error) { return answer, nil }).
				Eval(t.Context(), []byte(`{"payload":{"data":{"id":"`+customer+`"}}}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, has := range c.has {
				if !strings.Contains(string(got), has) {
					t.Errorf("%s lacks %s", got, has)
				}
			}
			for _, hasNot := range c.hasNot {
				if strings.Contains(string(got), hasNot) {
					t.Errorf("%s has %s", got, hasNot)
				}
			}
		})
	}
}

// An order with more products than one request asks for.
func TestALongOrderTakesNoMoreRequests(t *testing.T) {
	g, err := fields.Find("order-completed", "product-details")
	if err != nil {
		t.Fatal(err)
	}
	source, err := g.Add(`{"event": "E", "properties": {"products": [[100000000000..100000000499].{"product_id": "00000000-0000-4000-8000-" & $string($)}]}}`, "")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := template.Compile("t", source)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	got, err := compiled.WithCommerce(func(_ context.Context, path string) ([]byte, error) {
		asked++
		return []byte(`{"data": [{"id": "00000000-0000-4000-8000-100000000049", "meta": {"child_variations": [{"option": {"name": "Red"}}]}}]}`), nil
	}).Eval(t.Context(), []byte(`{}`), nil)
	if err != nil || asked > g.Requests || strings.Count(string(got), "Red") != 1 || strings.Count(string(got), "product_id") != 500 {
		t.Errorf("it made %d requests and gave %d bytes, %v", asked, len(got), err)
	}
}
