package console

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/hubtest"
)

// deliversMany writes the log lines of that many delivered webhooks of the last day.
func deliversMany(t *testing.T, lines *disk.Store, many int) {
	t.Helper()
	log := slog.New(lines.Handler())
	now := time.Now()
	for n := range many {
		received := now.Add(-time.Duration(n) * 800 * time.Millisecond)
		log.Info("deliver", "tracking", "order-completed", "event", "order.paid", "received", received, "event_time", received, "webhook_id", fmt.Sprintf("w-%08d", n),
			"resource", fmt.Sprintf("%08d-7d1f-4a94-8a39-94fbc7e2d1f0", n), "number", fmt.Sprint(n), "total", "1310.00 EUR", "receives", 1, "outcome", "delivered",
			"revenue", json.Number("1310.00"), "currency", "EUR",
			"message_ids", []string{fmt.Sprintf("order-completed:%08d-7d1f-4a94-8a39-94fbc7e2d1f0:0-track:0123456789abcdef", n)})
		if n%20_000 == 0 { // the log writes what it buffers, so that it loses nothing
			if _, err := lines.Find(t.Context(), executions.Query{}, executions.Page{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The pages of a store with many events must stay small: they have the counters of all events,
// and the rows of one page.
func TestPagesStaySmallWithManyEvents(t *testing.T) {
	const many = 100_000
	const more = 220 // dead letters, retrying events and missing sales: more than a page lists
	s := openShop(t)
	deliversMany(t, s.lines, many)
	c := withRetrying(t, more)
	inbox, err := database.OpenList(filepath.Join(t.TempDir(), "inbox.db"), "the inbox", database.Limits{Bytes: 1 << 20, Age: time.Hour}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inbox.Close() })
	machine := c.console.Machine.(machineWith)
	machine.lines = s.lines
	s.console.Machine = machineWithInbox{machine, inbox}
	for n := range more {
		c.fail("order-refunded", "message_invalid", fmt.Sprintf("message %d: event is missing", n+1), hubtest.PersonalOrder)
		s.addSale(time.Now().Add(-2*time.Hour - time.Duration(n)*time.Second))
	}
	s.comparesRevenue(url.Values{"since": {"3h"}})
	day := time.Now().Add(-2 * time.Hour).Format(time.DateOnly)
	row := `<a href="./executions/`
	for _, page := range []struct {
		path, row string
		rows      int
	}{
		{"/executions", row, rowsInPage},
		{"/executions?since=7d", row, rowsInPage},
		{"/executions?q=1310.00", row, rowsInPage},
		{"/executions?q=W-00099998", row, 1},
		{"/", `class="card health`, 1},
		{"/overview/now", `class="card health`, 1},
		{"/deadletters", `<a class="mono" href="./deadletters/`, lettersKept},
		{"/deadletters/list", `name="letter"`, rowsInPage},
		{"/deadletters/retrying", `name="event"`, rowsInPage},
		{"/trace?q=99998&since=7d", "The webhook and its messages", 1},
		{"/trace?q=000999&since=7d", "The webhook and its messages", 0},
		{"/revenue", `reason=missing#orders`, 1},
		{"/revenue?day=" + day + "&currency=EUR", `<a class="mono" href="./trace`, revenueOrdersAtMost},
	} {
		begun := time.Now()
		status, html := s.get(page.path)
		t.Logf("%s: %d KB in %s", page.path, len(html)>>10, time.Since(begun).Round(time.Millisecond))
		if status != http.StatusOK || len(html) > 200_000 {
			t.Errorf("%s is answered %d with %d bytes", page.path, status, len(html))
		}
		if n := strings.Count(html, page.row); n != page.rows {
			t.Errorf("%s has %d times %s, want %d: %.2000s", page.path, n, page.row, page.rows, html)
		}
	}
	_, all := s.get("/executions")
	wants(t, all, "100000 webhooks in the last 24 hours", `class="number">1310.00 EUR<`)
	_, now := s.get("/")
	wants(t, now, ">100000</a>")
}
