package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// deadLetterConsole is the console of a hub on this machine, with the hub's queues.
type deadLetterConsole struct {
	author
	queues map[string]*queue.Queue
	lines  *disk.Store
}

func withDeadLetters(t *testing.T) deadLetterConsole {
	c := deadLetterConsole{write(t), map[string]*queue.Queue{}, newLog(t)}
	m := machineWith{lines: c.lines}
	queues, err := queue.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { queues.Close() })
	m.changes = queues.DeadLetterChanges
	for _, tr := range tracking.All() {
		c.queues[tr.Name] = queues.Queue(tr.Name)
		m.queues = append(m.queues, deadletters.TrackingQueue{Tracking: tr, Queue: deadletters.Local{Queue: c.queues[tr.Name], Settle: func(context.Context) error { return nil }}})
	}
	c.console.Machine = m
	return c
}

// fail adds a dead letter, and returns the path of its page.
func (c deadLetterConsole) fail(name, reason, detail, body string) string {
	c.Helper()
	err := c.queues[name].Fail(c.Context(), relay.Envelope{Received: time.Now(), Body: []byte(body)},
		relay.Failure{Tracking: name, Reason: reason, Detail: detail, Resource: "o-" + reason, Receives: 1})
	if err != nil {
		c.Fatal(err)
	}
	letters, err := deadletters.Local{Queue: c.queues[name]}.List(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	return "/deadletters/" + name + "/" + letters[len(letters)-1].ID
}

// isLeftWith fails unless a tracking has that many dead letters, and that many events on its
// queue.
func (c deadLetterConsole) isLeftWith(name string, dead, waiting int) {
	c.Helper()
	status := c.queues[name].Status()
	if status.Failed != dead || status.Waiting != waiting {
		c.Errorf("%s has %d dead letters and %d queued events, want %d and %d", name, status.Failed, status.Waiting, dead, waiting)
	}
}

// retries receives the next event of a tracking, and retries it after the delay.
func (c deadLetterConsole) retries(name, reason string, delay time.Duration) {
	c.Helper()
	item := c.queues[name].Receive(c.Context(), 1)[0]
	if err := c.queues[name].Retry(c.Context(), item, relay.Next{In: delay, Reason: reason}); err != nil {
		c.Fatal(err)
	}
}

func (c deadLetterConsole) text() string { return c.ask("GET", "/deadletters", nil).text() }

func TestDeadLettersAreListedByReasonWithWhatToDo(t *testing.T) {
	c := withDeadLetters(t)
	c.want(c.ask("GET", "/deadletters", nil), 200, "There are no dead letters.", "No events are queued.")
	c.fail("order-refunded", "segment_400", `Segment says: "Mara.Lind@example.com" is invalid`, hubtest.PersonalOrder)
	for range lettersKept + 2 {
		c.fail("order-completed", "message_invalid", "message 1: event is missing", hubtest.PersonalOrder)
	}
	c.fail("order-refunded", "message_invalid", "message 1: userId is missing", hubtest.PersonalOrder)

	page := c.ask("GET", "/deadletters", nil)
	c.want(page, 200,
		"The template makes messages that Segment would drop", fmt.Sprintf(`<span class="pill is-failed">%d</span>`, lettersKept+3), "Fix the template, or restore",
		fmt.Sprintf("Order Completed: %d events, the oldest failed just now", lettersKept+2), "and 2 older ones.", "./deadletters/list?tracking=order-completed&reason=message_invalid", "Order Refunded: 1 event, failed just now",
		"message 1: event is missing", "o-message_invalid", "Segment rejected the messages",
	)
	if strings.Contains(page.text(), "Lind") {
		t.Errorf("the page shows personal values from Segment's response:\n%s", page.text())
	}
	if first, second := strings.Index(page.text(), "The template writes"), strings.Index(page.text(), "Segment refused"); first > second {
		t.Error("the most frequent reason is not the first")
	}
}

// countedReads is a queue of dead letters that counts how often they are read.
type countedReads struct {
	deadletters.Local
	reads *int
}

func (q countedReads) List(ctx context.Context) ([]spool.DeadLetter, error) {
	*q.reads++
	return q.Local.List(ctx)
}

// machineWithCounter is a hub that counts how often the dead letters of Order Completed are read.
type machineWithCounter struct {
	machineWith
	reads *int
}

func (m machineWithCounter) DeadLetters() deadletters.Queues {
	all := slices.Clone(m.queues)
	for i, q := range all {
		if q.Tracking.Name == "order-completed" {
			all[i].Queue = countedReads{q.Queue.(deadletters.Local), m.reads}
		}
	}
	return all
}

// A long list takes seconds.
func TestDeadLettersOfThisMachineAreReadAgainOnlyAfterAChange(t *testing.T) {
	c := withDeadLetters(t)
	c.fail("order-completed", "message_invalid", "", hubtest.PersonalOrder)
	reads := 0
	c.console.Machine = machineWithCounter{c.console.Machine.(machineWith), &reads}
	shows := func(says string, want int) {
		t.Helper()
		c.want(c.ask("GET", "/deadletters", nil), 200, says)
		c.want(c.ask("GET", "/deadletters/list", nil), 200)
		if reads != want {
			t.Errorf("they were read %d times, want %d", reads, want)
		}
	}
	shows("Order Completed: 1 event, failed", 1)
	shows("Order Completed: 1 event, failed", 1)
	c.fail("order-completed", "message_invalid", "", hubtest.PersonalOrder)
	shows("Order Completed: 2 events, the oldest failed", 2)
	if _, err := c.queues["order-completed"].RedriveNamed([]string{"1"}); err != nil {
		t.Fatal(err)
	}
	shows("Order Completed: 1 event, failed", 3)
}

// The user can check a fix before replaying anything.
func TestADeadLetterShowsItsResultWithTheCurrentSettings(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]string
		says []string
	}{
		{"the template is fixed", nil, []string{"The template writes 1 valid message.", `"Order Completed"`}},
		{"it still writes what Segment drops", map[string]string{"templates/order-completed": `{"event": ""}`}, []string{"Still fails: message 1: event is an empty string"}},
		{"it does not compile", map[string]string{"templates/order-completed": "{\n  \"event\": }"}, []string{"Still fails: line 2: "}},
		{"it filters the event", map[string]string{"templates/order-completed": "[]"}, []string{"Nothing is sent: the template filters it."}},
		{"the tracking is disabled", map[string]string{"tracking/order-completed/enabled": "false"}, []string{"it would be skipped: Order Completed is disabled."}},
		{"another event is observed now", map[string]string{"tracking/order-completed/events": "order.fulfilled"}, []string{"Order Completed no longer observes order.paid"}},
		{"the settings cannot be read", map[string]string{"tracking/order-completed/enabled": "perhaps"}, []string{"If you replay it now, it would be retried: parameter tracking/order-completed/enabled", "The template writes 1 valid message."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := withDeadLetters(t)
			path := b.fail("order-completed", "message_invalid", "message 1: no user", hubtest.PersonalOrder)
			for name, value := range c.set {
				if err := b.console.Store.Put(t.Context(), name, value); err != nil {
					t.Fatal(err)
				}
			}
			b.want(b.ask("GET", path, nil), 200, append(c.says, "message 1: no user", "Fix the template")...)
		})
	}
}

