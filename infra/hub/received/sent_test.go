package received

import (
	"context"
	"iter"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/shared/segment"
)

// endless is a log with executions of two deliveries each, after one with a single delivery.
type endless struct {
	executions.Log
	at time.Time
}

func (l endless) All(context.Context, executions.Query) iter.Seq2[executions.Execution, error] {
	line := executions.Line{Time: l.at, Outcome: string(executions.Delivered), Calls: []segment.Calls{{Call: segment.Call{Type: "track", Event: "E"}, Messages: 1}}}
	return func(yield func(executions.Execution, error) bool) {
		lines := []executions.Line{line}
		for n := 0; n < 2*deliveriesAtMost && yield(executions.Execution{Lines: lines}, nil); n++ {
			lines = []executions.Line{line, line}
		}
	}
}

// The deliveries of an execution must not jump over the limit.
func TestALogIsReadOnlyUpToALimit(t *testing.T) {
	now := time.Now()
	sent, err := ReadSent(t.Context(), endless{at: now}, func(time.Time) ([]executions.Line, error) { return nil, nil }, now.Add(-time.Hour), 0)
	if err != nil {
		t.Fatal(err)
	}
	if sent.read != deliveriesAtMost+1 {
		t.Errorf("%d deliveries are read", sent.read)
	}
}
