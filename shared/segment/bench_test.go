package segment

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkNewMessages is of an Order Completed with that many lines. 500 lines
// are over Segment's limit.
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

// BenchmarkDeliver is of one batch over loopback, with messages of 1,000 bytes.
func BenchmarkDeliver(b *testing.B) {
	segment := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		success(w, r)
	}))
	defer segment.Close()
	endpoint := Endpoint{Host: segment.URL, Path: "/v1/batch", WriteKey: "key-one"}
	client := NewClient(nil)
	for _, count := range []int{1, 10} {
		messages := make([]Message, count)
		for i := range messages {
			messages[i] = sized(fmt.Sprint(i), 1000)
		}
		b.Run(fmt.Sprintf("messages=%d", count), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if client.Deliver(context.Background(), endpoint, messages)[0].Verdict != Delivered {
					b.Fatal("not delivered")
				}
			}
		})
	}
}
