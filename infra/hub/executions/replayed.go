package executions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Replayed are events that were put back on their queues.
type Replayed struct {
	At     time.Time
	Events []Replay
}

// Replay is one of them. The time when its webhook was received identifies it in the log.
type Replay struct {
	Tracking string
	Received time.Time
}

// Ended counts how replayed events have ended so far.
type Ended struct {
	Delivered, Skipped, Failed, Retrying int
	Waiting                              int    // no attempt is in the log yet
	Reason                               string // of the last one that failed again, or is retried
}

// maxPeriods is how many minutes are read one by one. With more, everything between the first
// and the last is read.
const maxPeriods = 200

// Ended finds out how the events have ended, from the lines of the log since they were put
// back.
func (r Replayed) Ended(ctx context.Context, log Log) (ended Ended, err error) {
	type key struct {
		tracking string
		received int64
	}
	outcomes := map[key]Execution{}
	for _, q := range r.queries() {
		for e, err := range log.All(ctx, q) {
			if errors.As(err, new(ErrCut)) {
				break
			}
			if err != nil {
				return Ended{}, err
			}
			if len(e.Lines) > 0 && e.Lines[len(e.Lines)-1].Time.After(r.At) {
				outcomes[key{e.Tracking, e.Received.UnixNano()}] = e
			}
		}
	}
	for _, event := range r.Events {
		ended.count(outcomes[key{event.Tracking, event.Received.UnixNano()}])
	}
	return ended, nil
}

// queries returns the queries for the minutes in which the webhooks were received.
func (r Replayed) queries() (queries []Query) {
	var minutes []time.Time
	for _, event := range r.Events {
		minutes = append(minutes, event.Received.UTC().Truncate(time.Minute))
	}
	slices.SortFunc(minutes, time.Time.Compare)
	minutes = slices.Compact(minutes)
	if len(minutes) > maxPeriods {
		return []Query{{From: minutes[0], To: minutes[len(minutes)-1].Add(time.Minute)}}
	}
	for _, minute := range minutes {
		queries = append(queries, Query{From: minute, To: minute.Add(time.Minute)})
	}
	return queries
}

func (e *Ended) count(x Execution) {
	switch x.Outcome {
	case Delivered:
		e.Delivered++
	case Skipped:
		e.Skipped++
	case Failed:
		e.Failed++
		e.Reason = x.Reason
	case Retrying:
		e.Retrying++
		e.Reason = x.Reason
	default:
		e.Waiting++
	}
}

// Says describes how the events have ended.
func (e Ended) Says() string {
	text := fmt.Sprintf("%d delivered", e.Delivered)
	for _, part := range []struct {
		count int
		says  string
	}{{e.Skipped, "skipped"}, {e.Failed, "failed again"}, {e.Retrying, "retrying"}, {e.Waiting, "not attempted yet"}} {
		if part.count > 0 {
			text += fmt.Sprintf(", %d %s", part.count, part.says)
		}
	}
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	return text + "."
}
