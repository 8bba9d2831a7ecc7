package browser_test

import (
	"encoding/json"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/browser"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
)

// addSale adds a paid order with a number to Commerce, and returns its id.
func addSale(commerce *commercetest.Server, number string, amount int, paid time.Time) string {
	meta := commercetest.Object{"timestamps": commercetest.Object{"created_at": paid.UTC().Format(time.RFC3339), "updated_at": paid.UTC().Format(time.RFC3339)}}
	id := commerce.AddOrder(commercetest.Object{
		"status": "complete", "payment": "paid", "order_number": number, "customer": commercetest.Object{"name": "Mara Quarry", "email": "mara@example.com"},
		"meta": commercetest.Object{
			"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": amount, "currency": "EUR"}}, "timestamps": meta["timestamps"],
		},
	})
	commerce.AddTransaction(id, commercetest.Object{"transaction_type": "purchase", "status": "complete", "amount": amount, "meta": meta})
	return id
}

// delivered returns the log lines of an order that Segment accepted when it was paid.
func delivered(id, number, revenue string, paid time.Time) []executions.Line {
	accept := executions.Line{
		Time: paid, Kind: "accept", Tracking: "order-completed", Received: paid, EventTime: paid, Event: "order.paid", WebhookID: "w-" + number,
		Resource: id, Number: number, Total: revenue + " EUR", Attempt: 1, Outcome: "accepted",
	}
	deliver := accept
	deliver.Time, deliver.Kind, deliver.Outcome, deliver.Attempt, deliver.Receives = paid.Add(time.Second), "deliver", "delivered", 0, 1
	deliver.Revenue, deliver.Currency, deliver.MessageIDs = json.Number(revenue), "EUR", []string{"order-completed:" + id}
	return []executions.Line{accept, deliver}
}

// A marketer knows the numbers of orders, and no ids. The order 1043, of 1310.00, was paid
// yesterday, and its webhook never came.
func TestTheQuestionsOfAMarketerAreAnsweredWithoutAnID(t *testing.T) {
	t.Parallel()
	commerce, segment, dir := commercetest.Start(t), hubtest.StartSegment(t), filepath.Join(t.TempDir(), "store")
	now := time.Now()
	noon := time.Date(now.Year(), now.Month(), now.Day()-1, 12, 0, 0, 0, time.Local)
	lines, err := disk.Open(filepath.Join(dir, store.ExecutionsFolder), disk.Limits{Age: 30 * 24 * time.Hour, Bytes: math.MaxInt64}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	lines.Add(delivered("an-earlier-order", "1001", "10.00", noon.AddDate(0, 0, -9)))
	lines.Add(delivered(addSale(commerce, "1042", 12000, noon), "1042", "120.00", noon))
	if err := lines.Close(); err != nil {
		t.Fatal(err)
	}
	addSale(commerce, "1043", 131000, noon.Add(time.Minute))
	h := startIn(t, withEditor, dir)
	h.connects(commerce)
	h.set(map[string]string{settings.SegmentHost: segment.URL, settings.SegmentWriteKey: "a-sources-key"})
	h.posts("order-completed/guest")
	p := h.open()

	t.Log("was order 1042 counted?")
	p.Press("Orders")
	p.Fill("Number or ID of an order", "1042")
	p.Follow("Find")
	p.Sees("Received 1 webhook about order 1042")
	p.Sees("Segment received Order Completed")
	p.Sees("There is no difference.")
	none(t, "the page of the order", p.Faults())

	t.Log("why is yesterday's revenue 1,310 lower than Commerce's?")
	p.Follow("Revenue")
	p.Follow("Compare")
	p.Sees("Revenue by day")
	row := browser.Ask[string](p, `probe.tidy([...document.querySelectorAll(".figures-table tbody tr")].find((row) => row.innerText.includes(%q))?.innerText ?? "")`, noon.Format(time.DateOnly))
	for _, figure := range []string{"1430.00", "120.00", "missing 1310.00"} {
		if !strings.Contains(row, figure) {
			t.Errorf("the row of yesterday does not have %s: %s", figure, row)
		}
	}
	p.Follow("missing")
	p.Sees("The webhook did not arrive: the log is complete for that time and does not have it. The event can be sent.")
	p.Sees("1043")
	none(t, "the page of the day", p.Faults())
	p.Follow("1043")
	p.Sees("No webhooks about order 1043")
	p.Follow("Revenue")
	p.Follow("Send 1 missing order")
	p.Sees("Done: 1 event sent.")
	p.Follow("Revenue")
	p.Follow("Compare")
	p.Sees("1430.00")
	if strings.Contains(p.Text(), "missing 1310.00") {
		t.Error("it was sent, and the page still says that it is missing")
	}

	t.Log("what would change if I add a field?")
	p.Follow("Templates")
	p.Follow("Order Completed")
	p.Sees("one message.")
	edit(p, changed(defaultTemplate, "season"))
	p.Follow("Review and save")
	p.Sees("The messages of 1 of the last 1 event change: properties.season.")
	none(t, "the page with the changes", p.Faults())
	none(t, "the browser", p.Complaints())
}
