package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// scale multiplies the webhooks of the tests that have many.
var scale = flag.Int("scale", 1, "multiply the number of webhooks in tests AtScale")

const (
	// connections are how many webhooks Commerce posts at the same time.
	connections = 8
	// underwayAtOnce are how many may be accepted and not yet delivered, so that what is in
	// memory is no backlog.
	underwayAtOnce = 500
	// heapMost is what the hub may hold in memory after a collection, in MB, however
	// many webhooks it has had: the bounds of all that it keeps, and what it needs itself.
	heapMost = 40
)

// A hub may run for weeks. On one core it takes webhooks of all trackings, tells Segment
// of each of them once, and holds no more in memory for the many that it has had.
func TestAtScaleTheHubLosesNothingAndDoesNotGrow(t *testing.T) {
	many := 10_000 * *scale
	segment := newCensus(t, many)
	h := startOnOneCore(t, segment.url)
	load := newLoad(t, h, segment)

	memory := []string{"at the start " + h.memory()}
	began := time.Now()
	for quarter := range 4 {
		load.post(many*quarter/4, many*(quarter+1)/4)
		memory = append(memory, fmt.Sprintf("after %d %s", many*(quarter+1)/4, h.memory()))
	}
	accepted := time.Since(began)
	hubtest.Eventually(t, "Segment is told of every webhook", func() bool { return segment.count() == many }, &h.log)
	delivered := time.Since(began)
	h.interrupt()

	for n, times := range segment.told {
		if times != 1 {
			t.Errorf("Segment was told %d times of webhook %d", times, n)
		}
	}
	if !strings.Contains(h.Stdout.String(), "No event was waiting.") {
		t.Errorf("the hub has something left:\n%s", h.Stdout)
	}
	if most := h.log.most(); most > heapMost {
		t.Errorf("the hub held %d MB in memory, want %d at most", most, heapMost)
	}
	slices.Sort(load.waits)
	t.Logf("%d webhooks, each delivered once: %.0f accepted and %.0f delivered a second, with %.0f µs of processor time each",
		many, float64(many)/accepted.Seconds(), float64(many)/delivered.Seconds(), float64(h.processorTime().Microseconds())/float64(many))
	t.Logf("accepted within: p50 %v, p99 %v, over %d connections", load.waits[many/2], load.waits[many*99/100], connections)
	t.Logf("memory: %s; never more than %d MB after a collection", strings.Join(memory, ", "), h.log.most())
}

// oneCore is a hub that is a program of its own, on one core.
type oneCore struct {
	*hubtest.Hub
	command *exec.Cmd
	log     collections
}

// startOnOneCore starts one that sends to a Segment.
func startOnOneCore(t *testing.T, segment string) *oneCore {
	t.Helper()
	h := &oneCore{}
	h.command, h.Hub = programLogging(t, &h.log, []string{"GOMAXPROCS=1", "GODEBUG=gctrace=1"}, "--addr", "127.0.0.1:0", "--backoff", "1s")
	h.Set("segment/write-key", "a-write-key")
	h.Set("segment/host", segment)
	h.AwaitSettings()
	return h
}

// memory is what it holds, for people.
func (h *oneCore) memory() string {
	h.T.Helper()
	resident, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(h.command.Process.Pid)).Output()
	if err != nil {
		h.T.Fatal(err)
	}
	kilobytes, err := strconv.Atoi(strings.TrimSpace(string(resident)))
	if err != nil {
		h.T.Fatal(err)
	}
	return fmt.Sprintf("%d MB resident, %d live", kilobytes>>10, h.log.last())
}

// interrupt stops it, and waits for its end.
func (h *oneCore) interrupt() {
	h.T.Helper()
	if err := h.command.Process.Signal(os.Interrupt); err != nil {
		h.T.Fatal(err)
	}
	if err := h.command.Wait(); err != nil {
		h.T.Errorf("the hub ends with %v", err)
	}
}

// processorTime is what it took, once it has ended.
func (h *oneCore) processorTime() time.Duration {
	return h.command.ProcessState.UserTime() + h.command.ProcessState.SystemTime()
}

// collections reads a program's log for what the garbage collector says in it
// (GODEBUG=gctrace=1), how much is live, and keeps the last complaint.
type collections struct {
	mu        sync.Mutex
	rest      []byte // a line that has not ended
	lives     []int  // MB after each collection
	complaint string // a line above the level of INFO
}

// collected is the line of a collection. The last of the three sizes is what is live.
var collected = regexp.MustCompile(`^gc \d+ @.* \d+->\d+->(\d+) MB`)

// Write implements io.Writer.
func (c *collections) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := append(c.rest, text...)
	for {
		line, rest, whole := bytes.Cut(lines, []byte("\n"))
		if !whole {
			c.rest = bytes.Clone(line)
			return len(text), nil
		}
		c.read(line)
		lines = rest
	}
}

