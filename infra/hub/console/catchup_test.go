package console

import (
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// shop is a store on this machine, with a Commerce and a Segment that counts messages.
type shop struct {
	*browser
	console  *Console
	commerce *commercetest.Server
	lines    *disk.Store

	segment *hubtest.Segment

	mu      sync.Mutex
	gate    chan struct{} // Segment answers no request until it is closed; nil for none
	accepts int           // how many requests Segment accepts before it rejects all; 0 for no limit
}

// machine is a hub with log lines.
type machine struct {
	Machine
	url   string
	lines executions.Log
}

func (m machine) URL() string                { return m.url }
func (m machine) Executions() executions.Log { return m.lines }
func (m machine) Resources() health.Machine  { return health.Machine{} }

func (m machine) Queues() (waiting, deadLetters int, oldest time.Time) { return 0, 0, time.Time{} }

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{console: open(t), lines: newLog(t), segment: hubtest.StartSegment(t)}
	s.segment.Before = s.answer
	var set map[string]string
	s.commerce, set = connected(t)
	set[settings.SegmentHost] = s.segment.URL
	s.console.Machine = machine{url: "http://127.0.0.1:1", lines: s.lines}
	s.browser = browseAt(t, s.console, set)
	t.Cleanup(s.console.Stop)
	return s
}

// answer returns the status of Segment's response.
func (s *shop) answer(r *http.Request, number int) int {
	s.mu.Lock()
	gate, accepts := s.gate, s.accepts
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return http.StatusServiceUnavailable
		}
	}
	if accepts > 0 && number > accepts {
		return http.StatusUnauthorized
	}
	return http.StatusOK
}

func (s *shop) addOrder(created time.Time, payment string) string {
	stamp := created.UTC().Format("2006-01-02T15:04:05.000Z")
	return s.commerce.AddOrder(commercetest.Object{
		"status": "complete", "payment": payment, "customer": commercetest.Object{"name": "Mara Quarry", "email": "mara@example.com"},
		"meta": commercetest.Object{
			"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 1200, "currency": "GBP"}},
			"timestamps":    commercetest.Object{"created_at": stamp, "updated_at": stamp},
		},
	})
}

// sent returns how many different messages Segment received.
func (s *shop) sent() int {
	different, _ := s.segment.Count()
	return different
}

// holds delays requests to Segment until the returned function is called.
func (s *shop) holds() (letGo func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.gate = gate
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gate = nil
		close(gate)
	})
}

// settled waits until no job is running, and returns the page.
func (s *shop) settled() string {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if status, _ := s.get("/catchup/job"); status == http.StatusResetContent {
			_, page := s.get("/catchup")
			return page
		}
		if time.Now().After(deadline) {
			s.t.Fatal("the job does not end")
		}
	}
}

// finds plans or compares, and returns the page with the result.
func (s *shop) finds(path string, form url.Values) (page string) {
	s.t.Helper()
	if status, page := s.post(path, form); status != http.StatusOK {
		s.t.Fatalf("%s answers %d:\n%s", path, status, page)
	}
	return s.settled()
}

var (
	foundField   = regexp.MustCompile(`name="found" value="([^"]+)"`)
	stoppedField = regexp.MustCompile(`name="id" value="([^"]+)"`)
)

// send presses the button Send of a page.
func (s *shop) send(page string) (status int, answer string) {
	s.t.Helper()
	match := foundField.FindStringSubmatch(page)
	if match == nil {
		s.t.Fatalf("the page has no button Send:\n%s", page)
	}
	return s.post("/catchup/send", url.Values{"found": {match[1]}})
}

var allOfOrders = []string{"checkout-started", "order-completed", "order-refunded", "order-cancelled"}

func planForm(changes map[string]string) url.Values {
	form := url.Values{"kind": {"orders"}, "since": {"2026-01-01"}, "only": allOfOrders}
	for name, value := range changes {
		form[name] = []string{value}
	}
	return form
}

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// lacks fails if one of the texts is in a page.
func lacks(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("the page says %q:\n%s", text, page)
		}
	}
}

