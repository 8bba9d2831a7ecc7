package relay_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/relay"
)

// measured returns the metrics of the last log line of a kind.
func (l *logBook) measured(t testing.TB, kind string) map[string]int64 {
	t.Helper()
	var last string
	for text := range strings.Lines(l.text.String()) {
		if strings.Contains(text, `"msg":"`+kind+`"`) {
			last = text
		}
	}
	var members map[string]any
	var line struct {
		Prefix, Tracking string
		AWS              struct {
			CloudWatchMetrics []struct{ Metrics []struct{ Name string } }
		} `json:"_aws"`
	}
	if err := json.Unmarshal([]byte(last), &members); err != nil {
		t.Fatalf("%v: %s", err, last)
	}
	if err := json.Unmarshal([]byte(last), &line); err != nil {
		t.Fatal(err)
	}
	equal(t, "the dimensions", members["Prefix"], "/store")
	equal(t, "the dimensions", members["Tracking"], "order-completed")
	values := map[string]int64{}
	for _, metric := range line.AWS.CloudWatchMetrics[0].Metrics {
		values[metric.Name] = int64(members[metric.Name].(float64))
	}
	return values
}

// The alarms use these names. If nothing writes a metric any more, its alarm never fires,
// and CloudWatch does not report that.
func TestEveryOutcomeIsCounted(t *testing.T) {
	tooLarge := func(w *world) { w.spool.putErr = relay.ErrTooLarge }
	noSecret := func(w *world) { w.settings.config.Secrets = nil }
	cases := []struct {
		name  string
		kind  string
		given func(*world)
		key   string
		body  string
		want  []string
	}{
		{"a webhook", "accept", nil, secret, webhook("1"), []string{metrics.Accepted}},
		{"one that cannot be verified yet", "accept", noSecret, secret, webhook("1"), []string{metrics.Accepted, metrics.Unverified}},
		{"a forged one", "accept", nil, "guess", webhook("1"), []string{metrics.Forged}},
		{"a body that is not a webhook, and is kept", "accept", nil, secret, `{}`, []string{metrics.Failed, metrics.Rejected}},
		{"a body that is not JSON, and is kept", "accept", nil, secret, `hello`, []string{metrics.Failed, metrics.Rejected}},
		{"an unverified body that is not a webhook", "accept", noSecret, secret, `{}`, []string{metrics.Rejected}},
		{"one that is too large for the spool", "accept", tooLarge, secret, webhook("1"), []string{metrics.TooLarge}},
		{"one that can be neither stored nor delivered", "accept", func(w *world) { w.spool.putErr, w.segment.answer = errDown, status(500) }, secret, webhook("1"), []string{metrics.Unavailable}},
		{"a delivery", "deliver", nil, secret, webhook("1"), []string{metrics.DelayMilliseconds, metrics.Delivered}},
		{"an event that is not observed", "deliver", nil, secret, webhookOf("order.updated", "1"), []string{metrics.Skipped}},
		{"one that is retried", "deliver", func(w *world) { w.segment.answer = status(500) }, secret, webhook("1"), []string{metrics.Retrying}},
		{"one that is retried until the operator fixes something", "deliver", func(w *world) { w.settings.config.Template = `(` }, secret, webhook("1"), []string{metrics.Blocked, metrics.Retrying}},
		{"one that is late", "deliver", func(w *world) { w.segment.answer = status(500); w.spool.age = time.Hour }, secret, webhook("1"), []string{metrics.Late, metrics.Retrying}},
		{"one that no attempt can deliver", "deliver", func(w *world) { w.segment.answer = status(422) }, secret, webhook("1"), []string{metrics.Failed}},
		{"one that is found to be forged when it is delivered", "deliver", noSecret, "guess", webhook("1"), []string{metrics.Failed, metrics.Forged}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.relay.MetricsPrefix = "/store"
			if c.given != nil {
				c.given(w)
			}
			w.accept(t, c.key, c.body)
			if c.kind == "deliver" {
				w.settings.change(func(config *relay.Config) { config.Secrets = commerce.Secrets{secret} })
				w.deliver(t)
			}
			got := w.log.measured(t, c.kind)
			equal(t, "metrics", slices.Sorted(maps.Keys(got)), c.want)
			for name, value := range got {
				if name != metrics.DelayMilliseconds && value != 1 {
					t.Errorf("%s: got %d, want 1", name, value)
				}
			}
		})
	}
}

// The delay includes the time until Commerce posts the webhook.
func TestTheDelayIsMeasuredFromTheEventTime(t *testing.T) {
	w := newWorld(t)
	w.relay.MetricsPrefix = "/store"
	old := strings.Replace(webhook("1"), `"updated_at":"2026-`, `"updated_at":"2006-`, 1)
	w.accept(t, secret, old)
	w.deliver(t)
	const tenYears = 10 * 365 * 24 * 3600 * 1000
	if delay := w.log.measured(t, "deliver")[metrics.DelayMilliseconds]; delay < tenYears {
		t.Errorf("the delay is %d ms, want years", delay)
	}
	ahead := strings.Replace(webhook("1"), `"updated_at":"2026-`, `"updated_at":"2999-`, 1)
	w.accept(t, secret, ahead)
	w.deliver(t)
	equal(t, "the delay of an event in the future", w.log.measured(t, "deliver")[metrics.DelayMilliseconds], 0)
}

func TestWithoutAPrefixALineCarriesNoMetrics(t *testing.T) {
	w := newWorld(t)
	w.accept(t, secret, webhook("1"))
	w.deliver(t)
	for _, unwanted := range []string{"_aws", metrics.Accepted, metrics.Delivered} {
		if strings.Contains(w.log.text.String(), `"`+unwanted+`"`) {
			t.Errorf("the log holds %s", unwanted)
		}
	}
}
