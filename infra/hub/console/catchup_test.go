package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// shop is a store on this machine whose past is told to a Segment that counts.
type shop struct {
	*browser
	console  *Console
	commerce *commercetest.Server
	lines    *executions.Memory

	segment *hubtest.Segment

	mu    sync.Mutex
	gate  chan struct{} // requests wait until it is closed; nil for none
	takes int           // requests, and refuses all after these; 0 for no such end
}

// taker is a hub that has logged what it took.
type taker struct {
	Machine
	url   string
	lines *executions.Memory
}

func (t taker) URL() string               { return t.url }
func (t taker) Lines() *executions.Memory { return t.lines }

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{console: open(t), lines: executions.NewMemory(), segment: hubtest.StartSegment(t)}
	s.segment.Before = s.answer
	var set map[string]string
	s.commerce, set = connected(t)
	set[settings.SegmentHost] = s.segment.URL
	s.console.Machine = taker{url: "http://127.0.0.1:1", lines: s.lines}
	s.browser = browseAt(t, s.console, set)
	t.Cleanup(s.console.Stop)
	return s
}

// answer is what Segment answers a request.
func (s *shop) answer(r *http.Request, number int) int {
	s.mu.Lock()
	gate, takes := s.gate, s.takes
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return http.StatusServiceUnavailable
		}
	}
	if takes > 0 && number > takes {
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

// sent is how many different messages came.
func (s *shop) sent() int {
	different, _ := s.segment.Count()
	return different
}

// holds holds requests to Segment up, until the function that it gives is called.
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

// settled waits until no job is underway, and gives the page.
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

// finds plans or compares, and gives the page once that is done.
func (s *shop) finds(path string, form url.Values) (page string) {
	s.t.Helper()
	if status, page := s.post(path, form); status != http.StatusOK {
		s.t.Fatalf("%s answers %d:\n%s", path, status, page)
	}
	return s.settled()
}

var (
	foundField = regexp.MustCompile(`name="found" value="([^"]+)"`)
	leftField  = regexp.MustCompile(`name="left" value="([^"]+)"`)
)

// send presses the button of a page that sends what it shows.
func (s *shop) send(page string) (status int, answer string) {
	s.t.Helper()
	match := foundField.FindStringSubmatch(page)
	if match == nil {
		s.t.Fatalf("there is nothing to send on the page:\n%s", page)
	}
	return s.post("/catchup/send", url.Values{"found": {match[1]}})
}

var allOfOrders = []string{"checkout-started", "order-completed", "order-refunded", "order-cancelled"}

func plan(changes map[string]string) url.Values {
	form := url.Values{"kind": {"orders"}, "since": {"2026-01-01"}, "only": allOfOrders}
	for name, value := range changes {
		form[name] = []string{value}
	}
	return form
}

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// lacks looks for texts that must not be in a page.
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
	page := s.finds("/catchup/plan", plan(map[string]string{"until": "2026-04-01", "to": "Amplitude, Braze"}))
	wants(t, page, "Step 2: send it", "<dt>Orders</dt><dd>2</dd>", "<dt>Events</dt><dd>3</dd>", "<dt>Takes about</dt><dd>1 s</dd>",
		"2026-01-01T00:00:00Z</span> until <span class=\"whole\">2026-04-01T00:00:00Z", "<b>2</b> Checkout Started", "<b>1</b> Order Completed",
		"to be passed on to Amplitude and Braze only", "Send 3 events", "[redacted]", `value="Amplitude, Braze"`)
	lacks(t, page, "Mara", "mara@")
	if s.sent() != 0 {
		t.Error("to plan it sends it")
	}
	s.send(page)
	wants(t, s.settled(), "Done: 3 events of 2 orders sent.")
	if s.sent() != 3 {
		t.Errorf("%d messages came, want 3", s.sent())
	}
	if status, again := s.send(page); status != http.StatusConflict || !strings.Contains(again, "Nothing was sent") {
		t.Errorf("a second time it answers %d:\n%s", status, again)
	}
	s.commerce.AddCustomer(commercetest.Object{
		"name": "Mara Quarry", "email": "mara@example.com",
		"meta": commercetest.Object{"timestamps": commercetest.Object{"created_at": "2026-03-01T00:00:00.000Z", "updated_at": "2026-03-01T00:00:00.000Z"}},
	})
	page = s.finds("/catchup/plan", url.Values{"kind": {"customers"}, "since": {"2026-01-01"}})
	wants(t, page, "<dt>Customers</dt><dd>1</dd>", "Send 1 event")
	_, page = s.post("/catchup/stop", nil)
	wants(t, page, "Send 1 event") // who stopped a job that had just ended sees what it came to
	_, page = s.post("/catchup/stop", url.Values{"found": {foundField.FindStringSubmatch(page)[1]}})
	lacks(t, page, "Send 1 event")
	page = s.finds("/catchup/plan", plan(map[string]string{"since": "2026-02-01", "only": "order-cancelled"}))
	wants(t, page, "There is nothing to send.")
	lacks(t, page, `action="./catchup/send"`)
}

