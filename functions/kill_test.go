package functions_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// An answer of 202 means that the event is safe. Lambda may end a process at any moment,
// without a signal that it can handle. Here processes get a SIGKILL while they have an
// event, again and again, and only the queue survives.
func TestAtScaleNothingThatWasAcceptedIsLostWhenProcessesAreKilled(t *testing.T) {
	t.Parallel()
	var total tally
	t.Run("each", func(t *testing.T) {
		for _, tracked := range tracking.All() {
			t.Run(tracked.Name, func(t *testing.T) {
				t.Parallel()
				killed := newKillTest(t, tracked)
				killed.run(15 * *scale)
				killed.losesNothing()
				total.add(killed.accepting.kills.counts)
				total.add(killed.delivering.kills.counts)
			})
		}
	})
	t.Logf("%d processes were killed, so often: %v", total.sum(), total.counts)
	for _, moment := range moments {
		if total.counts[moment] == 0 {
			t.Errorf("no process was killed while an event was %q: this test must reach all of %q", moment, moments)
		}
	}
}

// moments lists how far an event can be when its process is killed.
var moments = []string{
	"handed over to accept it", "being put on the queue", "on the queue, and not answered",
	"handed over to deliver it", "being sent", "sent, and not settled", "being put off or failed", "settled, and not reported",
}

// tally has numbers by name.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(more map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	for name, n := range more {
		c.counts[name] += n
	}
}

func (c *tally) sum() (total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range maps.Values(c.counts) {
		total += n
	}
	return total
}

// rarest returns the name with the smallest number.
func (c *tally) rarest(names []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.MinFunc(names, func(a, b string) int { return c.counts[a] - c.counts[b] })
}

// killTest is a store whose one function has two processes, one that accepts and one that
// delivers. Both are killed again and again.
type killTest struct {
	*cloud
	aws                   *standin.AWS
	shop                  *shop
	accepting, delivering *killable
	accepted              map[string]bool // orders

	mu        sync.Mutex
	delivered map[string]map[string]bool // by order, the ids under which Segment accepted it
}

func newKillTest(t *testing.T, tracked tracking.Tracking) *killTest {
	aws, segment := standin.Start(t), newStandIn(t)
	s := &killTest{cloud: deployed(t, aws, tracked), aws: aws, accepted: map[string]bool{}, delivered: map[string]map[string]bool{}}
	publicAPI := httptest.NewServer(http.HandlerFunc(s.requestDeletion))
	t.Cleanup(publicAPI.Close)
	s.configure(segment, map[string]string{
		settings.SegmentAPIHost: publicAPI.URL, settings.SegmentAPIToken: settings.BindSecret(publicAPI.URL, publicapitest.Token),
		settings.Events(tracked): strings.Join(slices.Concat(tracked.Observes, tracked.AsWell), ","),
		// A slow template, so that some processes are killed while they evaluate it.
		settings.Template(tracked): `($sum([1..20000]); ` + templates.Default(tracked.Name) + `)`,
	})
	s.shop = newShop(t, s.cloud)
	fleet := newFleet(s.cloud)
	s.accepting, s.delivering = newKillable(fleet, moments[:3]), newKillable(fleet, moments[3:])
	aws.Fail(standin.SQS, "SendMessage", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var message struct {
				QueueURL    string `json:"QueueUrl"`
				MessageBody string
			}
			text, _ := io.ReadAll(r.Body)
			if err := json.Unmarshal(text, &message); err != nil {
				t.Error(err)
			}
			if isTick := strings.HasPrefix(message.MessageBody, `{"tick":`); isTick {
				next.ServeHTTP(w, r)
			} else if message.QueueURL == s.queue {
				s.accepting.passes(moments[1], moments[2], func() { next.ServeHTTP(w, r) })
			} else {
				s.delivering.passes(moments[6], moments[7], func() { next.ServeHTTP(w, r) })
			}
		})
	})
	aws.Fail(standin.SQS, "ChangeMessageVisibility", func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.delivering.passes(moments[6], moments[7], func() { next.ServeHTTP(w, r) })
		})
	})
	segment.answer(func(batch []json.RawMessage) int {
		ids := map[string]string{}
		for _, message := range batch {
			order, err := orderOf(message)
			if err != nil {
				t.Error(err)
			}
			ids[order] = idOf(t, message)
		}
		return s.take(ids)
	})
	return s
}

