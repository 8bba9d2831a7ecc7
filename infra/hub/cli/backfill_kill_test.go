package cli

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
)

// full makes the test of killed backfills large:
//
//	go test ./infra/hub/cli -run Killed -full
var full = flag.Bool("full", false, "backfill 20,000 orders instead of 1,000")

// connect writes the access to a Commerce, and the host of a Segment unless it is empty, to a
// hub's directory.
func connect(t *testing.T, dir string, shop *commercetest.Server, host string) {
	t.Helper()
	for name, value := range map[string]string{
		settings.CommerceClientID: commercetest.ClientID, settings.CommerceClientSecret: settings.BindSecret(shop.URL, commercetest.ClientSecret),
		settings.CommerceTokenURL: shop.URL + "/oauth/access_token",
	} {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	if host != "" {
		hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentHost), host)
		hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentWriteKey), "a-sources-key")
	}
}

// addOrder adds an order to a Commerce, and returns its id.
func addOrder(shop *commercetest.Server, created time.Time, payment string) string {
	stamp := created.UTC().Format("2006-01-02T15:04:05.000Z")
	return shop.AddOrder(commercetest.Object{
		"status": "complete", "payment": payment, "customer": commercetest.Object{"name": "Ada", "email": "ada@example.com"},
		"meta": commercetest.Object{
			"display_price": commercetest.Object{"with_tax": commercetest.Object{"amount": 1200, "currency": "GBP"}},
			"timestamps":    commercetest.Object{"created_at": stamp, "updated_at": stamp},
		},
	}, commercetest.Object{"sku": "MUG", "quantity": 1, "unit_price": commercetest.Object{"amount": 1200, "currency": "GBP"}})
}

// mostMemory is the memory, in bytes, that a backfill of any length may use: for a page of
// orders and their events, and for the program.
const mostMemory = 80 << 20

// The program is killed while a request to Segment has no answer yet.
func TestAKilledBackfillContinues(t *testing.T) {
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	orders := 1000
	if *full {
		orders = 20_000
	}
	shop, sink, dir := commercetest.Start(t), hubtest.StartSegment(t), filepath.Join(t.TempDir(), ".hub")
	connect(t, dir, shop, sink.URL)
	for n := range orders {
		addOrder(shop, time.Date(2026, 3, 1, 0, 0, n/3, 0, time.UTC), "unpaid")
	}
	backfill := func() *exec.Cmd {
		program := exec.Command(binary, "backfill", "orders", "--since", "2026-01-01", "--yes", "--rate", "1000", "--dir", dir)
		program.Stdout, program.Stderr = new(hubtest.Log), new(hubtest.Log)
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		return program
	}
	for n := range 3 {
		var program *exec.Cmd
		at := orders / eventsPerRequest / 4 * (n + 1)
		sink.Hold(func() { // no request is counted before the program is known
			sink.Counted = func(requests int) {
				if requests == at {
					program.Process.Kill()
				}
			}
			program = backfill()
		})
		if err := program.Wait(); err == nil {
			t.Fatalf("it ended before it was killed at request %d", at)
		}
	}
	var program *exec.Cmd
	var memory int
	sink.Hold(func() {
		sink.Counted = func(int) { memory = peakMemory(program.Process.Pid) }
		program = backfill()
	})
	if err := program.Wait(); err != nil {
		t.Fatalf("%v: %s", err, program.Stderr)
	}
	different, all := sink.Count()
	if different != orders || all-orders > 3*2*eventsPerRequest {
		t.Errorf("for %d orders Segment received %d messages, %d of them different", orders, all, different)
	}
	for _, part := range []string{"Continuing where the last run stopped", "events sent: "} {
		if said := fmt.Sprint(program.Stderr); !strings.Contains(said, part) {
			t.Errorf("it does not say %q:\n%s", part, said)
		}
	}
	t.Logf("%d orders, %d messages; the last run used %d MB", orders, all, memory>>20)
	if memory > mostMemory {
		t.Errorf("it used %d MB", memory>>20)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "backfill", "backfill-*")); len(left) > 0 {
		t.Errorf("after the end it left %v", left)
	}
}

// peakMemory returns the largest memory of a process so far, in bytes, as Linux reports it,
// and 0 on other systems. It is read while the process runs: for a process that has ended,
// the kernel includes the memory of the test, from which the process was forked.
func peakMemory(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int
	fmt.Sscan(after, &kilobytes)
	return kilobytes << 10
}

// eventsPerRequest is the number of events in one request to Segment.
const eventsPerRequest = 100

