package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/serve"
)

// Half of Segment's answers are errors. Every event is delivered, with one messageId.
func TestFiveHundredWebhooksAtOnceSurviveAnOutage(t *testing.T) {
	const count = 500
	h := start(t, "--inbox-fail", "0.5", "--backoff", "1ms")
	h.Set("templates/order-completed", hubtest.Simple)
	secret := h.Parameter("commerce/webhook-secret")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: count}}

	var posts sync.WaitGroup
	var rejected atomic.Int32
	begin := make(chan struct{})
	for n := range count {
		posts.Go(func() {
			<-begin
			request, err := http.NewRequest("POST", h.URL+"/webhooks/order-completed", strings.NewReader(hubtest.Order("order.paid", fmt.Sprint("o-", n))))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set(serve.KeyHeader, secret)
			response, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			if response.StatusCode != http.StatusAccepted {
				rejected.Add(1)
			}
		})
	}
	close(begin)
	posts.Wait()
	if n := rejected.Load(); n > 0 {
		t.Fatalf("%d webhooks were not accepted", n)
	}

	ids := make(map[string]bool)
	for _, message := range h.AwaitMessages(count) {
		var identity struct{ MessageID, UserID string }
		if err := json.Unmarshal(message, &identity); err != nil {
			t.Fatal(err)
		}
		ids[identity.MessageID] = true
	}
	if len(ids) != count {
		t.Errorf("%d messages have %d ids", count, len(ids))
	}
	if !strings.Contains(h.Stderr.String(), "outcome=retrying") {
		t.Error("no attempt failed: there was no outage")
	}
}