func TestABackfillIsPlannedAndThenSent(t *testing.T) {
	s := openShop(t)
	s.addOrder(day, "unpaid")
	s.addOrder(day.AddDate(0, 0, 1), "paid")
	s.addOrder(day.AddDate(0, -3, 0), "paid") // before it
	page := s.finds("/catchup/plan", planForm(map[string]string{"until": "2026-04-01", "to": "Amplitude, Braze"}))
	wants(t, page, "Step 2: send", "<dt>Orders</dt><dd>2</dd>", "<dt>Events to send</dt><dd>3</dd>", "<dt>Estimated time</dt><dd>1 s</dd>",
		"2026-01-01T00:00:00Z</span> until <span class=\"whole\">2026-04-01T00:00:00Z", "<b>2</b> Checkout Started", "<b>1</b> Order Completed",
		"Segment forwards the events to Amplitude and Braze only.", "Send 3 events", "•••", `value="Amplitude, Braze"`)
	lacks(t, page, "Mara", "mara@")
	if s.sent() != 0 {
		t.Error("planning sends events")
	}
	s.send(page)
	wants(t, s.settled(), "Done: 3 events of 2 orders sent.")
	if s.sent() != 3 {
		t.Errorf("Segment received %d messages, want 3", s.sent())
	}
	if status, again := s.send(page); status != http.StatusConflict || !strings.Contains(again, "nothing was sent") {
		t.Errorf("the second time it answers %d:\n%s", status, again)
	}
	s.commerce.AddCustomer(commercetest.Object{
		"name": "Mara Quarry", "email": "mara@example.com",
		"meta": commercetest.Object{"timestamps": commercetest.Object{"created_at": "2026-03-01T00:00:00.000Z", "updated_at": "2026-03-01T00:00:00.000Z"}},
	})
	page = s.finds("/catchup/plan", url.Values{"kind": {"customers"}, "since": {"2026-01-01"}})
	wants(t, page, "<dt>Customers</dt><dd>1</dd>", "Send 1 event")
	_, page = s.post("/catchup/stop", nil)
	wants(t, page, "Send 1 event") // the job had just ended, so its result is shown
	_, page = s.post("/catchup/stop", url.Values{"found": {foundField.FindStringSubmatch(page)[1]}})
	lacks(t, page, "Send 1 event")
	page = s.finds("/catchup/plan", planForm(map[string]string{"since": "2026-02-01", "only": "order-cancelled"}))
	wants(t, page, "There is nothing to send.")
	lacks(t, page, `action="./catchup/send"`)
}

func TestErrorsInTheFormsAreShownAtTheirFields(t *testing.T) {
	s := openShop(t)
	if err := s.store.Put(t.Context(), "tracking/order-refunded/enabled", "false"); err != nil {
		t.Fatal(err)
	}
	_, page := s.get("/catchup")
	wants(t, page, "Order Refunded <small>not enabled</small>")
	for _, c := range []struct {
		name, path string
		form       url.Values
		says       []string
	}{
		{"no time", "/catchup/plan", planForm(map[string]string{"since": ""}), []string{`aria-invalid="true"`, "write a time such as 2026-01-31", "Correct the marked fields"}},
		{"an invalid time", "/catchup/plan", planForm(map[string]string{"until": "<soon>"}), []string{`value="<soon>"`, `"<soon>": write a time`}},
		{"times in the wrong order", "/catchup/plan", planForm(map[string]string{"until": "2025-01-01"}), []string{"must be after the start of the period"}},
		{"no event", "/catchup/plan", url.Values{"kind": {"orders"}, "since": {"1d"}}, []string{"choose at least one"}},
		{"no kind", "/catchup/plan", planForm(map[string]string{"kind": "carts"}), []string{`"carts" cannot be backfilled`}},
		{"a tracking that is disabled", "/catchup/plan", planForm(map[string]string{"only": "order-refunded"}), []string{"no enabled tracking can be backfilled"}},
		{"no time to compare", "/catchup/compare", url.Values{"only": allOfOrders}, []string{"write a time such as"}},
		{"a period whose webhooks may still arrive", "/catchup/compare", url.Values{"since": {"10m"}, "only": allOfOrders}, []string{"must be before the end of the period"}},
		{"nothing to compare", "/catchup/compare", url.Values{"since": {"1d"}}, []string{"choose at least one"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, page := s.post(c.path, c.form)
			if status != http.StatusUnprocessableEntity {
				t.Errorf("answered %d", status)
			}
			wants(t, page, c.says...)
		})
	}
	if err := s.store.Put(t.Context(), settings.CommerceClientID, ""); err != nil {
		t.Fatal(err)
	}
	status, page := s.post("/catchup/plan", planForm(nil))
	wants(t, page, "commerce/client-id is not set", `<a href="./connections">Connect it</a>`)
	if status != http.StatusUnprocessableEntity {
		t.Errorf("without access to Commerce it answers %d", status)
	}
}

