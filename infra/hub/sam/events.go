package sam

import (
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// HTTPEvent returns a webhook with its secret as an HTTP API passes it to a function.
func HTTPEvent(t tracking.Tracking, secret string, body []byte) events.APIGatewayV2HTTPRequest {
	request := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST " + serve.Route(t.Name), RawPath: serve.Route(t.Name), Body: string(body),
		Headers: map[string]string{"content-type": "application/json", strings.ToLower(serve.KeyHeader): secret},
	}
	request.RequestContext.HTTP.Method, request.RequestContext.HTTP.Path = http.MethodPost, request.RawPath
	return request
}

// SQSEvent returns a webhook that was accepted at a time as the queue passes it to a function.
func SQSEvent(body []byte, accepted time.Time) (events.SQSEvent, error) {
	text, err := spool.Encode(relay.Envelope{Received: accepted, Body: body})
	return events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: "1", ReceiptHandle: "1", Body: text, EventSource: "aws:sqs",
		Attributes: map[string]string{"ApproximateReceiveCount": "1"},
	}}}, err
}
