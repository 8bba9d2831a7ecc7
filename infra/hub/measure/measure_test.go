package measure

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// newMeter returns a Meter with empty queues, and the queues.
func newMeter(t *testing.T) (*Meter, *queue.Store) {
	t.Helper()
	queues, err := queue.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { queues.Close() })
	return NewMeter(queues), queues
}

// scrape returns what Prometheus reads.
func scrape(m *Meter) string {
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}

// want fails the test unless a line is among what Prometheus reads.
func want(t *testing.T, m *Meter, line string) {
	t.Helper()
	if said := scrape(m); !strings.Contains("\n"+said, "\n"+line+"\n") {
		t.Errorf("there is no %s in\n%s", line, regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(said, ""))
	}
}

func TestTheMetricsFollowTheConventionsOfPrometheus(t *testing.T) {
	m, _ := newMeter(t)
	m.Count(tracking.OrderCompleted, relay.Measurement{Outcome: "skipped", Reason: "filtered", Values: []metrics.Value{metrics.One(metrics.Skipped)}})
	problems, err := promlint.New(strings.NewReader(scrape(m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range problems {
		t.Errorf("%s: %s", each.Metric, each.Text)
	}
}

func TestAllSeriesOfATrackingBeginWithZero(t *testing.T) {
	m, _ := newMeter(t)
	for _, each := range tracking.All() {
		want(t, m, fmt.Sprintf(`commerce_segment_failed_total{tracking="%s"} 0`, each.Name))
		want(t, m, fmt.Sprintf(`commerce_segment_delay_seconds_count{tracking="%s"} 0`, each.Name))
	}
}

func TestTheQueuesAreMeasured(t *testing.T) {
	m, queues := newMeter(t)
	q := queues.Queue(tracking.OrderCompleted.Name)
	old := relay.Envelope{Received: time.Now().Add(-time.Hour), Body: []byte("{}")}
	for range 3 {
		if err := q.Put(t.Context(), old); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Fail(t.Context(), old, relay.Failure{Reason: "message_invalid"}); err != nil {
		t.Fatal(err)
	}
	want(t, m, `commerce_segment_waiting_events{tracking="order-completed"} 3`)
	want(t, m, `commerce_segment_waiting_events{tracking="order-updated"} 0`)
	want(t, m, `commerce_segment_dead_letters{tracking="order-completed"} 1`)
	want(t, m, `commerce_segment_oldest_waiting_age_seconds{tracking="order-updated"} 0`)
	want(t, m, `commerce_segment_ready 1`)
	said := scrape(m)
	for _, pattern := range []string{`commerce_segment_oldest_waiting_age_seconds\{tracking="order-completed"\} 36\d\d\.`, `commerce_segment_disk_free_bytes \d`, `commerce_segment_build_info\{goversion="go`, `go_goroutines \d`} {
		if !regexp.MustCompile(pattern).MatchString(said) {
			t.Errorf("there is no %s", pattern)
		}
	}
	queues.Close()
	time.Sleep(time.Second) // after which the disk is tried again
	want(t, m, `commerce_segment_ready 0`)
}

// Segment's answers are among the reasons, so a server in its place decides what they are.
func TestTheNumberOfReasonsIsLimited(t *testing.T) {
	m, _ := newMeter(t)
	for status := range 500 {
		m.Count(tracking.OrderCompleted, relay.Measurement{Outcome: "retrying", Reason: fmt.Sprint("segment_", status+100)})
	}
	if n := strings.Count(scrape(m), "commerce_segment_outcomes_total{"); n != maxReasons+1 {
		t.Errorf("there are %d series, want %d", n, maxReasons+1)
	}
	want(t, m, `commerce_segment_outcomes_total{outcome="retrying",reason="other",tracking="order-completed"} 400`)
}
