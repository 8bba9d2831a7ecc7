// Package serve connects Lambda to the relay: it reads an HTTP event, an SQS event or a
// scheduled event, and calls the relay.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"commerce-segment/shared/deletion"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// Function is the function of one tracking. Lambda invokes it, and the hub calls it for the
// same requests on one machine. It is safe for concurrent use.
type Function struct {
	Relay *relay.Relay

	queues *spool.SQS // nil if events are retried on the queue of the Relay, or there is none
}

// NewFunction returns the function of a tracking. If the spool is nil there is no queue, and
// the function delivers while Commerce waits. To use another transport to Segment or
// another backoff, set it on Relay before the first call.
func NewFunction(t tracking.Tracking, configuration relay.Configuration, spool relay.Spool, log *slog.Logger) *Function {
	return &Function{Relay: &relay.Relay{
		Tracking:      t,
		Configuration: configuration,
		Spool:         spool,
		Segment:       newDeliverer(t),
		Log:           log,
	}}
}

// newDeliverer returns the client for the calls of a tracking.
func newDeliverer(t tracking.Tracking) relay.Deliverer {
	if t.Call == tracking.Delete {
		return deletion.NewClient(nil)
	}
	return segment.NewClient(nil)
}

// NewFunctionWithQueues returns the function of a tracking that has queues in AWS. It also
// attempts the events of the waiting queue.
func NewFunctionWithQueues(t tracking.Tracking, configuration relay.Configuration, queues spool.SQS, log *slog.Logger) *Function {
	f := NewFunction(t, configuration, queues, log)
	f.queues = &queues
	return f
}

// Invoke implements lambda.Handler. It distinguishes an HTTP event, an SQS event and a
// scheduled event by their fields, and returns the answer as JSON. Its error says what was expected, and
// quotes nothing from the event.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e, err := readEvent(payload)
	switch {
	case err != nil:
		return nil, err
	case e.isSQS():
		return respond(f.SQS(ctx, e.SQSEvent))
	case e.isHTTP():
		return respond(f.accept(ctx, e.APIGatewayV2HTTPRequest, e.body))
	case e.isSchedule():
		return respond[any](nil, f.schedule(ctx, e.time))
	case e.Version == "1.0":
		return nil, errors.New("the event is an HTTP request in payload format 1.0: set the integration to payload format 2.0")
	default:
		return nil, errors.New("the event is of an unknown shape: " + expected)
	}
}

const expected = "a request of an HTTP API in payload format 2.0, a batch of SQS messages or a scheduled event was expected"

func respond[T any](response T, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(response)
}

// recovered logs a panic, but not its value, which may be a part of an event. The deferred
// function must call it directly.
func (f *Function) recovered(ctx context.Context, value any) {
	f.Relay.Log.ErrorContext(ctx, "panic", "tracking", f.Relay.Tracking.Name,
		"type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
}
