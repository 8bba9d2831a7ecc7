package functions_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/emulator/standin"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// accept posts a webhook to a function, and returns the status and how long it took.
func accept(t testing.TB, function *process, tracked tracking.Tracking, key string, body []byte) (status int, took time.Duration) {
	t.Helper()
	var response events.APIGatewayV2HTTPResponse
	started := time.Now()
	function.answer(t, post(tracked, key, body), &response)
	return response.StatusCode, time.Since(started)
}

// The whole journey, over the protocols of AWS: a webhook is accepted, put on a queue in
// SQS, and delivered with the settings in Parameter Store.
func TestOnAWSAWebhookGoesFromCommerceToSegment(t *testing.T) {
	t.Parallel()
	tracked := tracking.OrderCompleted
	cloud, segment := newCloud(t, emulator.Shared(t).URL, tracked, 30), newStandIn(t)
	cloud.configure(segment, nil)
	function := cloud.start()
	body := samplesOf(t, tracked)[0].Body

	status, _ := accept(t, function, tracked, secret, body)
	equal(t, "status", status, 202)
	equal(t, "messages to Segment before the delivery", len(segment.drain()), 0)
	visible, _ := cloud.count(cloud.queue)
	equal(t, "waiting", visible, 1)

	equal(t, "kept", len(cloud.deliver(function)), 0)
	messages := segment.drain()
	equal(t, "messages to Segment", len(messages), 1)
	isCallOf(t, tracked, messages[0])
	visible, invisible := cloud.count(cloud.queue)
	equal(t, "left on the queue", visible+invisible, 0)

	status, _ = accept(t, function, tracked, "guess", body)
	equal(t, "status of a forged one", status, 401)
	visible, invisible = cloud.count(cloud.queue)
	equal(t, "kept of a forged one", visible+invisible, 0)

	noSecretsInLog(t, function.log.String())
	counts(t, function.log.String(), cloud.prefix, tracked, metrics.Accepted, metrics.DelayMilliseconds, metrics.Delivered, metrics.Forged)
}

// When a function asks for its first event, Lambda may freeze it. A call that is running
// then has timed out when the function continues. So the settings are read before that, and
// a Parameter Store that does not answer delays the start only for a moment.
func TestOnAWSSettingsAreReadBeforeTheFunctionAsksForAnEvent(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t)
	aws.Fail(standin.ParameterStore, "", standin.Hang)
	cloud := newCloud(t, aws.URL, tracking.CustomerUpdated, 30)
	build(t, cloud.tracking.Name)
	function := cloud.start()
	select {
	case <-function.asked:
	case <-time.After(10 * time.Second):
		t.Fatal("10 s after its start it has not asked for an event: Lambda would start it over")
	}
	if !slices.ContainsFunc(aws.Calls(), func(c standin.Call) bool { return c.Action == "GetParameters" }) {
		t.Error("it asked for an event before it read its settings")
	}
}

