package segment

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// BenchmarkNewMessages measures NewMessages for an Order Completed with several numbers of
// lines. 500 lines are over Segment's limit.
func BenchmarkNewMessages(b *testing.B) {
	for _, lines := range []int{1, 50, 500} {
		products := make([]any, lines)
		for i := range products {
			products[i] = map[string]any{
				"product_id": fmt.Sprintf("9eda5ba0-4f4a-4074-8547-ccb05d1b%04d", i), "sku": fmt.Sprintf("SKU-%06d", i),
				"name": "Wool <Blend> & Cotton Sweater", "price": 49.99, "quantity": int64(2), "position": int64(i + 1),
			}
		}
		written := []map[string]any{{
			"type": "track", "event": "Order Completed",
			"properties": map[string]any{
				"order_id": "6b1c4a2e-4f4a-4074-8547-ccb05d1b5751", "total": 99.98, "revenue": 83.32, "tax": 16.66,
				"currency": "GBP", "products": products,
			},
		}}
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewMessages(anOrder(), written); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// batchSizes are the numbers of messages that the benchmarks send: one event, and a whole
// batch of a queue.
var batchSizes = []int{1, 10}

// benchSegment returns a test server for Segment, and a batch of messages of 1,000 bytes.
func benchSegment(b *testing.B, count int) (*standInSegment, []Message) {
	segment := &standInSegment{}
	segment.serve(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		success(w, r)
	})
	segment.Start()
	b.Cleanup(segment.Close)
	messages := make([]Message, count)
	for i := range messages {
		messages[i] = sized(fmt.Sprint(i), 1000)
	}
	return segment, messages
}

// BenchmarkDeliver measures the delivery of one batch over loopback.
func BenchmarkDeliver(b *testing.B) {
	for _, count := range batchSizes {
		b.Run(fmt.Sprintf("messages=%d", count), func(b *testing.B) {
			segment, messages := benchSegment(b, count)
			client := NewClient(nil)
			b.ReportAllocs()
			for b.Loop() {
				if client.Deliver(context.Background(), segment.endpoint(), messages)[0].Verdict != Delivered {
					b.Fatal("not delivered")
				}
			}
			b.ReportMetric(float64(segment.connections.Load()), "connections")
		})
	}
}

// BenchmarkPost measures the least work of a delivery: posting the same bytes with
// net/http.
func BenchmarkPost(b *testing.B) {
	for _, count := range batchSizes {
		b.Run(fmt.Sprintf("messages=%d", count), func(b *testing.B) {
			segment, messages := benchSegment(b, count)
			client := &http.Client{Transport: newTransport()}
			body := envelope(messages, time.Now())
			b.ReportAllocs()
			for b.Loop() {
				response, err := client.Post(segment.URL+"/v1/batch", "application/json", bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
}