// Another user may change the settings between the plan and the button.
func TestAPlanIsNotSentWithOtherSettings(t *testing.T) {
	for name, change := range map[string][2]string{
		"another source":         {settings.SegmentWriteKey, "another-key"},
		"another Commerce store": {settings.CommerceClientID, "another-client"},
		"a tracking disabled":    {settings.Enabled(tracking.CheckoutStarted), "false"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.addOrder(day, "unpaid")
			page := s.finds("/catchup/plan", planForm(nil))
			if err := s.console.Store.Put(t.Context(), change[0], change[1]); err != nil {
				t.Fatal(err)
			}
			status, answer := s.send(page)
			if status != http.StatusConflict || s.sent() != 0 {
				t.Errorf("answered %d, and %d messages were sent", status, s.sent())
			}
			wants(t, answer, "Check the result again")
		})
	}
}

// A job continues when the browser leaves the page, and only one runs at a time. A stopped
// backfill can be resumed, also in another hub.
func TestABackfillCanBeStoppedAndResumed(t *testing.T) {
	s := openShop(t)
	const orders = 250
	for n := range orders {
		s.addOrder(day.Add(time.Duration(n)*time.Second), "unpaid")
	}
	page := s.finds("/catchup/plan", planForm(nil))
	wants(t, page, "Send 250 events")
	letGo := s.holds()
	defer letGo()
	_, page = s.send(page)
	wants(t, page, "Sending events to Segment", "0 of 250 events sent", `<progress max="250" value="0"`, "Stop")
	lacks(t, page, "Step 1", "Compare</button>", "Stopped backfill")
	if status, page := s.post("/catchup/plan", planForm(nil)); status != http.StatusConflict || !strings.Contains(page, "Wait until it has ended, or stop it") {
		t.Errorf("during another job it answers %d:\n%s", status, page)
	}
	// Stop it after the first hundred events.
	letGo()
	var again func()
	for deadline := time.Now().Add(30 * time.Second); again == nil; time.Sleep(time.Millisecond) {
		if work := s.console.catchUpJob.underway(); work == nil || work.Done >= 100 {
			again = s.holds()
		} else if time.Now().After(deadline) {
			t.Fatal("nothing is sent")
		}
	}
	defer again()
	_, page = s.post("/catchup/stop", nil)
	wants(t, page, "Stopped. ", " of 250 events sent. You can resume the backfill", "Stopped backfill", "Resume")
	again()
	if status, _ := s.get("/catchup/job"); status != http.StatusResetContent {
		t.Errorf("without a job it answers %d", status)
	}
	if status, page := s.post("/catchup/plan", planForm(nil)); status != http.StatusConflict || !strings.Contains(page, "Resume it above") {
		t.Errorf("planned again it answers %d:\n%s", status, page)
	}

	s.browser = browseAt(t, &Console{Store: s.console.Store, Key: s.console.Key, Log: s.console.Log, Machine: s.console.Machine}, nil) // the next hub
	_, page = s.get("/catchup")
	stopped := stoppedField.FindStringSubmatch(page)
	if stopped == nil {
		t.Fatalf("the next hub does not know it:\n%s", page)
	}
	if status, _ := s.post("/catchup/stopped", url.Values{"id": {"../" + stopped[1]}}); status != http.StatusConflict {
		t.Errorf("for another file it answers %d", status)
	}
	s.post("/catchup/stopped", url.Values{"id": {stopped[1]}, "do": {"resume"}})
	page = s.settled()
	wants(t, page, "Done: 250 events of 250 orders sent.")
	lacks(t, page, "Stopped backfill")
	if s.sent() != orders {
		t.Errorf("Segment received %d different messages, want %d", s.sent(), orders)
	}
}

func TestAFailedBackfillShowsTheErrorAndCanBeDiscarded(t *testing.T) {
	s := openShop(t)
	for n := range 150 {
		s.addOrder(day.Add(time.Duration(n)*time.Second), "unpaid")
	}
	s.accepts = 1
	s.send(s.finds("/catchup/plan", planForm(nil)))
	page := s.settled()
	wants(t, page, `role="alert"`, "every message is rejected (segment_401)", "100 of 150 events sent", "Stopped backfill")
	stopped := stoppedField.FindStringSubmatch(page)
	_, page = s.post("/catchup/stopped", url.Values{"id": {stopped[1]}, "do": {"discard"}})
	wants(t, page, "Discarded.")
	lacks(t, page, "Stopped backfill")
	page = s.finds("/catchup/plan", planForm(nil))
	wants(t, page, "<dt>Already sent</dt><dd>100</dd>", "Send 50 events")
	s.post("/catchup/stop", url.Values{"found": {foundField.FindStringSubmatch(page)[1]}})
	page = s.finds("/catchup/plan", planForm(map[string]string{"again": "yes"}))
	wants(t, page, "What was already sent is not left out", "Send 150 events", `value="yes" autocomplete="off" checked`)
}

