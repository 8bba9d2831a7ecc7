package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// full runs the tests of a backfill and of a reconciliation at full size:
//
//	go test ./infra/hub/backfill -full
var full = flag.Bool("full", false, "test with 10,000 orders, and with 5,000 orders of which 500 are lost")

func sized(short, whole int) int {
	if *full {
		return whole
	}
	return short
}

// standIn is a Segment without a network.
type standIn struct {
	mu       sync.Mutex
	times    map[string]int // how often each messageId arrived
	last     map[string]json.RawMessage
	requests []time.Time
	events   int
	// answer returns the answer to a request; nil means always 200. An error with status
	// 200 means that the request arrived and its answer was lost; an error with status 0
	// means that the request did not arrive.
	answer func(request int, body []byte) (status int, err error)
}

func newStandIn() *standIn {
	return &standIn{times: map[string]int{}, last: map[string]json.RawMessage{}}
}

func (s *standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, time.Now())
	status := http.StatusOK
	if s.answer != nil {
		status, err = s.answer(len(s.requests), body)
	}
	if status == http.StatusOK {
		s.take(body)
	}
	if err != nil {
		return nil, err
	}
	answer := httptest.NewRecorder()
	answer.WriteHeader(status)
	return answer.Result(), nil
}

func (s *standIn) take(body []byte) {
	var batch struct{ Batch []json.RawMessage }
	if err := json.Unmarshal(body, &batch); err != nil {
		panic(err)
	}
	for _, message := range batch.Batch {
		id := fieldsOf(message)["messageId"].(string)
		s.times[id]++
		s.last[id] = message
		s.events++
	}
}

// peak returns the most requests in any second.
func (s *standIn) peak() int {
	most := 0
	for i := range s.requests {
		n := 0
		for j := i; j >= 0 && s.requests[i].Sub(s.requests[j]) < time.Second; j-- {
			n++
		}
		most = max(most, n)
	}
	return most
}

func fieldsOf(message []byte) map[string]any {
	var fields map[string]any
	if err := json.Unmarshal(message, &fields); err != nil {
		panic(err)
	}
	return fields
}

// shop is a Commerce, a Segment, and a directory for the files.
type shop struct {
	t        *testing.T
	commerce *commercetest.Server
	segment  *standIn
	dir      string
	options  Options
}

var credentials = commerce.Credentials{
	URL: "https://commerce.example", ClientID: commercetest.ClientID, ClientSecret: commercetest.ClientSecret,
}

func openShop(t *testing.T) *shop {
	s := &shop{t: t, commerce: commercetest.New(), segment: newStandIn(), dir: t.TempDir()}
	parameters := map[string]string{settings.SegmentWriteKey: "key-one-of-two"}
	configs := map[string]relay.Config{}
	for _, row := range tracking.All() {
		config, err := settings.Parse(row, parameters)
		if err != nil {
			t.Fatal(err)
		}
		configs[row.Name] = config
	}
	s.options = Options{Configs: configs, Kinds: []Kind{Orders}, Rate: DefaultRate}
	return s
}

// configure changes the settings of a tracking.
func (s *shop) configure(row tracking.Tracking, change func(*relay.Config)) {
	config := s.options.Configs[row.Name]
	change(&config)
	s.options.Configs[row.Name] = config
}