// requestDeletion is Segment's Public API for customer-deleted, whose webhooks have the name of
// an order as the user. https://docs.segmentapis.com/tag/Deletion-and-Suppression
func (s *killTest) requestDeletion(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return // the function was killed while it sent the request
	}
	var request struct{ SubjectIDs []string }
	if err := json.Unmarshal(text, &request); err != nil {
		s.t.Errorf("%s %s %s: %v", r.Method, r.URL.Path, text, err)
	}
	ids := map[string]string{}
	for _, user := range request.SubjectIDs {
		ids[user] = user
	}
	w.WriteHeader(s.take(ids))
	io.WriteString(w, `{"data": {"regulateId": "regulation"}}`)
}

// take returns Segment's answer to orders, with the ids of their messages: it rejects some
// orders permanently, and sometimes every request.
func (s *killTest) take(ids map[string]string) (status int) {
	s.delivering.passes(moments[4], moments[5], func() {
		switch {
		case rand.N(8) == 0:
			status = http.StatusServiceUnavailable
		case slices.ContainsFunc(slices.Collect(maps.Keys(ids)), isRejected):
			status = http.StatusBadRequest
		default:
			status = http.StatusOK
			s.record(ids)
		}
	})
	return status
}

func (s *killTest) record(ids map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for order, id := range ids {
		if s.delivered[order] == nil {
			s.delivered[order] = map[string]bool{}
		}
		s.delivered[order][id] = true
	}
}

// isRejected reports whether Segment rejects an order: every tenth.
func isRejected(order string) bool { return strings.HasSuffix(order, "7") }

func idOf(t testing.TB, message json.RawMessage) string {
	t.Helper()
	var identity struct{ MessageID string }
	if err := json.Unmarshal(message, &identity); err != nil {
		t.Error(err)
	}
	return identity.MessageID
}

// run posts and delivers until a number of processes were killed, half of them while they
// accepted. After that it kills no more, and waits until the queue is empty.
func (s *killTest) run(kills int) {
	s.accepting.left.Store(int64((kills + 1) / 2))
	s.delivering.left.Store(int64((kills + 1) / 2))
	var poller sync.WaitGroup
	defer poller.Wait()
	posted, ended := make(chan struct{}), make(chan struct{})
	poller.Go(func() { defer close(ended); s.deliverAll(posted) })
	defer close(posted)
	for order := 0; s.accepting.left.Load() > 0 || s.delivering.left.Load() > 0; order++ {
		select {
		case <-ended: // it has reported why
			return
		default:
		}
		// If the process was killed, Commerce gets no answer, and may never try again.
		status, err := accepts(s.accepting, s.tracking, secret, s.shop.webhook(order))
		switch {
		case err == nil && status == http.StatusAccepted:
			s.accepted[fmt.Sprint("order-", order)] = true
		case err == nil:
			s.t.Errorf("order %d is answered %d", order, status)
		}
	}
}

// deliverAll does what Lambda's event source mapping does, one batch at a time, until every
// webhook is posted and the queues are empty. It moves the clock forward instead of waiting
// for invisible messages, and then sends a tick.
func (s *killTest) deliverAll(posted <-chan struct{}) {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		messages, err := s.await(s.t.Context(), s.queue, 0)
		if err == nil && len(messages) > 0 {
			_, err = s.handOver(s.t.Context(), messages, s.delivering)
		} else {
			s.aws.Elapse(time.Hour)
			select {
			case <-posted:
				if s.undelivered() == 0 {
					return
				}
			case <-time.After(20 * time.Millisecond):
			}
			err = s.queues().SendTick(s.t.Context(), spool.Tick{}, 0)
		}
		if err != nil && s.delivering.left.Load() < 0 {
			s.t.Error(err)
		}
	}
	s.t.Error("after ten minutes there are still events on the queues")
}

