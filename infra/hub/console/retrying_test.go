package console

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/relay"
)

// withRetrying returns a console with that many retrying events of Order Completed.
func withRetrying(t *testing.T, many int) deadLetterConsole {
	c := withDeadLetters(t)
	for i := range many {
		if err := c.queues["order-completed"].Put(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(hubtest.Order("order.paid", fmt.Sprintf("o-%d", i)))}); err != nil {
			t.Fatal(err)
		}
		c.retries("order-completed", []string{"segment_500", "template"}[i%2], time.Hour+time.Duration(i)*time.Minute)
	}
	return c
}

// isRetrying fails unless that many events of Order Completed wait for a later attempt.
func (c deadLetterConsole) isRetrying(want int) {
	c.Helper()
	var now int
	err := c.queues["order-completed"].EachWaiting(func(w queue.Waiting) {
		if time.Until(w.Next) > 30*time.Minute {
			now++
		}
	})
	if err != nil {
		c.Fatal(err)
	}
	if now != want {
		c.Errorf("%d events wait for a later attempt, want %d", now, want)
	}
}

func TestRetryingEventsAreListedInPages(t *testing.T) {
	c := withRetrying(t, 52)
	first := c.ask("GET", "/deadletters/retrying", nil)
	c.want(first, 200, "52 events are retried", "This page shows 1 to 50.", "o-49</a>", "in 59 min", "Next page")
	c.want(c.ask("GET", "/deadletters/retrying?page=2", nil), 200, "This page shows 51 to 52.", "o-51</a>", "Page before")
	c.want(c.ask("GET", "/deadletters/retrying?reason=template&page=99", nil), 200, "26 events with the reason <code>template</code>")
	c.want(c.ask("GET", "/deadletters/retrying?tracking=order-updated", nil), 200, "No event is retried.")
	if strings.Contains(first.text(), "o-50</a>") {
		t.Error("the first page shows a 51st event")
	}
}

func TestRetryNowAttemptsWhatIsSelected(t *testing.T) {
	for _, test := range []struct {
		name string
		form url.Values
		left int
	}{
		{"all", url.Values{}, 0},
		{"of a reason", url.Values{"tracking": {"order-completed"}, "reason": {"template"}}, 5},
		{"of another tracking", url.Values{"tracking": {"order-updated"}}, 10},
		{"two events", url.Values{"selected": {"yes"}, "event": {"order-completed:1-1", "order-completed:1-4"}}, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := withRetrying(t, 10)
			if got := c.ask("POST", "/deadletters/retrying", test.form); got.status != 303 {
				t.Errorf("the answer is %d: %s", got.status, got.text())
			}
			c.isRetrying(test.left)
		})
	}
	c := withRetrying(t, 2)
	c.want(c.ask("POST", "/deadletters/retrying", url.Values{"selected": {"yes"}}), 422, "no event is selected")
	c.isRetrying(2)
}
