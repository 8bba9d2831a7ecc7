package health

import (
	"context"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
)

// took returns an execution of order-completed.
func took(received time.Time, outcome executions.Outcome, reason string) executions.Execution {
	return executions.Execution{Tracking: "order-completed", Received: received, Outcome: outcome, Reason: reason, Lines: []executions.Line{{Time: received}}}
}

func TestSameHours(t *testing.T) {
	var m executions.Memory
	add := func(at time.Time, outcome executions.Outcome) { m.List = append(m.List, took(at, outcome, "")) }
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
		got, err := sameHours(t.Context(), Source{Log: m}.acceptedHere, c.from, now)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("since %v: %v, %v; want %v", c.from, got, err, c.want)
		}
	}
}

func TestObserve(t *testing.T) {
	const skipped, failed, rejected, delivered = executions.Skipped, executions.Failed, executions.Rejected, executions.Delivered
	for _, c := range []struct {
		name string
		all  executions.List // the newest first
		want Log
	}{
		{"nothing", nil, Log{}},
		{"rejected webhooks are not accepted", executions.List{took(at("10:40"), rejected, ""), took(at("10:30"), skipped, ""), took(at("10:20"), delivered, "")},
			Log{LastAccepted: at("10:30"), LastDelivered: at("10:20")}},
		{"wrong secrets in two periods", executions.List{took(at("10:11"), rejected, "forged"), took(at("10:09"), rejected, "forged"), took(at("10:06"), rejected, "forged")},
			Log{Forged: Forged{2, at("10:06"), at("10:11"), 3}}},
		{"answers with 503", executions.List{took(at("10:11"), rejected, "unavailable"), took(at("10:09"), rejected, "unavailable")},
			Log{Unavailable: Unavailable{Count: 2, First: at("10:09"), Last: at("10:11")}}},
		{"filtered events since one was delivered", executions.List{took(at("10:12"), skipped, "filtered"), took(at("10:11"), skipped, "filtered"), took(at("10:10"), delivered, ""), took(at("10:09"), skipped, "filtered")},
			Log{LastAccepted: at("10:12"), LastDelivered: at("10:10"), Trackings: []Outcomes{{Tracking: "order-completed", Filtered: 2, FirstFiltered: at("10:11")}}}},
		{"invalid messages", executions.List{took(at("10:12"), failed, "message_invalid"), took(at("10:11"), failed, "message_invalid")},
			Log{LastAccepted: at("10:12"), Failed: 2, FailedFor: "2 message_invalid", FirstFailed: at("10:11"), Trackings: []Outcomes{{Tracking: "order-completed", Invalid: 2, FirstInvalid: at("10:11")}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := observe(t.Context(), executions.Memory{List: c.all}, now); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("it observes\n%+v, %v, want\n%+v", got, err, c.want)
			}
		})
	}
}

// lines is the log of a test. Its times are before the start of the test.
type lines struct {
	all []executions.Line
	now time.Time
}

// accepted adds webhooks of a tracking that were accepted this long ago, a millisecond apart, and
// the same attempt for each of them.
func (l *lines) accepted(many int, name string, ago time.Duration, attempted time.Duration, outcome executions.Outcome, reason string) {
	for n := range many {
		received := l.now.Add(-ago + time.Duration(n)*time.Millisecond)
		accept := executions.Line{Kind: "accept", Tracking: name, Received: received, Time: received, Outcome: "accepted"}
		attempt := executions.Line{Kind: "deliver", Tracking: name, Received: received, Time: l.now.Add(-attempted), Outcome: string(outcome), Reason: reason, Receives: 2, RetryIn: "5m0s"}
		l.all = append(l.all, accept, attempt)
	}
}

// rejected adds webhooks that were rejected this long ago.
func (l *lines) rejected(many int, ago time.Duration, reason string) {
	for n := range many {
		l.all = append(l.all, executions.Line{Kind: "accept", Tracking: "order-completed", Time: l.now.Add(-ago + time.Duration(n)*time.Millisecond), Outcome: reason, Detail: "why"})
	}
}

// counting is a log that counts the executions that it returns.
type counting struct {
	executions.Memory
	rows int
}

