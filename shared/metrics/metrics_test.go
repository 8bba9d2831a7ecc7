package metrics_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"commerce-segment/shared/metrics"
)

// CloudWatch reads metrics only from a line that follows its specification exactly, and
// does not report other lines. The specification:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func TestALineFollowsTheEmbeddedMetricFormat(t *testing.T) {
	var log bytes.Buffer
	at := time.Date(2026, 11, 24, 10, 0, 0, 5e6, time.UTC)
	slog.New(slog.NewJSONHandler(&log, nil)).LogAttrs(t.Context(), slog.LevelInfo, "deliver", append(
		[]slog.Attr{slog.String("tracking", "order-completed")},
		metrics.Attrs("/commerce-segment", "order-completed", at,
			metrics.One(metrics.Delivered), metrics.Value{Name: metrics.DelayMilliseconds, Value: 1234})...)...)

	var line map[string]json.RawMessage
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, log.Bytes())
	}
	for name, want := range map[string]string{
		"Prefix": `"/commerce-segment"`, "Tracking": `"order-completed"`, "tracking": `"order-completed"`,
		"Delivered": "1", "DelayMilliseconds": "1234",
		"_aws": `{"Timestamp":1795514400005,"CloudWatchMetrics":[{"Namespace":"CommerceSegment",` +
			`"Dimensions":[["Prefix"],["Prefix","Tracking"]],` +
			`"Metrics":[{"Name":"Delivered","Unit":"Count"},{"Name":"DelayMilliseconds","Unit":"Milliseconds"}]}]}`,
	} {
		if got := string(line[name]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