func TestBackfillPrintsItsPlanAndAsks(t *testing.T) {
	shop, sink, dir := commercetest.Start(t), hubtest.StartSegment(t), filepath.Join(t.TempDir(), ".hub")
	connect(t, dir, shop, sink.URL)
	addOrder(shop, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "paid")
	addOrder(shop, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), "unpaid")
	shop.AddCustomer(commercetest.Object{"name": "Ada Example", "email": "ada@example.com"})
	hubtest.WriteFile(t, filepath.Join(dir, "templates", "customer-created"), `{"traits": {"number": $commerce("/v2/files/x", 800).data.number}}`)
	shop.Fail(commercetest.Fault{Path: "/v2/files/x", Status: 400, Times: 10})

	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
		sent int
	}{
		{"it asks", []string{"orders", "--since", "2026-01-01"}, exitFailed,
			[]string{"Created in this period: 2 orders.", "2 checkout-started", "1 order-completed", "To send: 3 events, to " + sink.URL, "Not a terminal: pass --yes"}, 0},
		{"a dry run sends nothing", []string{"orders", "--since", "2026-01-01", "--to", "Amplitude", "--dry-run"}, exitDone,
			[]string{", limited to Amplitude. ", `"event": "Order Completed"`, `"email": "•••"`, `"total": 12`, "Nothing was sent (--dry-run)"}, 0},
		{"nothing was created", []string{"orders", "--since", "2026-01-01", "--until", "2026-02-01", "--yes"}, exitDone, []string{"Created in this period: 0 orders.", "There is nothing to send"}, 0},
		{"the period ends before it begins", []string{"orders", "--since", "2026-02-01", "--until", "2026-01-01"}, exitFailed, []string{"must be after the start of the period"}, 0},
		{"an invalid time", []string{"orders", "--since", "soon"}, exitFailed, []string{`--since "soon": write a time such as 2026-01-31`}, 0},
		{"no time is given", []string{"orders"}, exitFailed, []string{"--since is missing: give the start of the period. For example: hub backfill orders --since 2026-01-01 --dry-run"}, 0},
		{"nothing is given", nil, exitFailed, []string{"name what to backfill, orders or customers. For example: hub backfill orders", "Usage: hub backfill"}, 0},
		{"an unknown kind", []string{"carts", "--since", "1d"}, exitFailed, []string{"write orders or customers", "Usage: hub backfill"}, 0},
		{"a tracking that cannot be backfilled", []string{"orders", "--since", "1d", "--only", "order-updated"}, exitFailed, []string{"order-updated cannot be backfilled"}, 0},
		{"it sends", []string{"orders", "--since", "2026-01-01", "--only", "order-completed", "--yes"}, exitDone, []string{"Done: 1 event of 2 orders sent."}, 1},
		{"what was sent is left out", []string{"orders", "--since", "2026-01-01"}, exitFailed,
			[]string{"Already sent, and left out: 1 of 3 events. --again sends them too.", "To send: 2 events, to "}, 1},
		{"what was sent is sent again if asked for", []string{"orders", "--since", "2026-01-01", "--again", "--dry-run"}, exitDone,
			[]string{"What was already sent is not left out.", "To send: 3 events, to "}, 1},
		{"it sends customers", []string{"customers", "--since", "1d", "--yes"}, exitDone, []string{"Done: 1 event of 1 customer sent.", "Optional fields are missing in 1 message of these"}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := command(t, "", append([]string{"backfill", "--dir", dir}, test.args...)...)
			said := unpadded(got.stdout + got.stderr)
			if got.code != test.code {
				t.Errorf("exit code %d, want %d", got.code, test.code)
			}
			for _, part := range test.says {
				if !strings.Contains(said, part) {
					t.Errorf("it does not say %q:\n%s", part, said)
				}
			}
			if strings.Contains(said, "Ada") || strings.Contains(said, "ada@") || strings.Contains(said, commercetest.ClientSecret) {
				t.Errorf("it prints personal data or a secret:\n%s", said)
			}
			if different, _ := sink.Count(); different != test.sent {
				t.Errorf("%d messages were sent, want %d", different, test.sent)
			}
		})
	}
	t.Run("Segment needs the write key of a source", func(t *testing.T) {
		hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentWriteKey), "inbox_0123456789")
		if got := command(t, "", "backfill", "orders", "--since", "1d", "--dir", dir); !strings.Contains(got.stderr, "still the one made for the inbox") {
			t.Errorf("it says %s", got.stderr)
		}
	})
	t.Run("backfill needs access to Commerce", func(t *testing.T) {
		if err := os.Remove(filepath.Join(dir, settings.CommerceClientID)); err != nil {
			t.Fatal(err)
		}
		hubtest.WriteFile(t, filepath.Join(dir, settings.SegmentWriteKey), "a-sources-key")
		if got := command(t, "", "backfill", "orders", "--since", "1d", "--dir", dir); !strings.Contains(got.stderr, settings.CommerceClientID+" is not set") {
			t.Errorf("it says %s", got.stderr)
		}
	})
}