// losesNothing checks every accepted order: Segment has it, or it is a dead letter with its
// reason.
func (s *killTest) losesNothing() {
	dead := s.deadOrders()
	twice := 0
	for order, ids := range s.delivered {
		if len(ids) != 1 {
			s.t.Errorf("%s has the ids %v", order, slices.Collect(maps.Keys(ids)))
		}
	}
	for order := range s.accepted {
		switch {
		case isRejected(order) && dead[order] == 0, !isRejected(order) && s.delivered[order] == nil:
			s.t.Errorf("%s is lost: it was answered 202, Segment accepted it with the ids %v, and there are %d dead letters of it",
				order, s.delivered[order], dead[order])
		case dead[order] > 1:
			twice++
		}
	}
	s.t.Logf("%d killed; %d orders accepted, %d delivered, %d rejected by Segment and failed (%d of them twice), 0 waiting: %v %v",
		s.accepting.kills.sum()+s.delivering.kills.sum(), len(s.accepted), len(s.delivered), len(dead), twice,
		s.accepting.kills.counts, s.delivering.kills.counts)
}

// deadOrders returns the number of dead letters of each order. It receives and deletes them
// until the queue is empty: a message whose receive failed is invisible only for a time.
func (s *killTest) deadOrders() map[string]int {
	dead, reason := map[string]int{}, "segment_400"
	if s.tracking.Call == tracking.Delete {
		reason = "deletion_400"
	}
	for visible, invisible := s.count(s.dead); visible+invisible > 0; visible, invisible = s.count(s.dead) {
		for _, letter := range s.receive(s.dead) {
			envelope, err := spool.Decode(*letter.Body)
			if err != nil {
				s.t.Fatal(err)
			}
			webhook, err := commerce.Parse(envelope.Body)
			if err != nil {
				s.t.Fatal(err)
			}
			equal(s.t, "the reason of "+webhook.ResourceID, aws.ToString(letter.MessageAttributes["Reason"].StringValue), reason)
			dead[webhook.ResourceID]++
			if _, err := s.sqs.DeleteMessage(s.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &s.dead, ReceiptHandle: letter.ReceiptHandle}); err != nil {
				s.t.Fatal(err)
			}
		}
		s.aws.Elapse(time.Hour)
	}
	return dead
}

// killable is a function that has one process at a time, which is killed while it has an
// event. The next event gets another process.
type killable struct {
	fleet   *fleet
	moments []string     // how far an event can be; the first is that it was handed over
	left    atomic.Int64 // how many are still to be killed
	kills   tally        // by how far the event was
	event   atomic.Pointer[progress]

	function *process // nil: it was killed
	stop     func()
}

func newKillable(f *fleet, moments []string) *killable {
	m := &killable{fleet: f, moments: moments}
	f.cloud.t.Cleanup(func() {
		if m.function != nil {
			m.stop()
		}
	})
	return m
}

// progress is how far an event has come.
type progress struct {
	mu      sync.Mutex
	at      string
	awaited string
	reached func() // called when at becomes awaited; nil after that
}

func (p *progress) is(at string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
	if at == p.awaited && p.reached != nil {
		p.reached()
		p.reached = nil
	}
}

// passes makes a call of the process for its event slow, and records the progress.
func (m *killable) passes(during, after string, do func()) {
	event := m.event.Load()
	event.is(during)
	time.Sleep(rand.N(slowness))
	do()
	time.Sleep(rand.N(slowness))
	event.is(after)
}

// slowness is how long each half of a call takes, at most.
const slowness = 8 * time.Millisecond

// ask implements lambda. It kills the process soon after the event has reached the moment
// at which the fewest processes were killed. If the event does not reach it, ask does not
// kill the process.
func (m *killable) ask(event, response any) error {
	if m.function == nil {
		m.function, m.stop = m.fleet.launch()
		<-m.function.asked
	}
	killed := make(chan string, 1) // how far the event was
	under := &progress{awaited: m.kills.rarest(m.moments)}
	kill := func() {
		under.mu.Lock() // it stays where it is
		defer under.mu.Unlock()
		m.stop()
		killed <- under.at
	}
	var timer *time.Timer
	if m.left.Load() > 0 {
		under.reached = func() {
			soon := rand.Float64() // squared: most often at once, as some moments are short
			timer = time.AfterFunc(time.Duration(soon*soon*float64(slowness)), kill)
		}
	}
	m.event.Store(under)
	under.is(m.moments[0])
	err := m.function.ask(event, response)

	under.mu.Lock()
	under.reached = nil
	spared := timer == nil || timer.Stop()
	under.mu.Unlock()
	if spared {
		return err
	}
	at := <-killed
	m.function = nil
	if err != nil { // otherwise it had answered before
		m.left.Add(-1)
		m.kills.add(map[string]int{at: 1})
	}
	return err
}