func TestPersonalValuesInADeadLetterAreHiddenUntilAskedFor(t *testing.T) {
	b := withDeadLetters(t)
	for _, c := range []struct{ name, reason, body string }{
		{"an order", "segment_400", hubtest.PersonalOrder},
		{"no webhook", "not_webhook", `{"name": "Mara Lind"}`},
		{"no JSON", "not_json", `hello from Mara Lind`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := deadLetterConsole{author{t, b.console}, b.queues, b.lines}
			path := b.fail("order-completed", c.reason, "Lind is refused", c.body)
			for query, shown := range map[string]bool{"": false, "?personal=yes": true} {
				page := b.ask("GET", path+query, nil)
				b.want(page, 200, ">Content<")
				if strings.Contains(page.text(), "Mara Lind") != shown {
					t.Errorf("%s shows personal values: %v\n%s", path+query, !shown, page.text())
				}
			}
		})
	}
	b.want(b.ask("GET", "/deadletters/order-completed/99", nil), 404, "this dead letter is not in the list")
	b.want(b.ask("GET", "/deadletters/order-paid/1", nil), 404, "this dead letter is not in the list")
}

// A long list does not have all events, so it does not know whether a detail quotes one.
func TestTheDetailOfADeadLetterWithoutItsEventIsHidden(t *testing.T) {
	for _, c := range []struct {
		detail, want string
		body         []byte
	}{
		{"Lind is refused", "•••", []byte(hubtest.PersonalOrder)},
		{"Lind is refused", "•••", nil},
		{"message 1: no user", "message 1: no user", []byte(hubtest.PersonalOrder)},
		{"", "", nil},
	} {
		var letter deadletters.Letter
		letter.Failure.Detail, letter.Envelope.Body = c.detail, c.body
		if got := detailOf(letter); got != c.want {
			t.Errorf("of %q it shows %q", c.detail, got)
		}
	}
}