func (c *counting) Find(ctx context.Context, q executions.Query, page executions.Page) (executions.Found, error) {
	found, err := c.Memory.Find(ctx, q, page)
	c.rows += len(found.Rows)
	return found, err
}

func (c *counting) All(ctx context.Context, q executions.Query) iter.Seq2[executions.Execution, error] {
	return func(yield func(executions.Execution, error) bool) {
		for e, err := range c.Memory.All(ctx, q) {
			if c.rows++; !yield(e, err) {
				return
			}
		}
	}
}

// observed returns what the lines say, and how many executions were read for it.
func (l *lines) observed(t *testing.T) (Log, int) {
	t.Helper()
	log := &counting{Memory: executions.Memory{List: executions.Of(l.all)}}
	found, err := observe(t.Context(), log, l.now)
	if err != nil {
		t.Fatal(err)
	}
	return found, log.rows
}

func newLines() *lines { return &lines{now: time.Now()} }

// says returns what is judged of a log.
func (l *lines) says(log Log) string {
	var all []string
	for _, p := range Judge(Facts{Now: l.now, Log: log}).Problems {
		all = append(all, p.Key+": "+p.Says)
	}
	return strings.Join(all, "\n")
}

// A judgement must not take longer when millions of events wait.
func TestABacklogIsCountedAndNotRead(t *testing.T) {
	l := newLines()
	const many = 5000
	l.accepted(1, "order-completed", 2*time.Hour, time.Hour, executions.Retrying, "segment_503")
	l.accepted(many-1, "order-completed", time.Hour, time.Minute, executions.Retrying, "segment_503")
	l.accepted(3, "order-updated", 90*time.Minute, time.Minute, executions.Retrying, "template")
	log, rows := l.observed(t)
	if most := 10 * readRows; rows > most {
		t.Errorf("it read %d of the executions, want %d at most", rows, most)
	}
	if len(log.Waits) != 2 || log.Waits[0].Count != many || log.Waits[1].Count != 3 {
		t.Fatalf("the undelivered events are %+v", log.Waits)
	}
	ago := func(at time.Time) time.Duration { return l.now.Sub(at) }
	first, second := log.Waits[0], log.Waits[1]
	if ago(first.Oldest) != 2*time.Hour || ago(first.Since) != time.Hour || ago(first.Last) != time.Minute || !first.Next.IsZero() {
		t.Errorf("of a backlog it reads %+v", first)
	}
	if ago(second.Oldest) != 90*time.Minute || ago(second.Next) != -4*time.Minute {
		t.Errorf("of three events it reads %+v", second)
	}
}

// An event that was received before an outage and delivered after it shows that Segment works.
func TestALateDeliveryShowsThatSegmentWorks(t *testing.T) {
	l := newLines()
	l.accepted(1, "order-completed", 40*time.Minute, time.Minute, executions.Delivered, "")
	l.accepted(1, "order-completed", 10*time.Minute, 2*time.Minute, executions.Retrying, "segment_503")
	log, _ := l.observed(t)
	if says := l.says(log); !strings.HasPrefix(says, "segment: Segment failed for some events (HTTP 503), and accepts others again. 1 event is retried") {
		t.Errorf("it finds %s", says)
	}
}

// A message that is delivered does not show that Segment accepts deletions, which another API does,
// and the other way round.
func TestMessagesAndDeletionsAreDeliveredByDifferentAPIs(t *testing.T) {
	for _, c := range []struct{ delivered, retried, reason, want string }{
		{"order-completed", "customer-deleted", "deletion_503", "deletions: Segment's Public API, which deletes users, has been failing since"},
		{"customer-deleted", "order-completed", "segment_503", "segment: Segment has been failing since"},
		{"customer-deleted", "customer-deleted", "deletion_503", "deletions: Segment's Public API, which deletes users, failed for some events (HTTP 503), and accepts others again."},
	} {
		l := newLines()
		l.accepted(300, c.delivered, 10*time.Minute, time.Minute, executions.Delivered, "")
		l.accepted(1, c.retried, 9*time.Minute, 2*time.Minute, executions.Retrying, c.reason)
		log, _ := l.observed(t)
		if says := l.says(log); !strings.HasPrefix(says, c.want) {
			t.Errorf("%s is retried, and %s delivered: it finds %s", c.retried, c.delivered, says)
		}
	}
}

