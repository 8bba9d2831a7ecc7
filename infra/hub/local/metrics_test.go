package local

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/serve"
)

// TestPrometheusGetsTheValuesOfCloudWatch lets the same events write the log lines that
// CloudWatch reads, and compares the sums.
func TestPrometheusGetsTheValuesOfCloudWatch(t *testing.T) {
	log := new(hubtest.Log)
	logger := slog.New(slog.NewJSONHandler(log, nil))
	options := Options{Addr: "127.0.0.1:0", Dir: filepath.Join(t.TempDir(), ".hub"), Backoff: time.Hour, Keep: time.Hour}
	l, err := listenAll(t.Context(), options, logger)
	if err != nil {
		t.Fatal(err)
	}
	h, err := open(t.Context(), options, l, logger)
	if err != nil {
		t.Fatal(err)
	}
	for _, function := range h.webhooks.functions {
		function.Relay.MetricsPrefix = "/store" // as on AWS
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.serve(ctx, l) }()
	defer func() {
		stop()
		<-served
		h.close()
	}()

	at := &hubtest.Hub{T: t, URL: h.url, Dir: string(h.directory.Dir), Stderr: log}
	at.Set("templates/order-completed", hubtest.Simple)
	at.Set("templates/order-refunded", `{"userId": payload.data.id, "event": 1}`)
	at.Set("templates/order-updated", `(`)
	for n := range 3 {
		at.Webhook("order-completed", hubtest.Order("order.paid", fmt.Sprint("delivered-", n)))
	}
	at.Webhook("order-completed", hubtest.Order("order.updated", "skipped"))
	at.Webhook("order-refunded", hubtest.Order("order.refunded", "failed"))
	at.Webhook("order-updated", hubtest.Order("order.updated", "blocked"))
	// A second one is not in the log of a hub, in which they are limited.
	at.Request("POST", "/webhooks/order-cancelled", "{}", serve.KeyHeader, "wrong")
	at.Request("POST", "/webhooks/order-cancelled", "hello", serve.KeyHeader, at.Parameter("commerce/webhook-secret"))
	hubtest.Eventually(t, "all events have an outcome", func() bool { return strings.Count(log.String(), `"msg":"deliver"`) == 6 }, log)

	want := sentToCloudWatch(t, log.String())
	if len(want) < 8 {
		t.Fatalf("CloudWatch gets only %v", want)
	}
	if got := readByPrometheus(t, at); !maps.Equal(got, want) {
		t.Errorf("Prometheus reads\n%v\nand CloudWatch gets\n%v", got, want)
	}
}

// sum identifies a metric of a tracking.
type sum struct{ metric, tracking string }

// sentToCloudWatch returns the sums of the metrics in the lines of a log.
func sentToCloudWatch(t *testing.T, log string) map[sum]int64 {
	t.Helper()
	sums := map[sum]int64{}
	for text := range strings.Lines(log) {
		var members map[string]any
		var line struct {
			Tracking string
			AWS      struct {
				CloudWatchMetrics []struct{ Metrics []struct{ Name string } }
			} `json:"_aws"`
		}
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatal(err)
		}
		if members["_aws"] == nil {
			continue
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		for _, metric := range line.AWS.CloudWatchMetrics[0].Metrics {
			sums[sum{metric.Name, members["Tracking"].(string)}] += int64(members[metric.Name].(float64))
		}
	}
	return sums
}

// readByPrometheus returns the same sums as a program reads them at /metrics.
func readByPrometheus(t *testing.T, h *hubtest.Hub) map[sum]int64 {
	t.Helper()
	_, text := h.Request("GET", "/metrics", "")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[sum]int64{}
	for name, prometheus := range map[string]string{
		metrics.Accepted: "accepted_total", metrics.Forged: "forged_total", metrics.Rejected: "rejected_total", metrics.TooLarge: "too_large_total",
		metrics.Unavailable: "unavailable_total", metrics.Unverified: "unverified_total", metrics.Delivered: "delivered_total", metrics.Skipped: "skipped_total",
		metrics.Retrying: "retrying_total", metrics.Failed: "failed_total", metrics.Blocked: "blocked_total", metrics.Late: "late_total",
		metrics.DelayMilliseconds: "delay_seconds",
	} {
		for _, metric := range families["commerce_segment_"+prometheus].GetMetric() {
			value := metric.GetCounter().GetValue()
			if histogram := metric.GetHistogram(); histogram != nil {
				value = histogram.GetSampleSum() * 1000
			}
			if value > 0 {
				sums[sum{name, labelOf(metric, "tracking")}] = int64(value + .5)
			}
		}
	}
	return sums
}

func labelOf(metric *dto.Metric, name string) string {
	for _, label := range metric.GetLabel() {
		if label.GetName() == name {
			return label.GetValue()
		}
	}
	return ""
}

func TestMetricsNeedTheKey(t *testing.T) {
	_, all, _ := serveHere(t)
	if status, answer := all.Request("GET", "/metrics", ""); status != 200 || !strings.Contains(answer, "\ncommerce_segment_ready 1\n") {
		t.Errorf("with the key it is answered %d %s", status, answer)
	}
	if status, answer := all.Request("GET", "/metrics", "", "Authorization", "Bearer wrong"); status != 401 || strings.Contains(answer, "commerce_segment") {
		t.Errorf("without the key it is answered %d %s", status, answer)
	}
}