func TestDeadLettersAreReplayed(t *testing.T) {
	b := withDeadLetters(t)
	for range 3 {
		b.fail("order-completed", "message_invalid", "", hubtest.PersonalOrder)
	}
	b.fail("order-completed", "segment_400", "", hubtest.PersonalOrder)
	one := b.fail("order-refunded", "message_invalid", "", hubtest.PersonalOrder)
	b.fail("order-refunded", "message_invalid", "", hubtest.PersonalOrder)
	replay := func(form url.Values) {
		t.Helper()
		if got := b.ask("POST", "/deadletters/replay", form); got.status != http.StatusSeeOther || got.location != "/deadletters" {
			t.Fatalf("answered %d to %s:\n%s", got.status, got.location, got.text())
		}
	}
	id := one[strings.LastIndex(one, "/")+1:]
	replay(url.Values{"tracking": {"order-refunded"}, "reason": {"message_invalid"}, "id": {id}})
	b.want(b.ask("GET", "/deadletters", nil), 200, "Replayed: 1 event back on the queue.")
	if page := b.text(); strings.Contains(page, "Replayed:") {
		t.Errorf("the notice is shown twice:\n%s", page)
	}
	b.isLeftWith("order-refunded", 1, 1)
	b.isLeftWith("order-completed", 4, 0)

	replay(url.Values{"tracking": {"order-refunded"}, "reason": {"message_invalid"}, "id": {id}})
	b.want(b.ask("GET", "/deadletters", nil), 200, "Nothing was replayed")

	replay(url.Values{"tracking": {"order-completed"}, "reason": {"message_invalid"}})
	b.want(b.ask("GET", "/deadletters", nil), 200, "Replayed: 3 events back on the queue.")
	b.isLeftWith("order-completed", 1, 3)
	b.isLeftWith("order-refunded", 1, 1)

	b.fail("order-completed", "message_invalid", "", hubtest.PersonalOrder)
	replay(url.Values{"reason": {"message_invalid"}})
	b.isLeftWith("order-completed", 1, 4)
	b.isLeftWith("order-refunded", 0, 2)
}

// An event can fail after the page was shown. Its button must not replay that one too.
func TestTheButtonOfOneDeadLetterReplaysOnlyThatOne(t *testing.T) {
	c := withDeadLetters(t)
	c.fail("order-completed", "message_invalid", "", hubtest.PersonalOrder)
	page := c.text()
	c.fail("order-completed", "message_invalid", "", hubtest.PersonalOrder)
	c.ask("POST", "/deadletters/replay", formOf(page, "/deadletters/review"))
	c.isLeftWith("order-completed", 1, 1)
}

