package relay_test

import (
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/spool"
)

// weighing is a Segment that measures the memory in use while it receives a batch.
type weighing struct {
	requests int
	held     uint64 // the maximum, in bytes
}

func (s *weighing) RoundTrip(request *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, request.Body)
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	s.requests, s.held = s.requests+1, max(s.held, now.HeapAlloc)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: request}, err
}

// The input and the output of a template take up to a hundred times as much memory as the
// messages. A batch must not hold those of ten events.
func TestABatchHoldsItsMessagesAndNothingElse(t *testing.T) {
	const most = 8 << 20
	small := webhook("1")
	tests := []struct {
		name, template, body string
		requests             int
	}{
		{"a body of many fields", echo, strings.Replace(small, `"payload":{`, `"payload":{`+strings.Repeat(`"a":1,`, 50_000), 1), 1},
		{"a body of many objects", echo, strings.Replace(small, `"payload":{`, `"payload":{"x":[`+strings.Repeat(`{"a":{}},`, 25_000)+`1],`, 1), 1},
		{"a template that makes many objects", `{"event": "E", "properties": {"products": [1..10000].{"a": {}}}}`, small, 1},
		{"a template that makes many messages", `($x := $pad("", 30000, "x"); [1..100].{"event": "E", "properties": {"x": $x}})`, small, 65},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			segment := &weighing{}
			w := newWorldOver(segment)
			w.settings.config.Template = test.template
			batch := items(slices.Repeat([]string{test.body}, spool.BatchSize)...)
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			equal(t, "kept", len(w.relay.Deliver(t.Context(), batch)), 0)
			equal(t, "requests", segment.requests, test.requests)
			if held := int64(segment.held) - int64(before.HeapAlloc); held > most {
				t.Errorf("%d MB are held while the batch is sent, want at most %d", held>>20, most>>20)
			}
			runtime.KeepAlive(batch)
		})
	}
}
