package measure

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/tracking"
)

// The state of the queues. Of CloudWatch's metrics of SQS these are
// ApproximateNumberOfMessages, that of the dead-letter queue, and ApproximateAgeOfOldestMessage,
// which is 0 here for an empty queue too.
var (
	waiting = describe("waiting_events", "Events on the queue: to be delivered, being delivered, or retrying.", labelTracking)
	dead    = describe("dead_letters", "Events that could not be delivered, and are kept for 30 days.", labelTracking)
	oldest  = describe("oldest_waiting_age_seconds", "The time since the webhook of the oldest event on the queue was received; 0 if there is none.", labelTracking)
	free    = describe("disk_free_bytes", "Free space of the disk with the events.")
	ready   = describe("ready", "1 if the hub can write events to the disk, otherwise 0.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// state collects the state of the queues when it is asked for.
type state struct{ queues *queue.Store }

// Describe implements prometheus.Collector.
func (s state) Describe(descriptions chan<- *prometheus.Desc) {
	for _, each := range []*prometheus.Desc{waiting, dead, oldest, free, ready} {
		descriptions <- each
	}
}

// Collect implements prometheus.Collector.
func (s state) Collect(gauges chan<- prometheus.Metric) {
	set := func(d *prometheus.Desc, value float64, labels ...string) {
		gauges <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, t := range tracking.All() {
		status := s.queues.Queue(t.Name).Status()
		age := 0.0
		if !status.Oldest.IsZero() {
			age = max(time.Since(status.Oldest).Seconds(), 0)
		}
		set(waiting, float64(status.Waiting), t.Name)
		set(dead, float64(status.Failed), t.Name)
		set(oldest, age, t.Name)
	}
	if bytes, err := s.queues.Free(); err == nil {
		set(free, float64(bytes))
	}
	accepts := 1.0
	if s.queues.Writable() != nil {
		accepts = 0
	}
	set(ready, accepts)
}