// sender returns the Sender of a program that has just been started.
func (s *shop) sender() *Sender {
	s.t.Helper()
	o := s.options
	client, err := commerce.NewClient(credentials, s.commerce)
	if err != nil {
		s.t.Fatal(err)
	}
	o.Commerce, o.Segment = client, s.newClient()
	sender, err := NewSender(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return sender
}

// newClient returns a client of Segment that is closed at the end of the test.
func (s *shop) newClient() *segment.Client {
	client := segment.NewClient(s.segment)
	s.t.Cleanup(client.Close)
	return client
}

func (s *shop) file(name string) string { return filepath.Join(s.dir, name) }
func (s *shop) journal() *Journal       { return OpenJournal(s.file("sent"), "user ada") }

// backfill does what the command does: it continues a backfill, or begins one.
func (s *shop) backfill(ctx context.Context, kind Kind) error {
	s.t.Helper()
	position, err := OpenPosition(s.file("position"))
	if err != nil {
		s.t.Fatal(err)
	}
	if position == nil {
		position = NewPosition(s.file("position"), kind, day, day.AddDate(1, 0, 0), 0)
	}
	return s.sender().Backfill(ctx, position, KnownFacts{}, s.journal(), func(Position) {})
}

// day is when the first order is created.
var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func timestamps(created, updated time.Time) commercetest.Object {
	return commercetest.Object{"timestamps": commercetest.Object{"created_at": stamp(created), "updated_at": stamp(updated)}}
}

// addOrder adds an order with a payment, which was changed a month later.
func (s *shop) addOrder(n int, created time.Time, status, payment string) string {
	id := s.commerce.AddOrder(commercetest.Object{
		"id": fmt.Sprintf("10000000-0000-4000-8000-%012d", n), "status": status, "payment": payment, "shipping": "unfulfilled",
		"customer": commercetest.Object{"name": "Ada Example", "email": "ada@example.com"},
		"meta": commercetest.Object{
			"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 1200, "currency": "GBP"}},
			"timestamps":    commercetest.Object{"created_at": stamp(created), "updated_at": stamp(created.AddDate(0, 1, 0))},
		},
	}, commercetest.Object{"type": "order_item", "product_id": "p", "sku": "MUG", "name": "Mug", "quantity": 1,
		"unit_price": commercetest.Object{"amount": 1000, "currency": "GBP"}})
	if payment == "paid" || payment == "refunded" {
		s.addPayment(id, "purchase", created.Add(time.Minute))
	}
	return id
}

func (s *shop) addPayment(order, kind string, at time.Time) {
	s.commerce.AddTransaction(order, commercetest.Object{
		"transaction_type": kind, "status": "complete", "amount": 1200, "refunded_amount": 0, "currency": "GBP", "meta": timestamps(at, at.AddDate(0, 2, 0)),
	})
}

func messageID(row tracking.Tracking, order string) string {
	return row.Name + ":" + order + ":0-" + string(row.Call) + ":" + saltOfKeyOne
}

// saltOfKeyOne is the part of a messageId that shared/segment derives from the write key.
const saltOfKeyOne = "7c6631c7"

var errKilled = errors.New("the program was killed")

// A program that is killed cannot clean up: here Segment receives a request, and the
// program receives no answer and does nothing more.
func TestABackfillThatIsKilledThreeTimesSendsEveryEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		orders := sized(700, 10_000)
		want := map[string]bool{}
		for n := range orders {
			payment := "paid"
			if n%10 == 0 {
				payment = "unpaid"
			}
			// Three orders are created at the same time: a position between them must not lose one.
			id := s.addOrder(n, day.Add(time.Duration(n/3)*time.Minute), "complete", payment)
			want[messageID(tracking.CheckoutStarted, id)] = true
			if payment == "paid" {
				want[messageID(tracking.OrderCompleted, id)] = true
			}
		}
		requests := (orders*19/10 + requestLength - 1) / requestLength
		for share, arrived := range map[int]int{5: http.StatusOK, 3: 0, 2: http.StatusOK} {
			s.kill(requests/share, arrived)
		}
		if err := s.backfill(t.Context(), Orders); err != nil {
			t.Fatal(err)
		}
		for id := range want {
			if s.segment.times[id] == 0 {
				t.Fatalf("%s did not arrive", id)
			}
		}
		if len(s.segment.times) != len(want) {
			t.Errorf("%d different messages arrived, want %d", len(s.segment.times), len(want))
		}
		// Messages that a killed program was sending arrive twice, with the same id.
		if again := s.segment.events - len(want); again > 3*2*batchLength {
			t.Errorf("%d messages arrived again after three kills", again)
		}
		if peak := s.segment.peak() * requestLength; peak > 2*DefaultRate {
			t.Errorf("up to %d events arrived in a second, and the rate is %d", peak, DefaultRate)
		}
		if peak := s.commerce.PeakRate(); peak > 20 {
			t.Errorf("Commerce received up to %d requests in a second", peak)
		}
		if _, err := os.Stat(s.file("position")); !os.IsNotExist(err) {
			t.Errorf("the file of the position still exists: %v", err)
		}
		t.Logf("%d orders, %d messages, %d of them twice, in %d requests", orders, len(want), s.segment.events-len(want), len(s.segment.requests))
	})
}

// kill runs a backfill that is killed during a request to Segment: the one with the number
// after. The request arrived if arrived is 200, and did not arrive if it is 0.
func (s *shop) kill(after, arrived int) {
	s.t.Helper()
	ctx, kill := context.WithCancel(s.t.Context())
	defer kill()
	last := len(s.segment.requests) + max(after, 1)
	s.segment.answer = func(request int, _ []byte) (int, error) {
		if request < last {
			return http.StatusOK, nil
		}
		kill()
		return arrived, errKilled
	}
	if err := s.backfill(ctx, Orders); err == nil {
		s.t.Fatal("it ended before it was killed")
	}
	s.segment.answer = nil
}

