package serve

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// bodyOfLines returns a webhook with a number of order lines, about as large as Commerce
// writes it.
func bodyOfLines(lines int) string {
	const line = `{"type":"order_item","id":"395763ee-1878-4aa0-a7a2","quantity":2,"name":"Spam Fritters","meta":{"display_price":{"with_tax":{"unit":{"amount":100,"currency":"GBP","formatted":"£1.00"},"value":{"amount":200,"currency":"GBP","formatted":"£2.00"}}}}}`
	return strings.Replace(webhook, `}}}`, `}},"included":{"items":[`+strings.Repeat(line+",", 3*lines)+`{}]}}`, 1)
}

// BenchmarkReadEvent measures readEvent with a webhook in the event.
func BenchmarkReadEvent(b *testing.B) {
	benchmarkEvents(b, func(payload []byte) error {
		_, err := readEvent(payload)
		return err
	})
}

// BenchmarkUnmarshalEvent measures the same with encoding/json and the types of
// aws-lambda-go.
func BenchmarkUnmarshalEvent(b *testing.B) {
	benchmarkEvents(b, func(payload []byte) error { return json.Unmarshal(payload, new(events.APIGatewayV2HTTPRequest)) })
}

func benchmarkEvents(b *testing.B, read func(payload []byte) error) {
	for _, lines := range []int{1, 5, 50, 500} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			request := post()
			request.Body = bodyOfLines(lines)
			payload := []byte(marshal(b, request))
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
