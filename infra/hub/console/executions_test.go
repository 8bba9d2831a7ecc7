package console

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
)

// A long table takes longer than the server's WriteTimeout.
func TestALongTableIsSentCompletely(t *testing.T) {
	const rows = 40
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slow := func(yield func(executions.Execution, error) bool) {
			for range rows {
				time.Sleep(5 * time.Millisecond)
				if !yield(executions.Execution{Detail: strings.Repeat("x", 4<<10)}, nil) {
					return
				}
			}
		}
		if err := executions.WriteCSV(w, withTime(w, slow)); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	table, err := io.ReadAll(response.Body)
	if n := strings.Count(string(table), "\n"); err != nil || n != 1+rows {
		t.Errorf("the table has %d lines, %v", n, err)
	}
}

// The pages of a store with many events must stay small: they have the counters of all events,
// and the rows of one page.
func TestPagesStaySmallWithManyEvents(t *testing.T) {
	const many = 100_000
	c := withDeadLetters(t)
	now := time.Now()
	log := slog.New(c.lines.Handler())
	for n := range many {
		received := now.Add(-time.Duration(n) * 800 * time.Millisecond) // over most of a day
		log.Info("deliver", "tracking", "order-completed", "event", "order.paid", "received", received, "event_time", received, "webhook_id", fmt.Sprintf("w-%08d", n),
			"resource", fmt.Sprintf("%08d-7d1f-4a94-8a39-94fbc7e2d1f0", n), "number", fmt.Sprint(n), "total", "1310.00 EUR", "receives", 1, "outcome", "delivered",
			"message_ids", []string{fmt.Sprintf("order-completed:%08d-7d1f-4a94-8a39-94fbc7e2d1f0:0-track:0123456789abcdef", n)})
		if n%20_000 == 0 { // the log writes what it buffers, so that it loses nothing
			if _, err := c.lines.Find(t.Context(), executions.Query{}, executions.Page{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path, rows := range map[string]int{
		"/executions": rowsInPage, "/executions?since=7d": rowsInPage, "/executions?q=1310.00": rowsInPage, "/executions?q=W-00099998": 1,
	} {
		begun := time.Now()
		answer := c.ask("GET", path, nil)
		t.Logf("%s: %d KB in %s", path, len(answer.html)>>10, time.Since(begun).Round(time.Millisecond))
		if answer.status != http.StatusOK || len(answer.html) > 200_000 {
			t.Errorf("%s is answered %d with %d bytes", path, answer.status, len(answer.html))
		}
		if n := strings.Count(answer.html, `href="./executions/`); n != rows {
			t.Errorf("%s has %d webhooks, want %d", path, n, rows)
		}
	}
	if answer := c.ask("GET", "/executions", nil); !strings.Contains(answer.html, "100000 webhooks in the last 24 hours") || !strings.Contains(answer.html, `class="number">1310.00 EUR<`) {
		t.Errorf("the page does not have all webhooks and their totals: %.3000s", answer.text())
	}
}
