package functions_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/emulator/standin"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/metrics"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// scale multiplies the events of the tests that have many. With ten times as many they take
// about as long: most of the time they wait for a cache of one minute, and for the queue.
var scale = flag.Int("scale", 1, "multiply the number of events in tests AtScale")

// A deployment without settings is a normal state: every event is kept, and is delivered
// automatically once there are settings. Forged events become dead letters then.
func TestAtScaleEventsFromBeforeTheSettingsAreDeliveredAutomatically(t *testing.T) {
	t.Parallel()
	many := 100 * *scale
	aws, segment := standin.Start(t), newStandIn(t)
	cloud := deployed(t, aws, tracking.OrderCompleted)
	function := newFleet(cloud)
	mapEventSource(cloud, function)

	shop := newShop(t, cloud)
	for range many {
		shop.begin(func(order int) { shop.posts(function, secret, order) })
	}
	shop.underway.Wait()
	shop.allAccepted()
	status, err := accepts(function, cloud.tracking, "guess", shop.webhook(many))
	equal(t, "the answer to a forged one, which cannot be verified yet", fmt.Sprint(status, err), "202 <nil>")
	equal(t, "messages to Segment", len(segment.drain()), 0)

	hub(t, cloud, []string{"SEGMENT_WRITE_KEY=" + writeKey, "COMMERCE_WEBHOOK_SECRET=" + secret}, "configure", "--segment-host", segment.url)
	shop.arrives(segment, many)
	cloud.isLeftWith(1)
	reason := cloud.receive(cloud.dead)[0].MessageAttributes["Reason"]
	equal(t, "the reason of the dead letter", *reason.StringValue, "forged")

	noSecretsInLog(t, function.log())
	counts(t, function.log(), cloud.prefix, cloud.tracking, metrics.Accepted, metrics.Unverified, metrics.Retrying, metrics.Blocked,
		metrics.Delivered, metrics.DelayMilliseconds, metrics.Failed, metrics.Forged)
}

// Commerce may never send a rejected event again. Here it sends webhooks all the time, to
// running functions and sometimes to a new one, while an operator rotates the secret with
// hub rotate.
func TestAtScaleNoWebhookIsRejectedWhileTheSecretIsRotated(t *testing.T) {
	t.Parallel()
	const rotated = "rotated_squirrel"
	many := 1000 * *scale
	seldom := max(10, many/1000) // a start takes as long as many webhooks
	aws, segment := standin.Start(t), newStandIn(t)
	cloud := deployed(t, aws, tracking.OrderCompleted)
	hub(t, cloud, []string{"SEGMENT_WRITE_KEY=" + writeKey, "COMMERCE_WEBHOOK_SECRET=" + secret}, "configure", "--segment-host", segment.url)
	warm := newFleet(cloud)
	mapEventSource(cloud, warm)

	var keys atomic.Pointer[[2]string] // the keys that Commerce sends
	keys.Store(&[2]string{secret, secret})
	shop := newShop(t, cloud)
	over := make(chan struct{})
	var traffic sync.WaitGroup
	defer traffic.Wait()
	end := sync.OnceFunc(func() { close(over) })
	defer end()
	traffic.Go(func() {
		// A rotation takes 75 s: about four fifths of the webhooks.
		for tick := time.NewTicker(95 * time.Second / time.Duration(many)); ; {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			shop.begin(func(order int) {
				var function lambda = warm
				if order%seldom == 0 {
					function = cold{warm}
				}
				shop.posts(function, keys.Load()[order/10%2], order)
			})
		}
	})
	some := func() {
		t.Helper()
		next := shop.answered() + many/20
		eventually(t, "webhooks are answered", func() bool { return shop.answered() >= next })
	}

	some()
	hub(t, cloud, []string{"COMMERCE_WEBHOOK_SECRET=" + rotated}, "rotate")
	known := shop.answered()
	keys.Store(&[2]string{secret, rotated}) // some webhooks have the new key already
	some()
	keys.Store(&[2]string{rotated, rotated})
	some()
	hub(t, cloud, nil, "rotate", "--finish")
	finished := shop.answered()
	some()
	for shop.answered() < many {
		some()
	}
	end()
	traffic.Wait()
	shop.underway.Wait()

	t.Logf("%d webhooks: %d until the functions knew both secrets, %d until the old one was dropped, %d after; one in %d to a cold function",
		shop.answered(), known, finished-known, shop.answered()-finished, seldom)
	shop.allAccepted()
	shop.arrives(segment, shop.answered())
	cloud.isLeftWith(0)
	status, err := accepts(cold{warm}, cloud.tracking, secret, shop.webhook(0))
	equal(t, "the answer to the old secret in the end", fmt.Sprint(status, err), "401 <nil>")
}

// deployed returns a store after its first deployment: every parameter has its default, and
// there is no secret.
func deployed(t *testing.T, aws *standin.AWS, tracked tracking.Tracking) *cloud {
	t.Helper()
	visibility := int(spool.Visibility.Seconds())
	c := newCloud(t, aws.URL, tracked, visibility)
	c.stack = map[string]string{outputs.Prefix: c.prefix}
	for _, other := range tracking.All() {
		c.stack[outputs.Webhook(other)] = "https://api.example" + serve.Route(other.Name)
		c.stack[outputs.Queue(other)] = c.newQueue(other.Name, map[string]string{"VisibilityTimeout": strconv.Itoa(visibility)})
		c.stack[outputs.Waiting(other)] = c.newQueue(other.Name+"-waiting", map[string]string{"VisibilityTimeout": strconv.Itoa(visibility)})
		c.stack[outputs.DeadLetters(other)] = c.newQueue(other.Name+"-dead-letters", map[string]string{})
	}
	c.stack[outputs.Queue(tracked)], c.stack[outputs.Waiting(tracked)], c.stack[outputs.DeadLetters(tracked)] = c.queue, c.waiting, c.dead
	aws.Deploy(outputs.StackName(c.prefix), c.stack)
	c.put(map[string]string{
		settings.SegmentHost: settings.DefaultHost, settings.SegmentPath: settings.DefaultPath,
		settings.Enabled(tracked): "true", settings.Events(tracked): strings.Join(tracked.Observes, ","),
		settings.Template(tracked): templates.Default(tracked.Name),
	})
	return c
}