func TestQueuedEventsAreShownWithReasons(t *testing.T) {
	b := withDeadLetters(t)
	for _, name := range []string{"order-completed", "customer-updated"} {
		if err := b.queues[name].Put(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(hubtest.PersonalOrder)}); err != nil {
			t.Fatal(err)
		}
	}
	b.retries("order-completed", "template", time.Hour)
	log := slog.New(b.lines.Handler())
	for _, reason := range []string{"settings", "template"} {
		log.Info("deliver", "tracking", "order-completed", "received", time.Now().Add(-3*time.Hour).Truncate(time.Minute), "receives", 2, "outcome", "retrying",
			"reason", reason, "detail", "line 3: expected {", "retry_in", "1h")
	}
	b.want(b.ask("GET", "/deadletters", nil), 200,
		"Order Completed", "3 h ago", "1 retrying: <code>template</code>, line 3: expected {", "Fix the template. The events are then delivered automatically.", "in 59 min",
		"Customer Updated", "unknown", "1 being delivered",
	)
}

// inAWS returns the console of a deployed store with that many dead letters of Order Completed.
func inAWS(t *testing.T, many int) (*standin.AWS, author, spool.SQSDeadLetters) {
	t.Helper()
	account := standin.Start(t)
	b := write(t)
	credentials := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
	}
	config := aws.Config{Region: "us-east-1", BaseEndpoint: &account.URL, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(credentials)}
	client := sqs.NewFromConfig(config)
	d := &store.Deployment{Config: config, Outputs: map[string]string{}}
	for _, tr := range tracking.All() {
		for output, name := range map[string]string{outputs.Queue(tr): tr.Name, outputs.Waiting(tr): tr.Name + "-waiting", outputs.DeadLetters(tr): tr.Name + "-dead"} {
			made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
			if err != nil {
				t.Fatal(err)
			}
			d.Outputs[output] = *made.QueueUrl
		}
	}
	b.console.Store.Deployment, b.console.Store.Prefix, b.console.Store.Takes = d, "/shop", 75*time.Second
	completed, err := d.Spool(tracking.OrderCompleted)
	if err != nil {
		t.Fatal(err)
	}
	for range many {
		if err := completed.Fail(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(hubtest.PersonalOrder)}, relay.Failure{Reason: "message_invalid", Resource: "o-1"}); err != nil {
			t.Fatal(err)
		}
	}
	queue, err := d.DeadLetterQueue(tracking.OrderCompleted)
	if err != nil {
		t.Fatal(err)
	}
	return account, b, queue
}

// receives returns how often messages were received.
func receives(account *standin.AWS) (count int) {
	for _, call := range account.Calls() {
		if call.Action == "ReceiveMessage" {
			count++
		}
	}
	return count
}

var letterLink = regexp.MustCompile(`/deadletters/order-completed/[0-9a-f-]+`)

// looks opens the page, and again after the end of its job. It returns the text of both.
func (b author) looks() page {
	b.Helper()
	first := b.ask("GET", "/deadletters", nil)
	if !strings.Contains(first.html, `data-poll`) {
		return first
	}
	for deadline := time.Now().Add(30 * time.Second); b.ask("GET", "/deadletters/job", nil).status != http.StatusResetContent; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("the job does not end")
		}
	}
	last := b.ask("GET", "/deadletters", nil)
	last.html = first.html + last.html
	return last
}

// An event can fail after the dead letters were read. The page must not count it as hidden by
// another reader.
func TestDeadLettersThatArriveLaterAreCounted(t *testing.T) {
	t.Parallel()
	_, b, _ := inAWS(t, 1)
	b.want(b.looks(), 200, "Order Completed: 1 event")
	d := b.console.Store.Deployment
	queue, err := d.Spool(tracking.OrderCompleted)
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.Fail(t.Context(), relay.Envelope{Received: time.Now(), Body: []byte(hubtest.PersonalOrder)}, relay.Failure{Reason: "message_invalid"}); err != nil {
		t.Fatal(err)
	}
	page := b.looks()
	b.want(page, 200, "SQS reports about 1 more since then. Read again to see it.")
	if strings.Contains(page.text(), "another program") {
		t.Errorf("the page says that another program received it:\n%s", page.text())
	}
}

