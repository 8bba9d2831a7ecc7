package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// eventConsole is the console of a hub with queues, an inbox and a log on the disk.
type eventConsole struct {
	deadLetterConsole
	machine machineWithInbox
	at      time.Time // when the webhook of the order o-1 was received
}

func withEvents(t *testing.T) *eventConsole {
	list, err := database.OpenList(filepath.Join(t.TempDir(), "inbox.db"), "the inbox", database.Limits{Bytes: 64 << 20, Age: time.Hour}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { list.Close() })
	c := &eventConsole{deadLetterConsole: withDeadLetters(t), at: time.Now().Add(-time.Minute)}
	c.machine = machineWithInbox{c.console.Machine.(machineWith), list}
	c.console.Machine = c.machine
	return c
}

// logs writes a line of the log about the webhook.
func (c *eventConsole) logs(kind, outcome string, attrs ...any) {
	c.Helper()
	log := slog.New(c.lines.Handler())
	log.Info(kind, append([]any{"tracking", "order-completed", "received", c.at, "event", "order.paid", "resource", "o-1", "webhook_id", "w-1", "outcome", outcome}, attrs...)...)
}

// page opens the page of the webhook, from the list of executions.
func (c *eventConsole) page(query string) page {
	c.Helper()
	list := c.ask("GET", "/executions", nil).text()
	link := regexp.MustCompile(`<a href="\.(/executions/[^"]*)"><time`).FindStringSubmatch(list)
	if link == nil {
		c.Fatalf("the list has no link to the page:\n%s", list)
	}
	return c.ask("GET", link[1]+query, nil)
}

func TestThePageOfADeliveredWebhookComparesWhatWasSentWithTheLiveTemplate(t *testing.T) {
	c := withEvents(t)
	c.machine.recent = []Recent{
		{At: c.at.Add(2 * time.Second), Tracking: tracking.OrderCompleted, Event: "order.paid", Resource: "o-1", Body: []byte(`{}`)},
		{At: c.at.Add(time.Millisecond), Tracking: tracking.OrderCompleted, Event: "order.paid", Resource: "o-1", Body: []byte(hubtest.PersonalOrder)},
	}
	c.console.Machine = c.machine
	put := func(source string) {
		if err := c.console.Store.Put(t.Context(), settings.Template(tracking.OrderCompleted), source); err != nil {
			t.Fatal(err)
		}
	}
	put(`{"event": "Paid", "userId": "u", "properties": {"to": payload.data.customer.name}}`)
	c.logs("accept", "accepted", "attempt", 1)
	c.want(c.page(""), 200, "It is on the queue", "Result with the live template", "Paid", "It is among the latest webhooks")
	preview := c.console.previewOf(t.Context(), preview{}, templateForm{Tracking: tracking.OrderCompleted, Personal: true}, sourceOf(tracking.OrderCompleted, `{"event": "Paid", "userId": "u", "properties": {"to": payload.data.customer.name}}`), event{Body: []byte(hubtest.PersonalOrder), At: c.at, Real: true})
	id := regexp.MustCompile(`"messageId": "([^"]*)"`).FindStringSubmatch(preview.Result.JSON)[1]
	var sent bytes.Buffer
	if err := json.Compact(&sent, []byte(preview.Result.JSON)); err != nil {
		t.Fatal(err)
	}
	if err := c.machine.batches.Add(database.Entry{At: time.Now(), Body: sent.Bytes()}); err != nil {
		t.Fatal(err)
	}
	c.logs("deliver", "delivered", "receives", 1, "message_ids", []string{id})
	hidden := c.page("")
	c.want(hidden, 200, "Segment accepted it", id, "As the inbox received it. The live template writes the same.", "Personal values are hidden", "•••")
	if strings.Contains(hidden.text(), "Mara") {
		t.Errorf("the page shows a name:\n%s", hidden.text())
	}
	c.want(c.page("&personal=yes"), 200, "Mara", "Personal values are shown")

	put(`{"event": "Paid again", "userId": "u"}`)
	c.want(c.page(""), 200, "Sent, and what the live template writes", "Before and after", "Paid again")
}