// isLeftWith waits until the queues are empty, and checks the number of dead letters.
func (c *cloud) isLeftWith(dead int) {
	c.t.Helper()
	eventually(c.t, "the queues are empty", func() bool { return c.undelivered() == 0 })
	visible, _ := c.count(c.dead)
	equal(c.t, "dead letters", visible, dead)
}

// hub runs the operator's program on a store, with these variables, and returns its output.
func hub(t *testing.T, c *cloud, variables []string, arguments ...string) (said string) {
	t.Helper()
	printed, err := hubCommand(t, c, variables, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("hub %s: %v\n%s", strings.Join(arguments, " "), err, printed)
	}
	return string(printed)
}

// hubCommand returns the command of the operator's program on a store.
func hubCommand(t *testing.T, c *cloud, variables []string, arguments ...string) *exec.Cmd {
	t.Helper()
	program, err := operatorsProgram()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, append(arguments, "--prefix", c.prefix)...)
	command.Env = append(append(os.Environ(), emulator.Environment(c.url)...), variables...)
	return command
}

// operatorsProgram builds the operator's program, once for all tests.
var operatorsProgram = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(programs, "hub")
	if said, err := exec.Command("go", "build", "-o", program, "../infra/hub").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the operator's program: %w\n%s", err, said)
	}
	return program, nil
})

// shop is a Commerce in which one order after the other is paid.
type shop struct {
	t        *testing.T
	tracking tracking.Tracking
	sample   templates.Sample
	orders   int
	free     chan struct{} // limits the webhooks that are posted at the same time
	underway sync.WaitGroup

	mu       sync.Mutex
	statuses map[int]int // how many webhooks were answered with each status; 0 means no answer
}

// atOnce is how many webhooks are posted at the same time, at most.
const atOnce = 8

func newShop(t *testing.T, c *cloud) *shop {
	t.Helper()
	return &shop{
		t: t, tracking: c.tracking, sample: samplesOf(t, c.tracking)[0],
		free: make(chan struct{}, atOnce), statuses: map[int]int{},
	}
}

// begin does something for the next order, and does not wait for its end.
func (s *shop) begin(do func(order int)) {
	order := s.orders
	s.orders++
	s.free <- struct{}{}
	s.underway.Go(func() {
		do(order)
		<-s.free
	})
}

// webhook returns the webhook of an order with a number.
func (s *shop) webhook(order int) []byte {
	var body struct {
		Payload struct{ Data struct{ ID string } }
	}
	if err := json.Unmarshal(s.sample.Body, &body); err != nil || body.Payload.Data.ID == "" {
		s.t.Errorf("the sample %s has no order: %v", s.sample.Name, err)
	}
	return []byte(strings.ReplaceAll(string(s.sample.Body), body.Payload.Data.ID, fmt.Sprint("order-", order)))
}

// posts posts the webhook of an order, and records the answer.
func (s *shop) posts(function lambda, key string, order int) {
	status, err := accepts(function, s.tracking, key, s.webhook(order))
	if err != nil {
		s.t.Errorf("order %d: %v", order, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[status]++
}

// accepts posts a webhook to a function. The status is 0 if there is an error.
func accepts(function lambda, tracked tracking.Tracking, key string, body []byte) (status int, err error) {
	var response events.APIGatewayV2HTTPResponse
	if err := function.ask(post(tracked, key, body), &response); err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}

// answered returns how many webhooks were answered, or failed.
func (s *shop) answered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for _, n := range s.statuses {
		total += n
	}
	return total
}

// allAccepted checks that every webhook was answered with 202. If not, it ends the test,
// because a rejected event is never delivered.
func (s *shop) allAccepted() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.statuses) != 1 || s.statuses[202] == 0 {
		s.t.Fatalf("the webhooks were answered with these statuses, so often: %v, want only 202", s.statuses)
	}
}

// arrives waits until Segment has received each of the first orders, and checks that it
// receives no other.
func (s *shop) arrives(segment *standIn, orders int) {
	s.t.Helper()
	missing := map[string]bool{}
	for order := range orders {
		missing[fmt.Sprint("order-", order)] = true
	}
	sent, repeated := map[string]bool{}, 0
	began := time.Now()
	eventually(s.t, "Segment receives every order", func() bool {
		for _, message := range segment.drain() {
			order, err := orderOf(message)
			if err != nil {
				s.t.Error(err)
			}
			switch {
			case sent[order]:
				repeated++
			case !missing[order]:
				s.t.Errorf("Segment received %s, which was not posted", order)
			}
			sent[order] = true
			delete(missing, order)
		}
		return len(missing) == 0
	})
	s.t.Logf("Segment received all %d orders within %.0f s, and %d of them twice", orders, time.Since(began).Seconds(), repeated)
}

// orderOf returns the order of a message, from the message's id.
func orderOf(message json.RawMessage) (string, error) {
	var identity struct{ MessageID string }
	if err := json.Unmarshal(message, &identity); err != nil {
		return "", err
	}
	parts := strings.Split(identity.MessageID, ":")
	if len(parts) < 2 {
		return "", errors.New("a message has no id of an order")
	}
	return parts[1], nil
}