// delivered writes the log lines of a delivered webhook.
func (s *shop) delivered(name, event, order string, received time.Time) {
	s.t.Helper()
	for kind, outcome := range map[string]string{"accept": "accepted", "deliver": "delivered"} {
		line := slog.NewRecord(received, slog.LevelInfo, kind, 0)
		line.Add("tracking", name, "received", received, "event", event, "resource", order, "webhook_id", "w-"+order, "outcome", outcome, "receives", 1)
		if err := s.lines.Handler().Handle(s.t.Context(), line); err != nil {
			s.t.Fatal(err)
		}
	}
}

// newLog returns an empty log of executions.
func newLog(t *testing.T) *disk.Store {
	t.Helper()
	log, err := disk.Open(t.TempDir(), disk.Limits{Age: 30 * 24 * time.Hour, Bytes: 1 << 30}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func TestReconcileSendsOnlyTheMissingEvents(t *testing.T) {
	s := openShop(t)
	compare := url.Values{"since": {"6h"}, "only": append([]string{"customer-created"}, allOfOrders...)}
	page := s.finds("/catchup/compare", compare)
	wants(t, page, "there is nothing to compare yet")

	now := time.Now()
	got, lost := s.addOrder(now.Add(-3*time.Hour), "unpaid"), s.addOrder(now.Add(-2*time.Hour), "unpaid")
	s.addOrder(now.Add(-10*time.Minute), "unpaid") // its webhook may still arrive
	s.delivered("checkout-started", "order.created", got, now.Add(-3*time.Hour))
	s.post("/finish", url.Values{"url": {"https://x.tunnel.example"}})
	for _, i := range s.commerce.Integrations() {
		if strings.Contains(i["name"].(string), "Checkout Started") {
			s.commerce.AddLog(i["id"].(string), 503, "<b>unavailable")
		}
	}
	page = s.finds("/catchup/compare", compare)
	wants(t, page, "The records of webhooks begin at ", `<b>Checkout Started</b></td><td data-label="Missing" class="bad">1</td><td data-label="Delivered">1</td><td data-label="Backfilled"></td>`, "order.created of <a", lost,
		"Likely cause for Checkout Started", "1 × answered 503", "Send 1 missing event", `value="6h"`)
	lacks(t, page, got, "Mara")
	if s.sent() != 0 {
		t.Error("comparing sends events")
	}
	s.send(page)
	wants(t, s.settled(), "Done: 1 event sent.")
	for _, id := range s.segment.IDs() {
		if !strings.HasPrefix(id, "checkout-started:"+lost) {
			t.Errorf("the message %s was sent", id)
		}
	}
	_, page = s.get("/trace?q=" + lost)
	wants(t, page, "No webhooks about "+lost+" were received in the last 7 days. Without a webhook, hub reconcile sent 1 event. Segment received Checkout Started.",
		"In Commerce the order is ", "by hub reconcile (session ", "as messageId checkout-started:"+lost)
	page = s.finds("/catchup/compare", compare)
	wants(t, page, "Nothing is missing.")
	lacks(t, page, `action="./catchup/send"`)
}

// The console of another process has no log and no inbox.
func TestCatchUpNeedsTheHub(t *testing.T) {
	s := openShop(t)
	s.console.Machine = nil
	status, page := s.post("/catchup/compare", url.Values{"since": {"6h"}, "only": allOfOrders})
	wants(t, page, "known by the hub that receives them")
	if status != http.StatusNotFound {
		t.Errorf("answered %d", status)
	}
	if err := s.store.Put(t.Context(), settings.SegmentHost, ""); err != nil {
		t.Fatal(err)
	}
	status, page = s.post("/catchup/plan", planForm(nil))
	wants(t, page, "inbox of hub run")
	if status != http.StatusUnprocessableEntity {
		t.Errorf("answered %d", status)
	}
}
