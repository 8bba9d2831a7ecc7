package executions

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// On AWS the lines are read from their text, and on this machine from the record.
func TestAHandlerKeepsWhatParseReads(t *testing.T) {
	var kept []Line
	var text bytes.Buffer
	log := slog.New(slog.NewMultiHandler(Handler(func(l Line) { kept = append(kept, l) }),
		slog.NewJSONHandler(&text, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})))
	received := time.Date(2026, 11, 24, 10, 0, 0, 123456789, time.UTC)
	log.With("tracking", "order-completed").Info("accept", "received", received, "event", "order.\u202epaid", "webhook_id", "w\n1",
		"attempt", 2, "resource", "o-1", "number", "KP-10482", "outcome", "accepted", "bytes", 5, "ms", 12)
	log.Warn("deliver", "tracking", "order-completed", "received", received, "event_time", received.Add(-time.Hour), "event", "order.paid", "receives", 3,
		"message_ids", []string{"a", "b"}, "messages", 150, "outcome", "failed", "reason", "template", "detail", "line 3", "retry_in", "30s", "revenue", json.Number("1234567.5"), "currency", "GBP", "total", "1310.00 GBP", "ms", 250, "left_out", 2, "left_out_reason", "commerce_timeout", "unsettled", "no queue")
	log.Info("settings were read", "tracking", "order-completed")
	log.Debug("deliver", "tracking", "order-completed")
	log.Info("accept", "outcome", "accepted") // of no tracking

	want := ParseAll(bytes.Split(text.Bytes(), []byte("\n")))
	if len(kept) != 2 || len(want) != 2 {
		t.Fatalf("%d lines are kept, and %d are read, want 2", len(kept), len(want))
	}
	for i := range want {
		if !kept[i].Time.Equal(want[i].Time) {
			t.Errorf("the time is %v, want %v", kept[i].Time, want[i].Time)
		}
		kept[i].Time = want[i].Time
		if !reflect.DeepEqual(kept[i], want[i]) {
			t.Errorf("it keeps\n%+v, want\n%+v", kept[i], want[i])
		}
	}
}
