package compare_test

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"commerce-segment/infra/hub/compare"
)

// viewed returns as many Product Viewed messages, with an id that depends on the number of the
// message; an empty id is left out.
func viewed(count int, id func(int) string) compare.Messages {
	return func(yield func(compare.Message, error) bool) {
		for i := range count {
			properties := object{"name": "A product", "price": 9.5, "currency": "EUR", "url": "https://shop.example.com/products/1"}
			if id := id(i); id != "" {
				properties["id"] = id
			}
			text, _ := json.Marshal(object{
				"type": "track", "event": "Product Viewed", "anonymousId": fmt.Sprint("visitor-", i), "messageId": fmt.Sprint("view-", i),
				"timestamp": start.Add(time.Duration(i) * time.Second).Format(time.RFC3339), "properties": properties,
				"context": object{"page": object{"path": "/products/1", "title": "A product"}, "userAgent": "a browser"},
			})
			if !yield(compare.Parse(text)) {
				return
			}
		}
	}
}

// heapOf returns the largest heap while f runs, in MB, without what was there before.
func heapOf(f func()) int {
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // so that little of it is garbage
	debug.FreeOSMemory()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	now := func() int { metrics.Read(heap); return int(heap[0].Value.Uint64() >> 20) }
	before, most := now(), 0
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				most = max(most, now())
			}
		}
	}()
	f()
	close(done)
	<-ended
	return most - before
}

func TestMessagesThatCannotBePairedNeedNoMemory(t *testing.T) {
	const count = 40_000
	for name, test := range map[string]struct {
		id   func(int) string
		kind compare.Kind
	}{
		"without an id":              {func(int) string { return "" }, compare.NoID},
		"each with the same id":      {func(int) string { return "product" }, compare.TooMany},
		"each with an id of its own": {func(i int) string { return fmt.Sprint(i) }, compare.OnlyTheirs},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := compare.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var c *compare.Comparison
			heap := heapOf(func() {
				if err := s.AddTheirs(t.Context(), viewed(count, test.id)); err != nil {
					t.Fatal(err)
				}
				if c, err = s.Compare(t.Context(), ""); err != nil {
					t.Fatal(err)
				}
			})
			t.Logf("%d messages take %d MB", count, heap)
			if len(c.Differences) != 1 || c.Differences[0].Kind != test.kind || c.Differences[0].Events != count || c.Events[0].Theirs != count {
				t.Errorf("it finds %+v in %+v", c.Differences, c.Events)
			}
			if heap > 64 {
				t.Errorf("they take %d MB", heap)
			}
		})
	}
}