// Reading the dead letters on AWS hides them from other readers.
func TestDeadLettersOnAWSAreReadOnceUntilTheUserReadsThemAgain(t *testing.T) {
	t.Parallel()
	account, b, queue := inAWS(t, 2)
	first := b.looks()
	b.want(first, 200, "Order Completed: 2 events, the oldest failed", "Read from the queues just now.", "within 75 seconds. Replay after that.")
	read := receives(account)
	b.want(b.ask("GET", letterLink.FindString(first.html), nil), 200, "The template writes 1 valid message.", "within 75 seconds. Replay after that.")
	b.want(b.ask("GET", "/deadletters", nil), 200, "Order Completed: 2 events, the oldest failed")
	if again := receives(account); again != read {
		t.Errorf("they were received again: %d times, then %d", read, again)
	}
	if letters, err := queue.List(t.Context()); err != nil || len(letters) != 2 {
		t.Errorf("another reader finds %d of them, %v", len(letters), err)
	}

	b.ask("POST", "/deadletters/replay", url.Values{"tracking": {"order-completed"}, "reason": {"message_invalid"}})
	b.want(b.looks(), 200, "Replayed: 2 events back on the queue.", "There are no dead letters.", "The reasons are not available")
	if waiting, err := queue.CountWaiting(t.Context()); err != nil || waiting != 2 {
		t.Errorf("%d are on the queue again, %v", waiting, err)
	}
}

func TestDeadLettersOnAWSThatAnotherReaderHasAreCounted(t *testing.T) {
	t.Parallel()
	_, b, _ := inAWS(t, 3)
	client := sqs.NewFromConfig(b.console.Store.Deployment.Config)
	url := b.console.Store.Deployment.Outputs[outputs.DeadLetters(tracking.OrderCompleted)]
	if _, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, VisibilityTimeout: 600}); err != nil {
		t.Fatal(err)
	}
	b.want(b.looks(), 200, "Order Completed: 2 events, the oldest failed", "SQS reported 1 more than could be read.")
}

// A long job runs while the page shows its progress, and no other job starts meanwhile. If the
// console is stopped, the job releases the messages that it received.
func TestALongJobShowsItsProgress(t *testing.T) {
	t.Parallel()
	account, b, queue := inAWS(t, 1)
	b.want(b.looks(), 200, "Order Completed: 1 event")
	account.Fail(standin.SQS, "SendMessage", standin.Hang)
	form := url.Values{"tracking": {"order-completed"}, "reason": {"message_invalid"}}
	if got := b.ask("POST", "/deadletters/replay", form); got.status != http.StatusSeeOther {
		t.Fatalf("answered %d", got.status)
	}
	b.want(b.ask("GET", "/deadletters", nil), 200, "Replaying", `data-poll="./deadletters/job"`, "0 of 1 dead letters checked")
	b.want(b.ask("GET", "/deadletters/job", nil), 200, "<progress", "0 of 1 dead letters checked")
	b.want(b.ask("POST", "/deadletters/replay", form), 409, "already reading or replaying")

	b.console.Stop()
	b.want(b.ask("GET", "/deadletters/job", nil), http.StatusResetContent)
	if letters, err := queue.List(t.Context()); err != nil || len(letters) != 1 {
		t.Errorf("another reader finds %d of them, %v", len(letters), err)
	}
	b.want(b.looks(), 200, "Not all dead letters were replayed", "Order Completed: 1 event")
}

