// Package serve is the Lambda front: an HTTP event or an SQS event comes in, the
// relay is called.
package serve

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/tracking"
)

// Function is one tracking's function: what Lambda invokes, and what the hub
// calls for the same requests on a developer's machine.
type Function struct {
	Relay *relay.Relay
}

// NewFunction builds a tracking's function. The spool is nil where there is no
// queue: the function then delivers while Commerce waits. Whoever needs another
// transport to Segment or a faster backoff sets it on Relay before the first call.
func NewFunction(t tracking.Tracking, configuration relay.Configuration, spool relay.Spool, log *slog.Logger) *Function {
	panic("not yet")
}

// Lambda runs a tracking's function until the process ends.
func Lambda(t tracking.Tracking) { panic("not yet") }

// HTTP answers one request of an HTTP API (payload format 2.0). Its error is
// always nil.
func (f *Function) HTTP(ctx context.Context, request events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	panic("not yet")
}

// SQS delivers a batch that the spool's queue hands out, and names the records
// that must stay on it.
func (f *Function) SQS(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	panic("not yet")
}

// Invoke takes an event as Lambda hands it over, tells HTTP from SQS by its
// shape, and returns the answer as JSON. It makes Function a lambda.Handler.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) { panic("not yet") }
