// Package serve is the Lambda front: an HTTP event or an SQS event comes in, the
// relay is called.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// Function is one tracking's function: what Lambda invokes, and what the hub
// calls for the same requests on a developer's machine. It is safe for use by
// many goroutines at once.
type Function struct {
	Relay *relay.Relay
}

// NewFunction builds a tracking's function. The spool is nil where there is no
// queue: the function then delivers while Commerce waits. Whoever needs another
// transport to Segment or a faster backoff sets it on Relay before the first call.
func NewFunction(t tracking.Tracking, configuration relay.Configuration, spool relay.Spool, log *slog.Logger) *Function {
	return &Function{Relay: &relay.Relay{
		Tracking:      t,
		Configuration: configuration,
		Spool:         spool,
		Segment:       segment.NewClient(nil),
		Log:           log,
	}}
}

// Invoke takes an event as Lambda hands it over, tells HTTP from SQS by its
// shape, and returns the answer as JSON. It makes Function a lambda.Handler.
// Its error says what it expected, and quotes nothing of the event.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e, err := readEvent(payload)
	switch {
	case err != nil:
		return nil, err
	case e.isSQS():
		return respond(f.SQS(ctx, e.SQSEvent))
	case e.isHTTP():
		return respond(f.accept(ctx, e.APIGatewayV2HTTPRequest, e.body))
	case e.Version == "1.0":
		return nil, errors.New("the event is an HTTP request in payload format 1.0: set the integration to payload format 2.0")
	default:
		return nil, errors.New("the event is of an unknown shape: " + expected)
	}
}

const expected = "a request of an HTTP API in payload format 2.0, or a batch of SQS messages, was expected"

func respond[T any](response T, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(response)
}

// recovered logs a panic, without quoting what it panicked with: that may be a
// piece of an event. To be called by the deferred function itself.
func (f *Function) recovered(ctx context.Context, value any) {
	f.Relay.Log.ErrorContext(ctx, "panic", "tracking", f.Relay.Tracking.Name,
		"type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
}