// What a template got with $commerce is not in the webhook.
func TestThePageHidesWhatCommerceAnsweredTheTemplate(t *testing.T) {
	c := withEvents(t)
	c.machine.recent = []Recent{{At: c.at, Tracking: tracking.OrderCompleted, Event: "order.paid", Resource: "o-1", Body: []byte(hubtest.PersonalOrder)}}
	c.console.Machine = c.machine
	sent := `{"batch":[{"type":"track","event":"Paid by Kim","messageId":"m-1","userId":"kim@example.org","properties":{"customer_name":"Kim Vale","mobile":4912345678,
		"owner":"Pat Roe","total":972.05,"products":[{"name":"Two-person tent"}]},"context":{"traits":{"name":"Kim Vale","phone":"+49 123 45678"}}}]}`
	if err := c.machine.batches.Add(database.Entry{At: time.Now(), Body: []byte(sent)}); err != nil {
		t.Fatal(err)
	}
	if err := c.console.Store.Put(t.Context(), settings.Template(tracking.OrderCompleted), `{"event": "Paid", "userId": "u-1", "properties": {"coupon": "Kim", "total": 1}}`); err != nil {
		t.Fatal(err)
	}
	c.logs("accept", "accepted", "attempt", 1)
	c.logs("deliver", "delivered", "receives", 1, "message_ids", []string{"m-1"})
	personal := []string{"Kim", "kim@", "Vale", "Roe", "12345678", "Mara", "Quarry"}
	hidden := c.page("")
	c.want(hidden, 200, "As the inbox received it.", "Before and after", "•••", "972.05", "Two-person tent", "m-1", "u-1")
	for _, value := range personal {
		if strings.Contains(hidden.text(), value) {
			t.Errorf("the page shows %s:\n%s", value, hidden.text())
		}
	}
	c.want(c.page("&personal=yes"), 200, personal...)
}

func TestThePageOfAFailedWebhookHasItsRetryOrReplay(t *testing.T) {
	c := withEvents(t)
	envelope := relay.Envelope{Received: c.at, Body: []byte(hubtest.PersonalOrder)}
	if err := c.queues["order-completed"].Put(t.Context(), envelope); err != nil {
		t.Fatal(err)
	}
	c.logs("accept", "accepted")
	c.retries("order-completed", "segment_500", time.Hour)
	c.logs("deliver", "retrying", "receives", 1, "reason", "segment_500", "retry_in", "1h0m0s")
	retrying := c.page("")
	c.want(retrying, 200, "Retry now", "Without it, the next attempt is at", "It is kept on the queue", "Attempt 1 failed: segment_500", "Next attempt in 1h0m0s")
	if got := c.ask("POST", "/deadletters/retrying", formOf(retrying.text(), "/deadletters/retrying")); got.status != 303 {
		t.Errorf("the retry is answered %d: %s", got.status, got.text())
	}
	item := c.queues["order-completed"].Receive(t.Context(), 1)[0]
	if err := c.queues["order-completed"].Fail(t.Context(), item.Envelope, relay.Failure{Reason: "message_invalid", Resource: "o-1", Receives: 2}); err != nil {
		t.Fatal(err)
	}
	if err := c.queues["order-completed"].Delete(item.Handle); err != nil {
		t.Fatal(err)
	}
	c.logs("deliver", "failed", "receives", 2, "reason", "message_invalid")
	failed := c.page("")
	c.want(failed, 200, "It is kept as a dead letter", "Replay the dead letter", "Result with the live template")
	if got := c.ask("POST", "/deadletters/replay", formOf(failed.text(), "/deadletters/replay")); got.status != 303 {
		t.Errorf("the replay is answered %d: %s", got.status, got.text())
	}
	c.isLeftWith("order-completed", 0, 1)
}

func TestThePageOfAWebhookThatIsNotKeptSaysSo(t *testing.T) {
	c := withEvents(t)
	c.logs("accept", "accepted")
	c.logs("deliver", "delivered", "receives", 1, "message_ids", []string{"m-1"}, "event_time", c.at)
	c.want(c.page(""), 200, "The inbox does not have the message", "This one is not among them", "m-1")
	position := executions.Position(c.at.Add(1), "order-completed")
	for path, status := range map[string]int{position: 404, "x": 400, fmt.Sprint(c.at.UnixNano(), ".nothing"): 404} {
		if got := c.ask("GET", "/executions/"+path+"?"+url.Values{"id": {"o-1"}}.Encode(), nil); got.status != status {
			t.Errorf("%s is answered %d: %s", path, got.status, got.text())
		}
	}
}
