package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

const (
	secret  = "secret_squirrel"
	webhook = `{"id":"w-1","triggered_by":"order.paid","payload":{"data":{"type":"order","id":"o-1","note":"ron.swanson@moltin.com"}}}`
)

// fixed is a relay.Configuration that does not change.
type fixed relay.Config

func (f fixed) Current(context.Context) (relay.Config, error) { return relay.Config(f), nil }
func (f fixed) Reload(context.Context) (relay.Config, error)  { return relay.Config(f), nil }

var configured = fixed{
	Enabled:  true,
	Events:   []string{"order.paid"},
	Template: `{"event": "Order Completed", "properties": {"order_id": payload.data.id}}`,
	Secrets:  commerce.Secrets{secret},
	Segment:  segment.Endpoint{Host: "https://segment.test", Path: "/v1/batch", WriteKey: "write_key_1"},
}

// standIn is a Segment without a network. It answers 503 to a body that contains reject.
type standIn struct {
	mu     sync.Mutex
	reject string
	bodies []string
}

func (s *standIn) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, string(body))
	code := http.StatusOK
	if s.reject != "" && strings.Contains(string(body), s.reject) {
		code = http.StatusServiceUnavailable
	}
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: http.NoBody, Request: request}, nil
}

// newFunction returns the function of order-completed with its Segment and its log.
func newFunction(queue relay.Spool) (f *Function, segmentSide *standIn, log *bytes.Buffer) {
	segmentSide, log = &standIn{}, &bytes.Buffer{}
	f = NewFunction(tracking.OrderCompleted, configured, queue, slog.New(slog.NewJSONHandler(log, nil)))
	f.Relay.Segment = segment.NewClient(segmentSide)
	return f, segmentSide, log
}

// post returns a webhook as an HTTP API passes it.
func post(change ...func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	request := events.APIGatewayV2HTTPRequest{
		Version:  "2.0",
		RouteKey: "POST /webhooks/order-completed",
		RawPath:  "/webhooks/order-completed",
		Headers:  map[string]string{"content-type": "application/json", "x-moltin-secret-key": secret},
		Body:     webhook,
	}
	request.RequestContext.HTTP.Method = http.MethodPost
	for _, c := range change {
		c(&request)
	}
	return request
}

// record returns an SQS message with an envelope, as an event source mapping passes it.
func record(t testing.TB, id, body, receives string) events.SQSMessage {
	t.Helper()
	text, err := spool.Encode(relay.Envelope{Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return events.SQSMessage{
		MessageId: id, ReceiptHandle: "handle of " + id, Body: text, EventSource: "aws:sqs",
		Attributes: map[string]string{"ApproximateReceiveCount": receives},
	}
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
