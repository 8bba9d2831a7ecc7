// Package measure has the metrics of a running hub, in the form that Prometheus reads. They
// are the metrics of the functions on AWS, with names in Prometheus' conventions, and the
// state of the queues.
package measure

import (
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/version"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// namespace is the beginning of the names, which stands for that of CloudWatch.
const namespace = "commerce_segment"

// labelTracking is the label with the name of the tracking, the dimension Tracking of
// CloudWatch.
const labelTracking = "tracking"

// counted are the metrics that count, with their HELP.
var counted = map[string]string{
	metrics.Accepted:    "Webhooks that were answered with 202.",
	metrics.Forged:      "Webhooks with a wrong key: answered with 401, or found when the event was to be delivered.",
	metrics.Rejected:    "Webhooks that were answered with 400 or 415, because they cannot be read.",
	metrics.TooLarge:    "Webhooks that were answered with 413. Their events are lost.",
	metrics.Unavailable: "Webhooks that were answered with 503. Their events are lost unless Commerce sends them again.",
	metrics.Unverified:  "Accepted webhooks whose key could not be compared yet.",
	metrics.Delivered:   "Events that Segment accepted.",
	metrics.Skipped:     "Events with nothing to send: the tracking is off, the event is not observed, or the template filtered it.",
	metrics.Retrying:    "Attempts to deliver an event that failed and are followed by another one.",
	metrics.Failed:      "Events that became dead letters, except for those that used up all attempts.",
	metrics.Blocked:     "Attempts among the retrying ones that fail until an operator fixes the cause.",
	metrics.Late:        "Attempts among the retrying ones whose webhook was received more than 15 minutes before.",
}

// delayBuckets are the bounds of the delay's histogram in seconds, from half a second to a day.
var delayBuckets = []float64{.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600}

// maxReasons is how many reasons have series of their own. Segment's answers are among the
// reasons, and every other reason is counted as otherReason.
const (
	maxReasons  = 100
	otherReason = "other"
)

// Meter counts what a hub does.
type Meter struct {
	registry *prometheus.Registry
	counters map[string]*prometheus.CounterVec // by the name in CloudWatch
	delay    *prometheus.HistogramVec
	outcomes *prometheus.CounterVec

	mu      sync.Mutex
	reasons map[string]bool // those with series of their own
}

// NewMeter returns a Meter for a hub with these queues.
func NewMeter(queues *queue.Store) *Meter {
	m := &Meter{
		registry: prometheus.NewRegistry(),
		counters: map[string]*prometheus.CounterVec{},
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "delay_seconds", Buckets: delayBuckets,
			Help: "The time from an event to Segment's answer, of delivered events.",
		}, []string{labelTracking}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "outcomes_total",
			Help: "Answered webhooks and attempts to deliver an event, by the outcome and the reason that hub executions shows.",
		}, []string{labelTracking, "outcome", "reason"}),
		reasons: map[string]bool{},
	}
	for name, help := range counted {
		m.counters[name] = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: snake(name) + "_total", Help: help}, []string{labelTracking})
		m.registry.MustRegister(m.counters[name])
	}
	// All series of a tracking exist from the start: Prometheus does not see the first
	// increase of a series that begins with it.
	for _, t := range tracking.All() {
		for _, counter := range m.counters {
			counter.WithLabelValues(t.Name)
		}
		m.delay.WithLabelValues(t.Name)
	}
	build := version.This()
	m.registry.MustRegister(m.delay, m.outcomes, state{queues}, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, with the version of the hub.",
		ConstLabels: prometheus.Labels{"version": build.Name, "revision": build.Revision, "goversion": build.Go},
	}, func() float64 { return 1 }), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// snake returns a name of CloudWatch in the form of Prometheus: TooLarge is too_large.
func snake(name string) string {
	var s strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			s.WriteByte('_')
		}
		s.WriteRune(unicode.ToLower(r))
	}
	return s.String()
}

// Count adds a measurement of a tracking.
func (m *Meter) Count(t tracking.Tracking, measured relay.Measurement) {
	for _, value := range measured.Values {
		if value.Name == metrics.DelayMilliseconds {
			m.delay.WithLabelValues(t.Name).Observe((time.Duration(value.Value) * time.Millisecond).Seconds())
			continue
		}
		m.counters[value.Name].WithLabelValues(t.Name).Add(float64(value.Value))
	}
	m.outcomes.WithLabelValues(t.Name, measured.Outcome, m.reason(measured.Reason)).Inc()
}

// reason returns the value of the label for a reason.
func (m *Meter) reason(reason string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.reasons[reason] && len(m.reasons) >= maxReasons {
		return otherReason
	}
	m.reasons[reason] = true
	return reason
}

// Handler returns the handler that writes the metrics for Prometheus.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