func (c *collections) read(line []byte) {
	if match := collected.FindSubmatch(line); match != nil {
		live, _ := strconv.Atoi(string(match[1])) // they are digits
		c.lives = append(c.lives, live)
	} else if !bytes.Contains(line, []byte(" level=INFO ")) {
		c.complaint = string(line)
	}
}

// String is the last complaint.
func (c *collections) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.complaint
}

// last and most are how much was live after the last collection, and after any, in MB.
func (c *collections) last() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lives) == 0 {
		return 0
	}
	return c.lives[len(c.lives)-1]
}

func (c *collections) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Max(append(c.lives, 0))
}

// census is a Segment that counts how often it was told of each webhook.
type census struct {
	url string
	// underway holds one for each webhook of which Segment was not told yet.
	underway chan struct{}

	mu    sync.Mutex
	told  []uint8 // by the webhook's number
	known int     // webhooks that it was told of
}

func newCensus(t *testing.T, many int) *census {
	t.Helper()
	c := &census{underway: make(chan struct{}, underwayAtOnce), told: make([]uint8, many)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Batch []struct{ MessageID string } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("what Segment is told is not JSON: %v", err)
		}
		for _, message := range body.Batch {
			if err := c.tell(message.MessageID); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// tell takes note of a message, by its id: that of a resource has its webhook's number.
func (c *census) tell(id string) error {
	number, _, _ := strings.Cut(id[strings.Index(id, resourcePrefix)+len(resourcePrefix):], ":")
	n, err := strconv.Atoi(number)
	if err != nil || n >= len(c.told) {
		return fmt.Errorf("Segment is told %q, of which there was no webhook", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told[n] == 0 {
		c.known++
		<-c.underway
	}
	c.told[n]++
	return nil
}

// count is how many webhooks Segment was told of.
func (c *census) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

// load is a Commerce that posts one webhook after another over each of its connections.
type load struct {
	h        *oneCore
	segment  *census
	key      string
	client   *http.Client
	webhooks []func(id string) (*http.Request, error) // one of each tracking

	mu    sync.Mutex
	waits []time.Duration // for the answers
}

func newLoad(t *testing.T, h *oneCore, segment *census) *load {
	t.Helper()
	l := &load{
		h: h, segment: segment, key: h.Parameter("commerce/webhook-secret"),
		client: &http.Client{Timeout: hubtest.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: connections}},
	}
	for _, tracked := range tracking.All() {
		l.webhooks = append(l.webhooks, l.webhooksOf(tracked))
	}
	return l
}

// resourcePrefix begins the ids of orders and customers, before the webhook's number.
const resourcePrefix = "00000000-0000-4000-8000-"

// webhooksOf makes webhooks of a tracking out of a sample: each is of another resource.
func (l *load) webhooksOf(tracked tracking.Tracking) func(id string) (*http.Request, error) {
	l.h.T.Helper()
	for _, sample := range templates.Samples() {
		webhook, err := commerce.Parse(sample.Body)
		if err != nil {
			l.h.T.Fatalf("%s: %v", sample.Name, err)
		}
		if sample.Tracking != tracked.Name || !slices.Contains(tracked.Observes, webhook.Event) {
			continue
		}
		return func(id string) (*http.Request, error) {
			body := strings.NewReader(strings.ReplaceAll(string(sample.Body), webhook.ResourceID, id))
			return http.NewRequest("POST", l.h.URL+serve.Route(tracked.Name), body)
		}
	}
	l.h.T.Fatalf("there is no sample of %s", tracked.Name)
	return nil
}

// post posts the webhooks of these numbers, and returns when all are answered.
func (l *load) post(from, to int) {
	l.h.T.Helper()
	next := atomic.Int64{}
	next.Store(int64(from))
	var posting sync.WaitGroup
	for range connections {
		posting.Go(func() {
			for n := int(next.Add(1)) - 1; n < to; n = int(next.Add(1)) - 1 {
				if err := l.postOne(n); err != nil {
					l.h.T.Errorf("webhook %d: %v", n, err)
					return
				}
			}
		})
	}
	posting.Wait()
	if l.h.T.Failed() {
		l.h.T.Fatalf("the last complaint of the hub: %s", l.h.Stderr)
	}
}

func (l *load) postOne(n int) error {
	request, err := l.webhooks[n%len(l.webhooks)](fmt.Sprintf("%s%012d", resourcePrefix, n))
	if err != nil {
		return err
	}
	request.Header.Set(serve.KeyHeader, l.key)
	select {
	case l.segment.underway <- struct{}{}:
	case <-time.After(hubtest.Patience):
		return fmt.Errorf("Segment was told nothing for %v", hubtest.Patience)
	}
	began := time.Now()
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body) // or the connection is not used again
	response.Body.Close()
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusAccepted:
		return fmt.Errorf("it was answered with %s", response.Status)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits = append(l.waits, time.Since(began))
	return nil
}
