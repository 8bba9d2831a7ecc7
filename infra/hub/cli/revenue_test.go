package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/received/receivedtest"
)

// addSale adds an order that was paid two days ago at noon: 120.00 with 20.00 tax in it. It
// returns the order's id, and its webhook.
func addSale(shop *commercetest.Server, total int) (id, webhook string, day time.Time) {
	now := time.Now()
	day = time.Date(now.Year(), now.Month(), now.Day()-2, 0, 0, 0, 0, now.Location())
	paid := day.Add(12 * time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
	at := commercetest.Object{"timestamps": commercetest.Object{"created_at": paid, "updated_at": paid}}
	price := func(amount int) commercetest.Object { return commercetest.Object{"amount": amount, "currency": "EUR"} }
	order := commercetest.Object{"type": "order", "status": "complete", "payment": "paid", "meta": commercetest.Object{
		"display_price": commercetest.Object{"with_tax": price(total), "tax": price(2000)}, "timestamps": at["timestamps"],
	}}
	id = shop.AddOrder(order)
	shop.AddTransaction(id, commercetest.Object{"transaction_type": "purchase", "status": "complete", "amount": total, "meta": at})
	order["id"] = id
	body, err := json.Marshal(commercetest.Object{
		"id": "w-" + id, "triggered_by": "order.paid", "attempt": 1, "integration": commercetest.Object{"id": "i"}, "payload": commercetest.Object{"data": order},
	})
	if err != nil {
		panic(err)
	}
	return id, string(body), day
}

func TestRevenueExplainsTheDifferenceOfADay(t *testing.T) {
	shop := commercetest.Start(t)
	h := start(t)
	connect(t, h.Dir, shop, "")
	sent, webhook, day := addSale(shop, 12000)
	lost, _, _ := addSale(shop, 131000)
	h.Webhook("order-completed", webhook)
	ended(h, 1)

	got := command(t, "", "revenue", h.AddrFlag(), "--dir", h.Dir)
	date := day.Format(time.DateOnly)
	// The log begins with the webhook that came, after both were paid.
	want := "DAY CURRENCY ORDERS PAID SENT DIFFERENCE WHY\n" +
		date + " EUR 2 1430.00 100.00 1330.00 not known 1310.00 (1 order, by the template 1290.00), tax 20.00 (1 order)\n" +
		"\nIt is not known what was sent for 1 order. The log of webhooks begins at "
	if got.code != exitDone || !strings.Contains(unpadded(got.stdout), want) {
		t.Errorf("it prints\n%s%s\nwant\n%s", unpadded(got.stdout), got.stderr, want)
	}
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--orders"}, fmt.Sprintf("%[1]s %[2]s EUR 120.00 100.00 20.00 tax 20.00\n%[1]s %[3]s EUR 1310.00 not known 1310.00 not known 1310.00\n", date, sent, lost)},
		{[]string{"--csv"}, date + ",EUR,2,1430.00,100.00,1330.00,0,1,1290.00,\"not known 1310.00 (1 order, by the template 1290.00), tax 20.00 (1 order)\",,\n"},
		{[]string{"--csv", "--orders"}, fmt.Sprintf("%[1]s,%[2]s,,EUR,120.00,100.00,20.00,log,tax 20.00\n%[1]s,%[3]s,,EUR,1310.00,0.00,1310.00,not known,not known 1310.00\n", date, sent, lost)},
		{[]string{"--json"}, `"difference": 1330.00,`},
		{[]string{"--until", date}, "No order was paid.\n"},
	} {
		got := command(t, "", append([]string{"revenue", h.AddrFlag(), "--dir", h.Dir}, c.flags...)...)
		if got.code != exitDone || !strings.Contains(unpadded(got.stdout), c.want) {
			t.Errorf("with %v it prints\n%s%s\nwant\n%s", c.flags, unpadded(got.stdout), got.stderr, c.want)
		}
	}
}

// With a token of the Public API, a day has what Segment received of Order Completed.
func TestRevenueShowsWhatSegmentReceivedOfADay(t *testing.T) {
	shop := commercetest.Start(t)
	var noon time.Time
	dir := sentAndReceived(t, func(w *receivedtest.World) {
		_, _, day := addSale(shop, 12000)
		noon = day.Add(12 * time.Hour)
		hours := int(w.At(0).Sub(noon) / time.Hour)
		w.Lines = nil
		w.Send(hours+40, receivedtest.Order, 1)
		w.Send(hours, receivedtest.Order, 3)
		w.Receive(hours, receivedtest.Order, 2)
	})
	connect(t, dir, shop, "")
	for flag, want := range map[string]string{"": "DIFFERENCE RECEIVED (ALL CURRENCIES) WHY\n", "--csv": "reasons,messages_sent,messages_received\n", "--json": `"received": 2`} {
		args := []string{"revenue", "--addr", "127.0.0.1:1", "--dir", dir}
		if flag != "" {
			args = append(args, flag)
		}
		got := command(t, "", args...)
		row := map[string]string{"": " 2 of 3 ", "--csv": ",3,2\n", "--json": `"sent": 3,`}[flag]
		if out := unpadded(got.stdout); got.code != exitDone || !strings.Contains(out, want) || !strings.Contains(out, row) {
			t.Errorf("with %q it prints\n%s%s\nwant %q and %q", flag, got.stdout, got.stderr, want, row)
		}
	}
}

func TestRevenueWithoutCommerceSaysHowToConnectIt(t *testing.T) {
	h := start(t)
	got := command(t, "", "revenue", h.AddrFlag(), "--dir", h.Dir)
	if got.code != exitFailed || !strings.Contains(got.stderr, "what was paid is not known: the store is not connected to Commerce") || !strings.Contains(got.stderr, "hub configure") {
		t.Errorf("it says %+v", got)
	}
	if got := command(t, "", "revenue", h.AddrFlag(), "--dir", h.Dir, "--since", "yesterday"); got.code != exitFailed || !strings.Contains(got.stderr, `--since "yesterday": write a time such as 2026-01-31`) {
		t.Errorf("for another time it says %+v", got)
	}
}
