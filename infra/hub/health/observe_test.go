package health

import (
	"context"
	"iter"
	"reflect"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
)

// memory is an executions.Log.
type memory struct{ list executions.List }

func (m memory) Find(_ context.Context, q executions.Query, page executions.Page) (executions.Found, error) {
	return m.list.Find(q, page, now)
}

func (m memory) All(context.Context, executions.Query) iter.Seq2[executions.Execution, error] {
	return m.list.Seq()
}

// took returns an execution of order-completed.
func took(received time.Time, outcome executions.Outcome, reason string) executions.Execution {
	return executions.Execution{Tracking: "order-completed", Received: received, Outcome: outcome, Reason: reason}
}

func TestSameHours(t *testing.T) {
	var m memory
	add := func(at time.Time, outcome executions.Outcome) { m.list = append(m.list, took(at, outcome, "")) }
	for day := 1; day <= 7; day++ {
		then := at("09:30").AddDate(0, 0, -day)
		for range day {
			add(then, executions.Delivered)
		}
		add(then, executions.Rejected)                      // anyone can send these
		add(then.Add(-2*time.Hour), executions.Delivered)   // before the silence began
		add(then.Add(90*time.Minute), executions.Delivered) // later than now
	}
	for _, c := range []struct {
		from time.Time
		want []int
	}{
		{at("08:10"), []int{1, 2, 3, 4, 5, 6, 7}},
		{at("07:00"), []int{2, 3, 4, 5, 6, 7, 8}},
		{at("10:00"), []int{0, 0, 0, 0, 0, 0, 0}},
		{at("10:21"), nil},
	} {
		got, err := sameHours(t.Context(), m, c.from, now)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("since %v: %v, %v; want %v", c.from, got, err, c.want)
		}
	}
}

func TestObserve(t *testing.T) {
	kind := func(outcome executions.Outcome, n int, last time.Time) executions.KindCount {
		return executions.KindCount{Kind: executions.Kind{Tracking: "order-completed", Outcome: outcome}, N: n, Last: last}
	}
	for _, c := range []struct {
		name     string
		kinds    []executions.KindCount
		troubled []executions.Execution // the newest first
		want     Log
	}{
		{"nothing", nil, nil, Log{}},
		{"rejected webhooks are not accepted", []executions.KindCount{kind(executions.Rejected, 9, at("10:40")), kind(executions.Skipped, 1, at("10:30")), kind(executions.Delivered, 1, at("10:20"))}, nil,
			Log{LastAccepted: at("10:30"), LastDelivered: at("10:20")}},
		{"wrong secrets in two periods", nil, []executions.Execution{took(at("10:11"), executions.Rejected, "forged"), took(at("10:09"), executions.Rejected, "forged"), took(at("10:06"), executions.Rejected, "forged")},
			Log{Forged: Forged{2, at("10:06"), at("10:11")}}},
		{"answers with 503", nil, []executions.Execution{took(at("10:11"), executions.Rejected, "unavailable"), took(at("10:09"), executions.Rejected, "unavailable")},
			Log{Unavailable: Unavailable{Count: 2, First: at("10:09"), Last: at("10:11")}}},
		{"filtered events since one was delivered", []executions.KindCount{kind(executions.Delivered, 1, at("10:10"))},
			[]executions.Execution{took(at("10:12"), executions.Skipped, "filtered"), took(at("10:11"), executions.Skipped, "filtered"), took(at("10:09"), executions.Skipped, "filtered")},
			Log{LastAccepted: at("10:10"), LastDelivered: at("10:10"), Trackings: []Outcomes{{Tracking: "order-completed", Filtered: 2, FirstFiltered: at("10:11")}}}},
		{"invalid messages", []executions.KindCount{kind(executions.Failed, 2, at("10:12"))},
			[]executions.Execution{took(at("10:12"), executions.Failed, "message_invalid"), took(at("10:11"), executions.Failed, "message_invalid")},
			Log{LastAccepted: at("10:12"), Failed: 2, FirstFailed: at("10:11"), Trackings: []Outcomes{{Tracking: "order-completed", Invalid: 2, FirstInvalid: at("10:11")}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Observe(c.kinds, c.troubled, nil); !reflect.DeepEqual(got, c.want) {
				t.Errorf("it observes\n%+v, want\n%+v", got, c.want)
			}
		})
	}
}
