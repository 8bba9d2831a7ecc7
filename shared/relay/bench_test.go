package relay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/templates"
)

// lineCounts are the numbers of order lines that the benchmarks measure: most orders have
// a few lines, and an order of a wholesaler may have hundreds.
var lineCounts = []int{1, 5, 50, 500}

// order returns a webhook about a paid order with a number of lines, as large as Commerce writes them.
func order(lines int) []byte {
	const price = `{"amount":%[1]d,"currency":"GBP","formatted":"£%[1]d.00"}`
	prices := func(amount int) string {
		return fmt.Sprintf(`{"with_tax":`+price+`,"without_tax":`+price+`,"tax":`+price+`}`, amount)
	}
	var items []string
	for i := range lines {
		items = append(items, fmt.Sprintf(`{"type":"order_item","id":"395763ee-1878-4aa0-a7a2-%012[1]d","quantity":2,`+
			`"product_id":"4f28f222-aa5b-442c-9ce9-%012[1]d","name":"Spam Fritters %[1]d","sku":"spam-fritters-%[1]d",`+
			`"unit_price":{"amount":%[1]d,"currency":"GBP","includes_tax":true},"value":{"amount":%[1]d,"currency":"GBP","includes_tax":true},`+
			`"links":{},"meta":{"display_price":{"with_tax":{"unit":%[2]s,"value":%[2]s},"without_tax":{"unit":%[2]s,"value":%[2]s},"tax":{"unit":%[2]s,"value":%[2]s}},`+
			`"timestamps":{"created_at":"2026-11-24T10:00:00Z","updated_at":"2026-11-24T10:00:00Z"}},`+
			`"relationships":{"cart_item":{"data":{"type":"cart_item","id":"a498b15a-2cc7-49ea-93b3-%012[1]d"}}}}`,
			1000+i, fmt.Sprintf(price, 1000+i)))
	}
	return fmt.Appendf(nil, `{"id":"21a361c9-b117-4d16-be2d-5ed2dbdaa95b","triggered_by":"order.paid","attempt":1,`+
		`"integration":{"id":"af7bbcc7-f77f-4a8f-abdb-4f039c5c9d81","integration_type":"webhook","name":"Order paid"},`+
		`"payload":{"data":{"type":"order","id":"1d67160d-dacb-43ed-80ef-c3c4e7ddf764","status":"complete","payment":"paid","shipping":"unfulfilled",`+
		`"customer":{"name":"Ron Swanson","email":%q},"shipping_address":{"first_name":"Ron","line_1":"15 Carliol Square","city":"Newcastle","postcode":"NE1 6UF","country":"GB"},`+
		`"meta":{"display_price":%s,"timestamps":{"created_at":"2026-11-24T10:00:00Z","updated_at":"2026-11-24T10:50:00Z"}},`+
		`"relationships":{"customer":{"data":{"type":"customer","id":"c-1"}}}},"included":{"items":[%s]}}}`,
		personal, prices(100000), strings.Join(items, ","))
}

// countingTransport is a Segment that costs almost nothing: it counts requests and bytes.
type countingTransport struct{ requests, bytes int }

func (s *countingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	n, err := io.Copy(io.Discard, request.Body)
	s.requests++
	s.bytes += int(n)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: request}, err
}

// encodingSpool is a queue that encodes envelopes, as the one on SQS does, and drops them.
type encodingSpool struct{ spySpool }

func (*encodingSpool) Put(_ context.Context, e relay.Envelope) error {
	_, err := spool.Encode(e)
	return err
}

// benchWorld returns a world with the default template and a discarded log.
func benchWorld(transport http.RoundTripper) *world {
	w := newWorldOver(transport)
	w.settings.config.Template = templates.Default(w.relay.Tracking.Name)
	w.relay.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	return w
}

// BenchmarkAccept measures the time from Commerce's request to our 202, without the
// network.
func BenchmarkAccept(b *testing.B) {
	for _, lines := range lineCounts {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			w, body := benchWorld(&countingTransport{}), order(lines)
			w.relay.Spool = &encodingSpool{}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if answer := w.relay.Accept(b.Context(), secret, body); answer != accepted {
					b.Fatal(answer)
				}
			}
		})
	}
}

// BenchmarkPack measures the least work of an acceptance: compressing the same body,
// encoding it as base64, and hashing it.
func BenchmarkPack(b *testing.B) {
	for _, lines := range lineCounts {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			body := order(lines)
			var packed bytes.Buffer
			writer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				packed.Reset()
				writer.Reset(&packed)
				if _, err := writer.Write(body); err != nil || writer.Close() != nil {
					b.Fatal("it was not compressed")
				}
				if base64.StdEncoding.EncodeToString(packed.Bytes()) == "" || sha256.Sum256(body) == [sha256.Size]byte{} {
					b.Fatal("the result is empty")
				}
			}
		})
	}
}

// BenchmarkJourney measures a delivery from the webhook's bytes to the bytes that are sent
// to Segment, with the default template, settling and the log line.
func BenchmarkJourney(b *testing.B) {
	for _, lines := range lineCounts {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			segment := &countingTransport{}
			w, items := benchWorld(segment), items(string(order(lines)))
			b.SetBytes(int64(len(items[0].Envelope.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if keep := w.relay.Deliver(b.Context(), items); keep != nil {
					b.Fatal("it was not delivered")
				}
			}
			b.ReportMetric(float64(segment.bytes)/float64(segment.requests), "sent-B/op")
		})
	}
}

// BenchmarkFloor measures the least work of a delivery: reading the same body with
// encoding/json.
func BenchmarkFloor(b *testing.B) {
	for _, lines := range lineCounts {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			body := order(lines)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var value any
				if err := json.Unmarshal(body, &value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