func TestWhatCannotBePlannedIsSaidAtItsField(t *testing.T) {
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
		{"no time", "/catchup/plan", plan(map[string]string{"since": ""}), []string{`aria-invalid="true"`, "write a time such as 2026-01-31", "correct what is marked"}},
		{"a time that is none", "/catchup/plan", plan(map[string]string{"until": "<soon>"}), []string{`value="<soon>"`, `"<soon>": write a time`}},
		{"turned round", "/catchup/plan", plan(map[string]string{"until": "2025-01-01"}), []string{"nothing lies between"}},
		{"no event", "/catchup/plan", url.Values{"kind": {"orders"}, "since": {"1d"}}, []string{"choose at least one"}},
		{"no kind", "/catchup/plan", plan(map[string]string{"kind": "carts"}), []string{`"carts" is no list of Commerce's`}},
		{"a tracking that is off", "/catchup/plan", plan(map[string]string{"only": "order-refunded"}), []string{"no tracking is enabled that could be told"}},
		{"no time to compare", "/catchup/compare", url.Values{"only": allOfOrders}, []string{"write a time such as"}},
		{"what may still come", "/catchup/compare", url.Values{"since": {"10m"}, "only": allOfOrders}, []string{"nothing lies between"}},
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
	status, page := s.post("/catchup/plan", plan(nil))
	wants(t, page, "commerce/client-id is not set", `<a href="./connections">Connect it</a>`)
	if status != http.StatusUnprocessableEntity {
		t.Errorf("without access to Commerce it answers %d", status)
	}
}

// What is underway goes on when the browser leaves; there is one at a time; and it goes
// on from where it was stopped, also in another hub: a plan that was killed must not
// begin anew.
// Between the plan and the button somebody may have mended the settings.
func TestWhatWasPlannedIsNotSentWithOtherSettings(t *testing.T) {
	for name, change := range map[string][2]string{
		"another source":         {settings.SegmentWriteKey, "another-key"},
		"another Commerce store": {settings.CommerceClientID, "another-client"},
		"a tracking disabled":    {settings.Enabled(tracking.CheckoutStarted), "false"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.addOrder(day, "unpaid")
			page := s.finds("/catchup/plan", plan(nil))
			if err := s.console.Store.Put(t.Context(), change[0], change[1]); err != nil {
				t.Fatal(err)
			}
			status, answer := s.send(page)
			if status != http.StatusConflict || s.sent() != 0 {
				t.Errorf("it answers %d, and %d messages were sent", status, s.sent())
			}
			wants(t, answer, "changed meanwhile: look at it again")
		})
	}
}

func TestABackfillCanBeStoppedAndGoesOn(t *testing.T) {
	s := openShop(t)
	const orders = 250
	for n := range orders {
		s.addOrder(day.Add(time.Duration(n)*time.Second), "unpaid")
	}
	page := s.finds("/catchup/plan", plan(nil))
	wants(t, page, "Send 250 events")
	letGo := s.holds()
	defer letGo()
	_, page = s.send(page)
	wants(t, page, "Telling Segment what happened", "0 of 250 events sent", `<progress max="250" value="0"`, "Stop")
	lacks(t, page, "Step 1", "Compare</button>", "A backfill that was stopped")
	if status, page := s.post("/catchup/plan", plan(nil)); status != http.StatusConflict || !strings.Contains(page, "wait until that has ended, or stop it") {
		t.Errorf("while one is underway it answers %d:\n%s", status, page)
	}
	// The first hundred go through, and then it is stopped.
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
	wants(t, page, "Stopped. ", " of 250 events are sent. Nothing is lost", "A backfill that was stopped", "Go on")
	again()
	if status, _ := s.get("/catchup/job"); status != http.StatusResetContent {
		t.Errorf("of no job it answers %d", status)
	}
	if status, page := s.post("/catchup/plan", plan(nil)); status != http.StatusConflict || !strings.Contains(page, "go on with it above") {
		t.Errorf("planned anew it answers %d:\n%s", status, page)
	}

	s.browser = browseAt(t, &Console{Store: s.console.Store, Key: s.console.Key, Log: s.console.Log, Machine: s.console.Machine}, nil) // the next hub
	_, page = s.get("/catchup")
	left := leftField.FindStringSubmatch(page)
	if left == nil {
		t.Fatalf("the next hub knows nothing of it:\n%s", page)
	}
	if status, _ := s.post("/catchup/left", url.Values{"left": {"../" + left[1]}}); status != http.StatusConflict {
		t.Errorf("of another file it answers %d", status)
	}
	s.post("/catchup/left", url.Values{"left": {left[1]}, "do": {"go"}})
	page = s.settled()
	wants(t, page, "Done: 250 events of 250 orders sent.")
	lacks(t, page, "A backfill that was stopped")
	if s.sent() != orders {
		t.Errorf("%d different messages came, want %d", s.sent(), orders)
	}
}