// A tracking whose template skips many events must not hide what is wrong elsewhere, and a client
// that sends many wrong secrets must not hide that Commerce sends them too.
func TestManyExecutionsOfOneKindHideNoOther(t *testing.T) {
	l := newLines()
	l.rejected(2, 40*time.Minute, "unavailable")
	l.rejected(1, 30*time.Minute, "forged")
	l.rejected(1, 25*time.Minute, "forged")
	l.rejected(3*readRows, 5*time.Minute, "forged")
	l.accepted(4, "order-updated", 50*time.Minute, 20*time.Minute, executions.Failed, "message_invalid")
	l.accepted(5*readRows, "order-completed", 15*time.Minute, time.Minute, executions.Skipped, "filtered")
	log, _ := l.observed(t)
	if u := log.Unavailable; u.Count != 2 || l.now.Sub(u.First) != 40*time.Minute || u.Detail != "why" {
		t.Errorf("of the webhooks that were answered 503 it reads %+v", u)
	}
	if f := log.Forged; f.Periods != 3 || l.now.Sub(f.First) != 30*time.Minute || l.now.Sub(f.Last) > 5*time.Minute {
		t.Errorf("of those with a wrong secret it reads %+v", f)
	}
	if log.Failed != 4 || l.now.Sub(log.FirstFailed) != 50*time.Minute {
		t.Errorf("it reads %d dead letters, the first at %v", log.Failed, log.FirstFailed)
	}
	says := l.says(log)
	for _, part := range []string{"template/order-updated: Every event of order-updated since", "template/order-completed: The template of order-completed made no message of its last", "secret: Webhooks with a wrong secret"} {
		if !strings.Contains(says, part) {
			t.Errorf("it does not find %q:\n%s", part, says)
		}
	}
}

// The events of a minute that were received before the last delivery do not count.
func TestOnlyEventsAfterTheLastDeliveryCount(t *testing.T) {
	l := newLines()
	l.now = l.now.Truncate(time.Minute)
	l.accepted(30, "order-completed", 10*time.Minute, 9*time.Minute, executions.Skipped, "filtered")
	l.accepted(1, "order-completed", 10*time.Minute-time.Second, 9*time.Minute, executions.Delivered, "")
	if log, _ := l.observed(t); len(log.Trackings) != 0 {
		t.Errorf("it reads %+v", log.Trackings)
	}
	l.accepted(2, "order-completed", 10*time.Minute-2*time.Second, 9*time.Minute, executions.Skipped, "filtered")
	if log, _ := l.observed(t); len(log.Trackings) != 1 || log.Trackings[0].Filtered != 2 {
		t.Errorf("it reads %+v", log.Trackings)
	}
}

// A store without a write key or a webhook secret delivers nothing, even if no event has shown
// that yet.
func TestAStoreThatIsNotConfiguredDoesNotWork(t *testing.T) {
	values := map[string]string{}
	source := Source{Store: store.Store{Backend: fixed{values: values}}}
	judged := func() Judgement {
		f := Facts{Now: now}
		if err := source.settings(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		f.Log.Waits = []executions.Wait{wait("write_key_missing", 2, "10:42")}
		return Judge(f)
	}
	j := judged()
	if len(j.Problems) != 1 || j.State != Broken || !strings.Contains(j.Problems[0].Says, "there is no write key (segment/write-key); there is no webhook secret (commerce/webhook-secret)") {
		t.Errorf("it finds %+v", j.Problems)
	}
	values[settings.SegmentWriteKey], values[settings.WebhookSecret] = "a-write-key", "a-secret"
	if j := judged(); len(j.Problems) != 1 || j.Problems[0].Key == OfSettings {
		t.Errorf("configured, it finds %+v", j.Problems)
	}
}

// fixed is a store's backend with these parameters.
type fixed struct {
	store.Backend
	values map[string]string
}

func (f fixed) Parameters(context.Context, []string) (map[string]string, error) { return f.values, nil }
