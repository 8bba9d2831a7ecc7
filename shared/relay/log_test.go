package relay_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"commerce-segment/shared/money"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// An event can have so many messages that its line would be too long for CloudWatch.
func TestALineListsOnlySoManyMessages(t *testing.T) {
	for _, test := range []struct {
		name, template string
		listed, said   int
	}{
		{"as many as are listed", `[1..100].{"event": "E", "properties": {"n": $}}`, 100, 0},
		{"one more", `[1..101].{"event": "E", "properties": {"n": $}}`, 100, 101},
		{"a great many", `[1..50000].{"event": "E"}`, 100, 50000},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldOver(&countingTransport{})
			w.settings.config.Template = test.template
			w.relay.Deliver(t.Context(), items(webhook("1")))
			line := w.log.last(t, "deliver")
			equal(t, "outcome", line.Outcome, "delivered")
			equal(t, "listed", len(line.MessageIDs), test.listed)
			equal(t, "said", line.Messages, test.said)
			if n := w.log.text.Len(); n > 16<<10 {
				t.Errorf("the line has %d bytes", n)
			}
		})
	}
}

func TestTheLineOfADeliverySaysWhatCallsWereSent(t *testing.T) {
	const preferences = `"context": {"consent": {"categoryPreferences": {"Advertising": false}}}`
	many := strings.Builder{}
	for n := range 25 {
		fmt.Fprintf(&many, `{"event": "E%02d"}, `, n)
	}
	for _, test := range []struct {
		name, template string
		status         int
		want           string
	}{
		{"a track call", `{"event": "Order Completed"}`, 200, "[1 track Order Completed]"},
		{"an identify call", `{"type": "identify", "event": "no name"}`, 200, "[1 identify]"},
		{"several calls", `[{"event": "A"}, {"event": "B"}, {"event": "A", "properties": {"n": 2}}]`, 200, "[2 track A 1 track B]"},
		{"with consent", `{"event": "A", ` + preferences + `}`, 200, "[1 track A with consent]"},
		{"with consent to nothing", `{"event": "A", "context": {"consent": {"categoryPreferences": {}}}}`, 200, "[1 track A with consent]"},
		{"with an empty consent", `{"event": "A", "context": {"consent": {}}}`, 200, "[1 track A]"},
		{"a name that the template computes", `{"event": "Order " & payload.data.id}`, 200, "[1 track (computed)]"},
		{"a name that is too long", `{"event": "` + strings.Repeat("x", 201) + `"}`, 200, "[1 track (computed)]"},
		{"more names than are listed", `[` + strings.TrimSuffix(many.String(), ", ") + `]`, 200, "1 track E19 5 track (other)]"},
		{"Segment did not accept it", `{"event": "A"}`, 500, "[]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldAnswering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(test.status) })
			w.settings.config.Template = test.template
			w.relay.Deliver(t.Context(), items(webhook("1")))
			if got := fmt.Sprint(w.log.last(t, "deliver").Calls); !strings.HasSuffix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Segment does not count a request to delete a user among what its source received.
func TestTheLineOfADeletionHasNoCalls(t *testing.T) {
	w := newWorld(t)
	w.relay.Tracking = tracking.CustomerDeleted
	w.settings.config.Events = []string{"customer.deleted"}
	w.settings.config.Template = `{"regulationType": "SUPPRESS_WITH_DELETE"}`
	w.relay.Deliver(t.Context(), items(webhookOf("customer.deleted", "1")))
	line := w.log.last(t, "deliver")
	equal(t, "outcome", line.Outcome, "delivered")
	equal(t, "calls", line.Calls, []segment.Calls{})
}

func TestTheLineOfADeliverySaysWhatRevenueWasSent(t *testing.T) {
	const sale = `{"event": "E", "properties": {"revenue": 1234567.1, "currency": "EUR"}}`
	for _, test := range []struct {
		name, template    string
		status            int
		revenue, currency string
	}{
		{"a sale", sale, 200, "1234567.1", "EUR"},
		{"nothing was paid", `{"event": "E", "properties": {"revenue": 0, "currency": "EUR"}}`, 200, "0", "EUR"},
		{"the message of the sale is not the first", `[{"event": "A"}, ` + sale + `]`, 200, "1234567.1", "EUR"},
		{"a currency that is no code", `{"event": "E", "properties": {"revenue": 5, "currency": "Mara Quarry"}}`, 200, "5", ""},
		{"a revenue that is a text", `{"event": "E", "properties": {"revenue": "5", "currency": "EUR"}}`, 200, "", ""},
		{"Segment did not accept it", sale, 500, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldAnswering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(test.status) })
			w.settings.config.Template = test.template
			w.relay.Deliver(t.Context(), items(webhook("1")))
			line := w.log.last(t, "deliver")
			equal(t, "revenue", line.Revenue.String(), test.revenue)
			equal(t, "currency", line.Currency, test.currency)
		})
	}
}

func TestTheLineOfAnEventSaysTheNumberAndTheTotalOfTheOrder(t *testing.T) {
	const total = `"meta":{"display_price":{"with_tax":{"amount":131000,"currency":"CUR"}}}`
	for _, test := range []struct{ name, order, number, total string }{
		{"an order number", `"order_number":"KP-10482","external_ref":"erp-7",` + strings.Replace(total, "CUR", "EUR", 1), "KP-10482", "1310.00 EUR"},
		{"only a reference", `"order_number":null,"external_ref":"#1042",` + strings.Replace(total, "CUR", "JPY", 1), "1042", "131000 JPY"},
		{"a currency of the store", `"order_number":"1042",` + strings.Replace(total, "CUR", "PTS", 1), "1042", "1310.00 PTS"},
		{"a currency as its price is formatted", `"order_number":"7","meta":{"display_price":{"with_tax":{"amount":131000,"currency":"HUF","formatted":"131 000 Ft"}}}`, "7", "131000 HUF"},
		{"neither", `"status":"complete"`, "", ""},
		{"a name and a text", `"order_number":"Mara","meta":{"display_price":{"with_tax":{"amount":"Mara","currency":"Mara"}}}`, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldOver(&countingTransport{})
			w.settings.config.Currencies = money.Decimals{"PTS": 2}
			w.accept(t, secret, `{"id":"w","triggered_by":"order.paid","payload":{"data":{"type":"order","id":"o",`+test.order+`}}}`)
			w.deliver(t)
			equal(t, "number when it is accepted", w.log.last(t, "accept").Number, test.number)
			line := w.log.last(t, "deliver")
			equal(t, "number", line.Number, test.number)
			equal(t, "total", line.Total, test.total)
		})
	}
}