func TestAnErrorOfReadingDeadLettersIsShown(t *testing.T) {
	t.Parallel()
	account, b, _ := inAWS(t, 1)
	account.Fail(standin.SQS, "ReceiveMessage", standin.Status(http.StatusForbidden))
	page := b.looks()
	b.want(page, 200, "The dead letters could not be read")
	if strings.Contains(page.text(), "There are no dead letters") {
		t.Errorf("the page says that there are none:\n%s", page.text())
	}
	account.Fail(standin.SQS, "GetQueueAttributes", standin.Status(http.StatusForbidden))
	b.want(b.ask("GET", "/deadletters", nil), http.StatusBadGateway, "counting")
}

func TestWithoutARunningHubThereAreNoQueuesOnThisMachine(t *testing.T) {
	b := write(t)
	b.want(b.ask("GET", "/deadletters", nil), 404, "Start it with hub run")
	b.want(b.ask("GET", "/deadletters/order-completed/1", nil), 404, "Start it with hub run")
	b.want(b.ask("POST", "/deadletters/replay", nil), 404, "Start it with hub run")
}

func TestDeadLettersAreFoundInPages(t *testing.T) {
	c := withDeadLetters(t)
	for i := range 60 {
		c.fail("order-completed", "message_invalid", fmt.Sprintf("message %d: event is missing", i+1), hubtest.PersonalOrder)
	}
	c.fail("order-refunded", "segment_400", "rejected", hubtest.PersonalOrder)
	for _, test := range []struct {
		query, says string
		rows        int
	}{
		{"", "1 to 50 of 61 dead letters", 50},
		{"page=2", "51 to 61 of 61 dead letters", 11},
		{"reason=segment_400", "1 to 1 of 1 dead letter,", 1},
		{"tracking=order-completed&page=2", "51 to 60 of 60", 10},
		{"q=MESSAGE+60", "1 to 1 of 1", 1},
		{"q=Mara", "No dead letters match.", 0}, // contents are not searched
	} {
		page := c.ask("GET", "/deadletters/list?"+test.query, nil)
		c.want(page, 200, test.says)
		if rows := strings.Count(page.html, `name="letter"`); rows != test.rows {
			t.Errorf("%q: %d rows, want %d", test.query, rows, test.rows)
		}
	}
}

func TestAReplayShowsFirstWhatWouldHappen(t *testing.T) {
	c := withDeadLetters(t)
	good := c.fail("order-completed", "message_invalid", "message 1: event is missing", hubtest.PersonalOrder)
	c.fail("order-completed", "message_invalid", "message 1: event is missing", hubtest.PersonalOrder)
	c.fail("order-completed", "not_json", "it is not JSON", "hello")
	_, id, _ := strings.Cut(strings.TrimPrefix(good, "/deadletters/"), "/")

	all := c.ask("POST", "/deadletters/review", url.Values{"tracking": {"order-completed"}})
	c.want(all, 200, "2 of 3 events would be delivered now, 1 would fail again", "1 of Order Completed: <code>not_json</code>", "Replay these 3")
	c.isLeftWith("order-completed", 3, 0)

	c.want(c.ask("POST", "/deadletters/review", url.Values{"selected": {"yes"}}), 422, "no event is selected")
	one := c.ask("POST", "/deadletters/review", url.Values{"selected": {"yes"}, "letter": {"order-completed:" + id}})
	c.want(one, 200, "1 of 1 event would be delivered now.", "Replay this one")
	c.ask("POST", "/deadletters/replay", formOf(one.html, "/deadletters/replay"))
	c.isLeftWith("order-completed", 2, 1)
	c.want(c.ask("GET", "/deadletters", nil), 200, "1 event replayed just now:", "0 delivered, 1 not attempted yet.")

	log := slog.New(c.lines.Handler())
	log.Info("deliver", "tracking", "order-completed", "received", c.queues["order-completed"].Receive(t.Context(), 1)[0].Envelope.Received, "receives", 1, "outcome", "failed", "reason", "message_invalid")
	c.want(c.ask("GET", "/deadletters/replayed", nil), 200, "0 delivered, 1 failed again (message_invalid).")
}
