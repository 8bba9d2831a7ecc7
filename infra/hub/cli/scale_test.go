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
var scale = flag.Int("scale", 1, "multiply the number of webhooks in the tests named AtScale")

const (
	// connections is the number of webhooks that Commerce posts at the same time.
	connections = 8
	// mostQueued is the largest number of webhooks that are accepted and not delivered yet, so
	// that the memory is not that of a backlog.
	mostQueued = 500
	// mostHeap is the largest memory of the hub after a garbage collection, in MB, after any
	// number of webhooks: for all the data that it keeps, and for itself.
	mostHeap = 40
)

// A hub may run for weeks. On one core it accepts webhooks of all trackings and delivers each
// of them once, and its memory does not grow with their number.
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
	hubtest.Eventually(t, "Segment receives every webhook", func() bool { return segment.delivered() == many }, &h.log)
	delivered := time.Since(began)
	h.interrupt()

	for n, times := range segment.received {
		if times != 1 {
			t.Errorf("Segment received %d messages of webhook %d", times, n)
		}
	}
	if !strings.Contains(h.Stdout.String(), "No events are queued.") {
		t.Errorf("the hub has something left:\n%s", h.Stdout)
	}
	if most := h.log.most(); most > mostHeap {
		t.Errorf("the hub held %d MB in memory, want %d at most", most, mostHeap)
	}
	slices.Sort(load.waits)
	t.Logf("%d webhooks, each delivered once: %.0f accepted and %.0f delivered a second, with %.0f µs of processor time each",
		many, float64(many)/accepted.Seconds(), float64(many)/delivered.Seconds(), float64(h.processorTime().Microseconds())/float64(many))
	t.Logf("accepted within: p50 %v, p99 %v, over %d connections", load.waits[many/2], load.waits[many*99/100], connections)
	t.Logf("memory: %s; never more than %d MB after a collection", strings.Join(memory, ", "), h.log.most())
}

// oneCore is a hub that runs as a separate program, on one core.
type oneCore struct {
	*hubtest.Hub
	command *exec.Cmd
	log     collections
}

// startOnOneCore starts a hub that sends to the Segment at a URL.
func startOnOneCore(t *testing.T, segment string) *oneCore {
	t.Helper()
	h := &oneCore{}
	h.command, h.Hub = programLogging(t, &h.log, []string{"GOMAXPROCS=1", "GODEBUG=gctrace=1"}, "--addr", "127.0.0.1:0", "--backoff", "1s")
	h.Set("segment/write-key", "a-write-key")
	h.Set("segment/host", segment)
	h.AwaitSettings()
	return h
}

// memory describes the hub's present memory, for the test's log.
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

// interrupt stops the hub and waits for its end.
func (h *oneCore) interrupt() {
	h.T.Helper()
	if err := h.command.Process.Signal(os.Interrupt); err != nil {
		h.T.Fatal(err)
	}
	if err := h.command.Wait(); err != nil {
		h.T.Errorf("the hub ends with %v", err)
	}
}

// processorTime returns the processor time of the hub, after its end.
func (h *oneCore) processorTime() time.Duration {
	return h.command.ProcessState.UserTime() + h.command.ProcessState.SystemTime()
}

// collections reads the lines of the garbage collector in a program's log
// (GODEBUG=gctrace=1), and keeps the last line above the level INFO.
type collections struct {
	mu        sync.Mutex
	rest      []byte // a line that has not ended
	lives     []int  // MB after each collection
	complaint string // the last line above the level INFO
}

// collected matches the line of a collection. The last of the three sizes is the live heap.
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

// read reads a line of the log.
func (c *collections) read(line []byte) {
	if match := collected.FindSubmatch(line); match != nil {
		live, _ := strconv.Atoi(string(match[1])) // they are digits
		c.lives = append(c.lives, live)
	} else if !bytes.Contains(line, []byte(" level=INFO ")) {
		c.complaint = string(line)
	}
}

// String returns the last complaint.
func (c *collections) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.complaint
}

// last returns the live heap after the last collection, in MB.
func (c *collections) last() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lives) == 0 {
		return 0
	}
	return c.lives[len(c.lives)-1]
}

// most returns the largest live heap after a collection, in MB.
func (c *collections) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Max(append(c.lives, 0))
}

// census is a Segment that counts the messages of each webhook.
type census struct {
	url string
	// queued holds an element for each webhook that was posted and not yet received.
	queued chan struct{}

	mu       sync.Mutex
	received []uint8 // messages, by the webhook's number
	webhooks int     // with at least one message
}

func newCensus(t *testing.T, many int) *census {
	t.Helper()
	c := &census{queued: make(chan struct{}, mostQueued), received: make([]uint8, many)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Batch []struct{ MessageID string } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("a request to Segment is not JSON: %v", err)
		}
		for _, message := range body.Batch {
			if err := c.count(message.MessageID); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// count counts a message by its id, in which the resource has the webhook's number.
func (c *census) count(id string) error {
	number, _, _ := strings.Cut(id[strings.Index(id, resourcePrefix)+len(resourcePrefix):], ":")
	n, err := strconv.Atoi(number)
	if err != nil || n >= len(c.received) {
		return fmt.Errorf("Segment received %q, for which there was no webhook", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.received[n] == 0 {
		c.webhooks++
		<-c.queued
	}
	c.received[n]++
	return nil
}

// delivered returns the number of webhooks of which Segment received a message.
func (c *census) delivered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.webhooks
}

// load is a Commerce that posts webhooks one after another over each of its connections.
type load struct {
	h        *oneCore
	segment  *census
	key      string
	client   *http.Client
	webhooks []func(id string) (*http.Request, error) // one of each tracking

	mu    sync.Mutex
	waits []time.Duration // until each answer
}

func newLoad(t *testing.T, h *oneCore, segment *census) *load {
	t.Helper()
	l := &load{
		h: h, segment: segment, key: h.Parameter("commerce/webhook-secret"),
		client: &http.Client{Timeout: hubtest.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: connections}},
	}
	for _, tracked := range tracking.All() {
		if !tracked.Optional { // the others are disabled
			l.webhooks = append(l.webhooks, l.webhooksOf(tracked))
		}
	}
	return l
}

// resourcePrefix is the start of the id of an order or a customer; the webhook's number
// follows.
const resourcePrefix = "00000000-0000-4000-8000-"

// webhooksOf returns a function that makes webhooks of a tracking from a sample, each about
// another resource.
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

// post posts the webhooks with these numbers, and returns when all are answered.
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
		l.h.T.Fatalf("the last warning or error in the hub's log: %s", l.h.Stderr)
	}
}

func (l *load) postOne(n int) error {
	request, err := l.webhooks[n%len(l.webhooks)](fmt.Sprintf("%s%012d", resourcePrefix, n))
	if err != nil {
		return err
	}
	request.Header.Set(serve.KeyHeader, l.key)
	select {
	case l.segment.queued <- struct{}{}:
	case <-time.After(hubtest.Patience):
		return fmt.Errorf("Segment received nothing for %v", hubtest.Patience)
	}
	began := time.Now()
	response, err := l.client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body) // so that the connection is used again
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