// So many orders with the same time are on several pages, and in several batches.
func TestABackfillContinuesAmongOrdersOfTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		const before, same, after = 50, 250, 50
		for n := range before + same + after {
			at := day
			if n < before {
				at = day.Add(time.Duration(n-before) * time.Minute)
			} else if n >= before+same {
				at = day.Add(time.Duration(n) * time.Minute)
			}
			s.addOrder(n, at, "incomplete", "unpaid")
		}
		position := NewPosition(s.file("position"), Orders, day.AddDate(0, -1, 0), day.AddDate(0, 1, 0), 0)
		if err := position.save(); err != nil {
			t.Fatal(err)
		}
		s.kill(3, 0)
		left, err := OpenPosition(s.file("position"))
		if err != nil {
			t.Fatal(err)
		}
		if left.Resources != 200 || len(left.Passed) != 150 {
			t.Errorf("the position is after %d orders, %d of them created at that time", left.Resources, len(left.Passed))
		}
		if err := s.backfill(t.Context(), Orders); err != nil {
			t.Fatal(err)
		}
		if all := before + same + after; len(s.segment.times) != all || s.segment.events != all {
			t.Errorf("%d orders became %d messages, %d of them different", all, s.segment.events, len(s.segment.times))
		}
	})
}

func TestEventsAreSentNoFasterThanTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.options.Rate = 50
		const orders = 1000
		for n := range orders {
			s.addOrder(n, day.Add(time.Duration(n)*time.Second), "incomplete", "unpaid")
		}
		began := time.Now()
		if err := s.backfill(t.Context(), Orders); err != nil {
			t.Fatal(err)
		}
		// This is the clock of synctest, which does not depend on the machine.
		if took := time.Since(began); took < (orders-requestLength)/50*time.Second || took > orders/50*time.Second+time.Minute {
			t.Errorf("%d events took %v", orders, took)
		}
	})
}

// The messageIds of a backfill are those of the live webhooks: with other ids, Segment
// would accept the same event twice within a day.
func TestABackfillSendsTheMessagesOfTheLiveWebhook(t *testing.T) {
	for _, sample := range templates.Samples() {
		row, err := tracking.ByName(sample.Tracking)
		if err != nil {
			t.Fatal(err)
		}
		kind := Orders
		if strings.HasPrefix(row.Name, "customer") {
			kind = Customers
		}
		if !slices.Contains(Trackings(kind), row.Name) {
			continue
		}
		t.Run(sample.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openShop(t)
				webhook, err := commerce.Parse(sample.Body)
				if err != nil {
					t.Fatal(err)
				}
				s.configure(row, func(c *relay.Config) {
					c.Enabled, c.Events, c.Commerce = true, []string{webhook.Event}, credentials
					c.Currencies = money.Decimals{"USD": 1, "GBP": 1} // not the decimals in the prices and in ISO 4217
				})
				s.options.Kinds, s.options.Only = []Kind{kind}, []string{row.Name}
				s.put(kind, webhook)
				live := s.deliver(row, sample.Body)
				position := NewPosition(s.file("position"), kind, time.Time{}, time.Time{}, 0)
				if err := s.sender().Backfill(t.Context(), position, KnownFacts{}, s.journal(), func(Position) {}); err != nil {
					t.Fatal(err)
				}
				switch sample.Name {
				case "order-completed/several-codes": // Commerce lists no custom discounts with its orders
					for id, message := range live {
						live[id] = []byte(strings.Replace(string(message), ",LOYAL", "", 1))
					}
				}
				for _, message := range live {
					if row.Name == tracking.OrderRefunded.Name && !strings.Contains(string(message), `"refunded_amount":`) {
						t.Errorf("the live message has no refunded_amount, so it did not call Commerce: %s", message)
					}
				}
				if position.Sent != len(live) {
					t.Fatalf("the backfill sent %d messages, and the webhook %d", position.Sent, len(live))
				}
				for id, message := range live {
					if got := s.segment.last[id]; string(got) != string(message) {
						t.Errorf("the backfill sent %s as\n%s\nand the webhook\n%s", id, got, message)
					}
				}
			})
		})
	}
}

// deliver lets the relay deliver a webhook, and returns the messages that Segment received.
func (s *shop) deliver(row tracking.Tracking, body []byte) map[string]json.RawMessage {
	s.t.Helper()
	r := &relay.Relay{
		Tracking: row, Configuration: fixed(s.options.Configs[row.Name]), Segment: s.newClient(),
		Log: discard, CommerceTransport: s.commerce,
	}
	if kept := r.Deliver(s.t.Context(), []relay.Item{{Handle: "1", Receives: 1, Envelope: relay.Envelope{Received: time.Now(), Body: body}}}); len(kept) > 0 {
		s.t.Fatal("the webhook was not delivered")
	}
	live := s.segment.last
	s.segment.last = map[string]json.RawMessage{}
	return live
}