func TestABackfillThatFailedSaysWhyAndCanBeForgotten(t *testing.T) {
	s := openShop(t)
	for n := range 150 {
		s.addOrder(day.Add(time.Duration(n)*time.Second), "unpaid")
	}
	s.takes = 1
	s.send(s.finds("/catchup/plan", plan(nil)))
	page := s.settled()
	wants(t, page, `role="alert"`, "it refuses everything (segment_401)", "100 of 150 events are sent", "A backfill that was stopped")
	left := leftField.FindStringSubmatch(page)
	_, page = s.post("/catchup/left", url.Values{"left": {left[1]}, "do": {"forget"}})
	wants(t, page, "Forgotten.")
	lacks(t, page, "A backfill that was stopped")
	page = s.finds("/catchup/plan", plan(nil))
	wants(t, page, "Send 150 events")
}

// delivered writes what a hub logs of a webhook that it has delivered.
func (s *shop) delivered(name, event, order string, received time.Time) {
	s.t.Helper()
	for _, kind := range []string{"accept", "deliver"} {
		line, err := json.Marshal(executions.Line{
			Time: received, Kind: kind, Tracking: name, Received: received, Event: event, Resource: order,
			WebhookID: "w-" + order, Outcome: map[string]string{"accept": "accepted", "deliver": "delivered"}[kind], Receives: 1,
		})
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.lines.Write(line); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestReconcileSendsExactlyWhatIsMissing(t *testing.T) {
	s := openShop(t)
	compare := url.Values{"since": {"6h"}, "only": append([]string{"customer-created"}, allOfOrders...)}
	page := s.finds("/catchup/compare", compare)
	wants(t, page, "there is nothing to compare yet")

	now := time.Now()
	got, lost := s.addOrder(now.Add(-3*time.Hour), "unpaid"), s.addOrder(now.Add(-2*time.Hour), "unpaid")
	s.addOrder(now.Add(-10*time.Minute), "unpaid") // its webhook may be on its way
	s.delivered("checkout-started", "order.created", got, now.Add(-3*time.Hour))
	s.post("/finish", url.Values{"url": {"https://x.tunnel.example"}})
	for _, i := range s.commerce.Integrations() {
		if strings.Contains(i["name"].(string), "Checkout Started") {
			s.commerce.AddLog(i["id"].(string), 503, "<b>unavailable")
		}
	}
	page = s.finds("/catchup/compare", compare)
	wants(t, page, "goes back to ", `<b>Checkout Started</b></td><td data-label="Missing" class="bad">1</td><td data-label="Delivered">1</td><td data-label="Sent from here"></td>`, "order.created of <a", lost,
		"Why those of Checkout Started seem lost", "1 × answered 503", "Send what is missing, 1 event", `value="6h"`)
	lacks(t, page, got, "Mara")
	if s.sent() != 0 {
		t.Error("to compare it sends")
	}
	s.send(page)
	wants(t, s.settled(), "Done: 1 event sent.")
	for _, id := range s.segment.IDs() {
		if !strings.HasPrefix(id, "checkout-started:"+lost) {
			t.Errorf("it sends %s", id)
		}
	}
	page = s.finds("/catchup/compare", compare)
	wants(t, page, "Nothing is missing.")
	lacks(t, page, `action="./catchup/send"`)
}

// A console that is not the hub's knows of no webhook, and of no inbox.
func TestCatchingUpNeedsTheHub(t *testing.T) {
	s := openShop(t)
	s.console.Machine = nil
	status, page := s.post("/catchup/compare", url.Values{"since": {"6h"}, "only": allOfOrders})
	wants(t, page, "in the memory of the hub that takes them")
	if status != http.StatusNotFound {
		t.Errorf("answered %d", status)
	}
	if err := s.store.Put(t.Context(), settings.SegmentHost, ""); err != nil {
		t.Fatal(err)
	}
	status, page = s.post("/catchup/plan", plan(nil))
	wants(t, page, "inbox of hub run")
	if status != http.StatusUnprocessableEntity {
		t.Errorf("answered %d", status)
	}
}