// The hub receives the webhooks of two orders; that of a third order and of a payment are lost.
func TestReconcileSendsTheMissingEvents(t *testing.T) {
	h := start(t)
	shop := commercetest.Start(t)
	connect(t, h.Dir, shop, "")
	ago := time.Now().Add(-2 * time.Hour)
	received := addOrder(shop, ago, "unpaid")
	h.Webhook("checkout-started", webhookOf(received, "order.created", ago))
	ended(h, 1)
	// The log of a hub begins with its first webhook, so the lost ones are later.
	now := time.Now().Add(time.Minute)
	lost, paid := addOrder(shop, now, "unpaid"), addOrder(shop, now, "paid")
	h.Webhook("checkout-started", webhookOf(paid, "order.created", now))
	h.Webhook("order-completed", webhookOf(paid, "order.fulfilled", now))
	ended(h, 3)

	args := []string{"reconcile", "--since", "1h", "--until", now.Add(time.Hour).UTC().Format(time.RFC3339), "--dir", h.Dir, h.AddrFlag()}
	found := command(t, "", args...)
	for _, part := range []string{
		"checkout-started 1 1 - - - - -", "order-completed 1 - - - - - -",
		"order.created of " + lost, "order.paid of " + paid, "no integration that posts to /webhooks/order-completed", "Pass --send to send the missing events, 2 events, to",
	} {
		if !strings.Contains(unpadded(found.stdout), part) {
			t.Errorf("it does not say %q:\n%s%s", part, found.stdout, found.stderr)
		}
	}
	if asked := command(t, "", append(args, "--send")...); asked.code != exitFailed || !strings.Contains(asked.stderr, "Not a terminal: pass --yes") {
		t.Errorf("it says %s", asked.stderr)
	}
	h.AwaitMessages(2)
	if sent := command(t, "", append(args, "--send", "--yes")...); !strings.Contains(sent.stdout, "Done: 2 events sent.") {
		t.Errorf("it says %s%s", sent.stdout, sent.stderr)
	}
	if messages := fmt.Sprintf("%s", h.AwaitMessages(4)); strings.Count(messages, `"checkout-started:`+lost) != 1 || strings.Count(messages, `"order-completed:`+paid) != 1 {
		t.Errorf("the inbox has %s", messages)
	}
	if again := command(t, "", append(args, "--send", "--yes")...); strings.Contains(again.stdout, "Done") || !strings.Contains(unpadded(again.stdout), "order-completed - - 1 - - - -") {
		t.Errorf("a second time it says\n%s%s", again.stdout, again.stderr)
	}
	if strings.Contains(h.Stderr.String(), "nothing reads") || strings.Contains(command(t, "", "settings", "--dir", h.Dir).stdout, "nothing reads") {
		t.Error("its own files are shown as unknown settings")
	}
}

// The log of a hub that was just started begins after the period that is compared.
func TestReconcileWithoutALogOrATime(t *testing.T) {
	h := start(t)
	connect(t, h.Dir, commercetest.Start(t), "")
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"the hub has just been started", []string{"--since", "24h"}, "there is nothing to compare yet: the log of webhooks begins at "},
		{"no time is given", nil, "--since is missing: give the start of the period. For example: hub reconcile --since 24h"},
		{"a period without settled events", []string{"--since", "1m"}, "--since 1m: must be before the end of the period, "},
		{"an invalid time", []string{"--since", "1d", "--until", "soon"}, `--until "soon": write a time`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := command(t, "", append([]string{"reconcile", "--dir", h.Dir, h.AddrFlag()}, c.args...)...)
			if got.code != exitFailed || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
				t.Errorf("it exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
}

// webhookOf returns a webhook about a paid order.
func webhookOf(order, event string, at time.Time) string {
	stamp := at.UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`{"triggered_by": %q, "payload": {"data": {"type": "order", "id": %q, "payment": "paid",
		"meta": {"timestamps": {"created_at": %q, "updated_at": %q}}}}}`, event, order, stamp, stamp)
}