// put adds the resource of a webhook to Commerce, in the state of the webhook. An order is
// paid, authorized and refunded at its last change.
func (s *shop) put(kind Kind, webhook commerce.Webhook) {
	payload := webhook.Document()["payload"].(map[string]any)
	data := payload["data"].(map[string]any)
	if kind == Customers {
		s.commerce.AddCustomer(data)
		return
	}
	included, _ := payload["included"].(map[string]any)
	list, _ := included["items"].([]any)
	if relationships, ok := data["relationships"].(map[string]any); ok && len(list) == 0 {
		delete(relationships, "items") // the stand-in has no lines of these ids
	}
	var items []commercetest.Object
	for _, item := range list {
		items = append(items, item.(map[string]any))
	}
	s.commerce.AddOrder(data, items...)
	at, err := time.Parse(time.RFC3339, webhook.UpdatedAt)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, kind := range []string{"purchase", "authorize"} {
		s.addPayment(webhook.ResourceID, kind, at)
	}
	if refunded := (map[string]int{"order.refunded": 1_000_000, "order.updated": 250})[webhook.Event]; refunded > 0 {
		s.commerce.AddTransaction(webhook.ResourceID, commercetest.Object{
			"transaction_type": "refund", "status": "complete", "refunded_amount": refunded, "meta": timestamps(at.AddDate(0, 0, -1), at),
		})
	}
}

func TestAReconciliationCountsTheMessagesWithoutOptionalFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, known := openShop(t), &arrivalLog{}
		s.options.Only = []string{tracking.OrderCompleted.Name}
		s.configure(tracking.OrderCompleted, func(c *relay.Config) {
			c.Template = `{"event": "Order Completed", "properties": {"file": $commerce("/v2/files/" & payload.data.payment, 800).data}}`
		})
		s.commerce.Fail(commercetest.Fault{Path: "/v2/files/paid", Status: http.StatusServiceUnavailable, Times: 1000})
		s.addOrder(1, day, "complete", "paid")
		s.addOrder(2, day.Add(time.Hour), "complete", "refunded")
		missing := s.compare(known, day, day.AddDate(0, 0, 1)).Missing
		result, err := s.sender().Send(t.Context(), missing, s.journal(), func(int) {})
		if err != nil || result.Sent != 2 || result.Lacking != 1 {
			t.Errorf("%+v, %v: want 2 messages, of which 1 lacks fields", result, err)
		}
		if got := LackingFields(result.Lacking); !strings.HasPrefix(got, "Optional fields are missing in 1 message of these") {
			t.Error(got)
		}
	})
}

func TestABackfillCountsTheMessagesWithoutOptionalFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t)
		s.options.Only = []string{tracking.OrderCompleted.Name}
		s.configure(tracking.OrderCompleted, func(c *relay.Config) {
			c.Template = `{"event": "Order Completed", "properties": {"file": $commerce("/v2/files/" & payload.data.payment, 800).data}}`
		})
		s.commerce.Fail(commercetest.Fault{Path: "/v2/files/paid", Status: http.StatusServiceUnavailable, Times: 1000})
		s.addOrder(1, day, "complete", "paid")
		s.addOrder(2, day.Add(time.Hour), "complete", "refunded")
		position := NewPosition(s.file("position"), Orders, day, day.AddDate(1, 0, 0), 0)
		if err := s.sender().Backfill(t.Context(), position, KnownFacts{}, s.journal(), func(Position) {}); err != nil {
			t.Fatal(err)
		}
		if position.Sent != 2 || position.Lacking != 1 {
			t.Errorf("%d messages were sent, of which %d lack fields, want 2 and 1", position.Sent, position.Lacking)
		}
		lines, err := s.journal().Since(time.Time{})
		if err != nil || len(lines) != 2 {
			t.Fatalf("the journal has %v, %v", lines, err)
		}
		for _, line := range lines {
			want := "0 "
			if line.Resource == "10000000-0000-4000-8000-000000000001" {
				want = "1 commerce_503"
			}
			if got := fmt.Sprint(line.LeftOut, " ", line.LeftOutReason); got != want {
				t.Errorf("%s: the calls without an answer are %q, want %q", line.Resource, got, want)
			}
		}
	})
}