// counts checks that the lines of a log have exactly these metrics.
func counts(t *testing.T, log, prefix string, tracked tracking.Tracking, want ...string) {
	t.Helper()
	got := map[string]bool{}
	for text := range strings.Lines(log) {
		var line struct {
			Prefix, Tracking string
			AWS              struct {
				CloudWatchMetrics []struct {
					Namespace string
					Metrics   []struct{ Name string }
				}
			} `json:"_aws"`
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		delete(members, "tracking") // encoding/json would decode it into Tracking
		stripped, _ := json.Marshal(members)
		if err := json.Unmarshal(stripped, &line); err != nil {
			t.Fatal(err)
		}
		for _, d := range line.AWS.CloudWatchMetrics {
			equal(t, "namespace and dimensions", d.Namespace+" "+line.Prefix+" "+line.Tracking, metrics.Namespace+" "+prefix+" "+tracked.Name)
			for _, m := range d.Metrics {
				got[m.Name] = true
				if _, ok := members[m.Name].(float64); !ok {
					t.Errorf("the line has no number %s: %s", m.Name, text)
				}
			}
		}
	}
	names := map[string]bool{}
	for _, name := range want {
		names[name] = true
	}
	equal(t, "metrics in the log", got, names)
}

// An event that must be retried waits on a queue of its own. It is attempted when a tick comes,
// and is invisible after an attempt that fails, for longer than the visibility timeout.
func TestOnAWSAnEventWaitsForItsNextAttempt(t *testing.T) {
	t.Parallel()
	tracked := tracking.OrderUpdated
	cloud, segment := newCloud(t, emulator.Shared(t).URL, tracked, 1), newStandIn(t) // invisible for 1 s, unless a retry is scheduled
	cloud.configure(segment, nil)
	function := cloud.start()
	accept(t, function, tracked, secret, samplesOf(t, tracked)[0].Body)

	segment.down(true)
	equal(t, "kept", len(cloud.deliver(function)), 0)
	cloud.retry(function)
	equal(t, "messages to Segment", len(segment.drain()), 2)
	time.Sleep(2 * time.Second)
	visible, invisible := cloud.count(cloud.waiting)
	equal(t, "visible and invisible", []int{visible, invisible}, []int{0, 1})
	equal(t, "on both queues", cloud.undelivered(), 1)

	segment.down(false)
	cloud.retry(function)
	equal(t, "messages to Segment before it is visible", len(segment.drain()), 0)
	eventually(t, "it is visible", func() bool { visible, _ := cloud.count(cloud.waiting); return visible == 1 })
	cloud.retry(function)
	equal(t, "messages to Segment", len(segment.drain()), 1)
	equal(t, "on both queues", cloud.undelivered(), 0)
}

// The rule calls the function every minute. It sends ticks if events are retried.
func TestOnAWSTheScheduleSendsTicks(t *testing.T) {
	t.Parallel()
	tracked := tracking.CheckoutStarted // the first of the catalogue: its ticks are due at 0, 20 and 40 seconds
	aws, segment := standin.Start(t), newStandIn(t)
	cloud := newCloud(t, aws.URL, tracked, 30)
	cloud.configure(segment, nil)
	function := cloud.start()
	scheduled := func(at time.Time) map[string]any {
		return map[string]any{
			"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": emulator.Account,
			"time": at.UTC().Format(time.RFC3339), "region": emulator.Region, "resources": []string{"arn:aws:events:us-east-1:123456789012:rule/x"}, "detail": map[string]any{},
		}
	}
	schedule := func(at time.Time) (ticks []string) {
		t.Helper()
		var none any
		function.answer(t, scheduled(at), &none)
		attributes := cloud.attributes(cloud.queue)
		return []string{attributes["ApproximateNumberOfMessages"], attributes["ApproximateNumberOfMessagesDelayed"]}
	}
	equal(t, "ticks while no event is retried", schedule(time.Now()), []string{"0", "0"})

	segment.down(true)
	accept(t, function, tracked, secret, samplesOf(t, tracked)[0].Body)
	equal(t, "kept", len(cloud.deliver(function)), 0)
	segment.down(false)
	segment.drain()
	equal(t, "ticks of a call that comes late", schedule(time.Now().Add(-2*time.Minute)), []string{"0", "0"})
	const between = 20 * time.Second
	if untilNext := between - time.Since(time.Now().Truncate(between)); untilNext < 5*time.Second {
		time.Sleep(untilNext) // otherwise the second tick could be due before the test ends
	}
	equal(t, "ticks", schedule(time.Now().Truncate(between)), []string{"1", "2"})
	equal(t, "events on both queues, with a tick", cloud.undelivered(), 2)
	equal(t, "kept", len(cloud.deliver(function)), 0)
	equal(t, "messages to Segment", len(segment.drain()), 1)
	equal(t, "events on both queues", cloud.undelivered(), 0)
}

func TestOnAWSADeadLetterHasItsReason(t *testing.T) {
	t.Parallel()
	tracked := tracking.OrderCompleted
	cloud, segment := newCloud(t, emulator.Shared(t).URL, tracked, 30), newStandIn(t)
	cloud.configure(segment, map[string]string{settings.Template(tracked): `{"event": "Order Completed", "userId": 7}`})
	function := cloud.start()
	body := samplesOf(t, tracked)[0].Body
	accept(t, function, tracked, secret, body)
	equal(t, "kept", len(cloud.deliver(function)), 0)

	dead := cloud.receive(cloud.dead)
	if len(dead) != 1 {
		t.Fatalf("%d dead letters, want 1", len(dead))
	}
	_, kept, err := commerce.Check(body)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := spool.Decode(*dead[0].Body)
	if err != nil || string(envelope.Body) != string(kept) {
		t.Errorf("the dead letter holds %s, error %v", envelope.Body, err)
	}
	for name, want := range map[string]string{
		"Tracking": tracked.Name, "Reason": "message_invalid", "Receives": "1", "Detail": "message 1: userId is a number: wrap it in $string()",
	} {
		if attribute := dead[0].MessageAttributes[name]; attribute.StringValue == nil || *attribute.StringValue != want {
			t.Errorf("%s: got %v, want %q", name, attribute.StringValue, want)
		}
	}
	if attribute := dead[0].MessageAttributes["Resource"]; attribute.StringValue == nil {
		t.Error("it does not name the order")
	}
	counts(t, function.log.String(), cloud.prefix, tracked, metrics.Accepted, metrics.Failed)
}

// If Parameter Store fails, Commerce still gets its answer within 2 s and the event is kept.
// It is verified when it is delivered.
func TestOnAWSEventsAreKeptWhileParameterStoreFails(t *testing.T) {
	for name, fails := range map[string]standin.Fault{"throttles": standin.Throttle, "hangs": standin.Hang, "is down": standin.Down} {
		t.Run("cold and it "+name, func(t *testing.T) {
			t.Parallel()
			tracked := tracking.OrderCancelled
			aws, segment := standin.Start(t), newStandIn(t)
			cloud := newCloud(t, aws.URL, tracked, 30)
			cloud.configure(segment, nil)
			aws.Fail(standin.ParameterStore, "", fails)
			build(t, tracked.Name)
			started := time.Now()
			function := cloud.start()
			status, _ := accept(t, function, tracked, secret, samplesOf(t, tracked)[0].Body)
			within(t, time.Since(started), 2*time.Second)
			equal(t, "status", status, 202)
			cloud.recovers(aws, function, segment, 1)
			noSecretsInLog(t, function.log.String())
		})
		t.Run("warm and it "+name, func(t *testing.T) {
			t.Parallel()
			tracked := tracking.OrderRefunded
			aws, segment := standin.Start(t), newStandIn(t)
			cloud := newCloud(t, aws.URL, tracked, 30)
			cloud.configure(segment, nil)
			function := cloud.start()
			body := samplesOf(t, tracked)[0].Body
			status, _ := accept(t, function, tracked, secret, body)
			equal(t, "status", status, 202)

			cloud.put(map[string]string{settings.WebhookSecret: "rotated_squirrel\n" + secret})
			aws.Fail(standin.ParameterStore, "", fails)
			time.Sleep(5 * time.Second) // a reload is due
			status, took := accept(t, function, tracked, "rotated_squirrel", body)
			equal(t, "status with a secret that is not known yet", status, 202)
			within(t, took, 2*time.Second)
			status, took = accept(t, function, tracked, secret, body)
			equal(t, "status with the known secret", status, 202)
			within(t, took, time.Second)
			cloud.recovers(aws, function, segment, 3)
			noSecretsInLog(t, function.log.String())
		})
	}
}

// recovers checks that every accepted event is delivered once Parameter Store answers
// again.
func (c *cloud) recovers(aws *standin.AWS, function *process, segment *standIn, want int) {
	c.t.Helper()
	aws.Fail(standin.ParameterStore, "", nil)
	time.Sleep(6 * time.Second) // after a failure the settings are not read again for 5 s
	for range 3 {
		c.deliver(function)
		aws.Elapse(time.Minute)
		c.retry(function)
	}
	equal(c.t, "messages to Segment", len(segment.drain()), want)
	equal(c.t, "left on the queues", c.undelivered(), 0)
}

// If an event cannot be put on the queue, it is delivered to Segment while Commerce waits.
// If that fails too, Commerce gets a 503 in time.
func TestOnAWSEventsGoStraightToSegmentWhileTheQueueFails(t *testing.T) {
	cases := []struct {
		name        string
		queue       standin.Fault
		segmentDown bool
		status      int
		direct      int // messages to Segment
		queued      int
	}{
		{"it is slow", standin.Delay(time.Second), false, 202, 0, 1},
		{"it hangs", standin.Hang, false, 202, 1, 0},
		{"it is down", standin.Down, false, 202, 1, 0},
		{"it throttles", standin.Throttle, false, 202, 1, 0},
		{"it hangs and Segment is down", standin.Hang, true, 503, 1, 0},
		{"it is down and Segment is down", standin.Down, true, 503, 1, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tracked := tracking.CheckoutStarted
			aws, segment := standin.Start(t), newStandIn(t)
			cloud := newCloud(t, aws.URL, tracked, 30)
			cloud.configure(segment, nil)
			function := cloud.start()
			segment.down(c.segmentDown)
			aws.Fail(standin.SQS, "SendMessage", c.queue)
			status, took := accept(t, function, tracked, secret, samplesOf(t, tracked)[0].Body)
			within(t, took, 8*time.Second)
			equal(t, "status", status, c.status)
			equal(t, "messages to Segment", len(segment.drain()), c.direct)
			visible, _ := cloud.count(cloud.queue)
			equal(t, "waiting", visible, c.queued)
		})
	}
}

func within(t testing.TB, took, limit time.Duration) {
	t.Helper()
	t.Logf("an answer after %v", took.Round(time.Millisecond))
	if took > limit {
		t.Errorf("an answer after %v, want one within %v", took, limit)
	}
}
