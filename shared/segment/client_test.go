package segment

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Each line is a case that the types of analytics-go would lose, drop or reformat.
var untouched = []string{
	`{"messageId":"a","type":"track","event":"E","userId":"u","context":{"direct":false,"unheardOf":{"x":[null,false,0]}}}`,
	`{"messageId":"b","type":"track","event":"E","userId":"u","properties":{"big":9007199254740993,"exp":1E+2,"dec":10.00}}`,
	`{"messageId":"c","type":"identify","userId":"u","timestamp":"2026-01-02T03:04:05.123456789+05:30","channel":"server"}`,
	`{"messageId":"d","type":"track","event":"<b>&amp;</b>","anonymousId":"ü 😀 \u2028","properties":null}`,
	`{ "z":1, "a":2, "messageId":"e", "type":"alias", "userId":"u", "previousId":"p" }`,
}

func TestDeliverSendsTheTemplatesOwnBytes(t *testing.T) {
	segment := startSegment(t, success)
	messages := make([]Message, len(untouched))
	for i, text := range untouched {
		messages[i] = Message{ID: string(rune('a' + i)), JSON: json.RawMessage(text)}
	}
	before := time.Now().Add(-time.Millisecond)
	outcomes := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messages)
	after := time.Now()
	for i, outcome := range outcomes {
		if want := (Outcome{Verdict: Delivered, Status: 200, Reason: "segment_200"}); outcome != want {
			t.Errorf("message %d: got %+v, want %+v", i, outcome, want)
		}
	}
	requests := segment.received()
	if len(requests) != 1 || len(outcomes) != len(messages) {
		t.Fatalf("got %d requests and %d outcomes, want one request and one outcome for each message", len(requests), len(outcomes))
	}
	got := requests[0]
	start, end := `{"batch":[`+strings.Join(untouched, ",")+`],"sentAt":"`, `"}`
	if !strings.HasPrefix(got.body, start) || !strings.HasSuffix(got.body, end) {
		t.Fatalf("got  %s\nwant %s…%s", got.body, start, end)
	}
	sent, err := time.Parse(time.RFC3339, got.body[len(start):len(got.body)-len(end)])
	if err != nil || sent.Before(before) || sent.After(after) {
		t.Errorf("sentAt is %s, %v: want the moment of sending", sent, err)
	}
	if got.length != int64(len(got.body)) {
		t.Errorf("Content-Length is %d, the body has %d bytes", got.length, len(got.body))
	}
}

func TestDeliverUsesTheEndpoint(t *testing.T) {
	segment := startSegment(t, success)
	host := strings.TrimPrefix(segment.URL, "http://")
	tests := []struct {
		name     string
		endpoint Endpoint
		target   string
	}{
		{"host and path", Endpoint{Host: segment.URL, Path: "/v1/batch"}, "/v1/batch"},
		{"another path", Endpoint{Host: segment.URL, Path: "/proxy/segment/b?region=eu"}, "/proxy/segment/b?region=eu"},
		{"a host with a slash at its end", Endpoint{Host: segment.URL + "/", Path: "/v1/batch"}, "/v1/batch"},
		{"a path without a slash at its start", Endpoint{Host: segment.URL, Path: "v1/import"}, "/v1/import"},
		{"a path in the host", Endpoint{Host: segment.URL + "/proxy", Path: "/v1/batch"}, "/proxy/v1/batch"},
	}
	client := NewClient(nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.endpoint.WriteKey = "key-one"
			client.Deliver(context.Background(), test.endpoint, messagesNamed("a"))
			requests := segment.received()
			got := requests[len(requests)-1]
			if got.method != "POST" || got.host != host || got.target != test.target {
				t.Errorf("got %s %s%s, want POST %s%s", got.method, got.host, got.target, host, test.target)
			}
			want := http.Header{
				"Authorization":  {"Basic " + base64.StdEncoding.EncodeToString([]byte("key-one:"))},
				"Content-Type":   {"application/json"},
				"Content-Length": {strconv.Itoa(len(got.body))},
				"User-Agent":     {"commerce-segment analytics-go/3.0.0"},
			}
			if !reflect.DeepEqual(got.header, want) {
				t.Errorf("got header  %v\nwant header %v", got.header, want)
			}
		})
	}
}

func TestDeliverNeedsSettings(t *testing.T) {
	segment := startSegment(t, success)
	tests := []struct {
		name     string
		endpoint Endpoint
		reason   string
	}{
		{"no write key", Endpoint{Host: segment.URL, Path: "/v1/batch"}, "write_key_missing"},
		{"a blank write key", Endpoint{Host: segment.URL, Path: "/v1/batch", WriteKey: " \n"}, "write_key_missing"},
		{"no host", Endpoint{Path: "/v1/batch", WriteKey: "key-one"}, "endpoint_invalid"},
		{"a host without a scheme", Endpoint{Host: "api.segment.io", Path: "/v1/batch", WriteKey: "key-one"}, "endpoint_invalid"},
		{"a host of another scheme", Endpoint{Host: "ftp://api.segment.io", Path: "/v1/batch", WriteKey: "key-one"}, "endpoint_invalid"},
		{"a host that is not a URL", Endpoint{Host: "http://key-one:%", Path: "/v1/batch", WriteKey: "key-one"}, "endpoint_invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			outcomes := NewClient(nil).Deliver(context.Background(), test.endpoint, messagesNamed("a", "b"))
			if len(outcomes) != 2 {
				t.Fatalf("got %d outcomes, want 2", len(outcomes))
			}
			for _, outcome := range outcomes {
				if outcome.Verdict != Retry || !outcome.Operator || outcome.Reason != test.reason || outcome.Detail == "" ||
					strings.Contains(outcome.Detail, "key-one") {
					t.Errorf("got %+v, want it retrying for the operator: %s", outcome, test.reason)
				}
			}
		})
	}
	if n := len(segment.received()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestDeliverOfNothingMakesNoRequest(t *testing.T) {
	segment := startSegment(t, success)
	if outcomes := NewClient(nil).Deliver(context.Background(), segment.endpoint(), nil); len(outcomes) != 0 || len(segment.received()) != 0 {
		t.Errorf("got %v and %d requests", outcomes, len(segment.received()))
	}
}

// A new connection needs a TLS handshake, which takes several times as long as the request.
// If answers were not read to their end, each request would need one.
func TestDeliverReusesItsConnection(t *testing.T) {
	tests := []struct {
		name   string
		sends  int
		answer http.HandlerFunc
	}{
		{"after success", 1000, success},
		{"after a rejection with a long text", 100, answering(400, strings.Repeat("words ", 20_000))},
		{"after an answer in pieces", 100, func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				io.WriteString(w, strings.Repeat("x", 3000))
				w.(http.Flusher).Flush()
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			segment := prepareSegment(test.answer)
			segment.StartTLS()
			t.Cleanup(segment.Close)
			client := trusting(segment)
			for range test.sends {
				if got := client.Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]; got.Status == 0 {
					t.Fatalf("got %+v", got)
				}
			}
			if got := segment.connections.Load(); got != 1 {
				t.Errorf("%d sends took %d connections, want 1", test.sends, got)
			}
		})
	}
}

// trusting returns a client with the default transport that trusts the test server.
func trusting(segment *standInSegment) *Client {
	transport := newTransport()
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(segment.Certificate())
	return NewClient(transport)
}

func TestDeliverRejectsAnUntrustedCertificate(t *testing.T) {
	segment := prepareSegment(success)
	segment.Config.ErrorLog = log.New(io.Discard, "", 0)
	segment.StartTLS()
	t.Cleanup(segment.Close)
	got := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]
	if got.Verdict != Retry || got.Reason != "segment_unreachable" || len(segment.received()) != 0 {
		t.Errorf("got %+v", got)
	}
}

// An endless answer must not be read to its end.
func TestDeliverLimitsHowMuchOfAnAnswerItReads(t *testing.T) {
	written := make(chan int64, 20)
	segment := startSegment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		n, _ := io.CopyN(w, endless{}, 1<<30)
		written <- n
	})
	got := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]
	if got.Status != 500 {
		t.Errorf("got %+v, want a 500", got)
	}
	if n := <-written; n > 64<<20 {
		t.Errorf("Segment could write %d bytes", n)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestDeliverWithoutAnAnswer(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		reason string
	}{
		{"the answer does not come in time", hang, "segment_timeout"},
		{"the answer begins and does not end in time", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			hang(w, r)
		}, "segment_timeout"},
		{"the connection is reset before an answer", breakOff(""), "segment_unreachable"},
		{"the connection is reset in the middle of a 200", breakOff("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"succ"), "segment_unreachable"},
		{"the connection is reset in the middle of a 400", breakOff("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{\"mess"), "segment_unreachable"},
		{"the answer is not HTTP", breakOff("220 mail.example.com ESMTP\r\n\r\n"), "segment_unreachable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			segment := startSegment(t, test.answer)
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer cancel()
			started := time.Now()
			outcomes := NewClient(nil).Deliver(ctx, segment.endpoint(), messagesNamed("a", "b"))
			if took := time.Since(started); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
			for _, got := range outcomes {
				if got.Verdict != Retry || got.Status != 0 || got.Operator || got.Reason != test.reason || got.Detail == "" {
					t.Errorf("got %+v, want it retrying: %s", got, test.reason)
				}
			}
			if n := len(segment.received()); n != 1 || len(outcomes) != 2 {
				t.Errorf("got %d requests and %d outcomes, want 1 and 2", n, len(outcomes))
			}
		})
	}
	t.Run("no program listens", func(t *testing.T) {
		segment := startSegment(t, success)
		segment.Close()
		if got := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]; got.Verdict != Retry ||
			got.Reason != "segment_unreachable" || !strings.Contains(got.Detail, "refused") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the context has ended already", func(t *testing.T) {
		segment := startSegment(t, success)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		got := NewClient(nil).Deliver(ctx, segment.endpoint(), messagesNamed("a"))[0]
		if got.Verdict != Retry || got.Reason != "segment_timeout" || len(segment.received()) != 0 {
			t.Errorf("got %+v and %d requests", got, len(segment.received()))
		}
	})
}

// hang does not answer while the client waits.
func hang(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(3 * time.Second):
	}
}

// breakOff answers with the start of an answer and resets the connection.
func breakOff(start string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(connection, start)
		if start != "" {
			time.Sleep(20 * time.Millisecond) // let it arrive before the reset
		}
		connection.(*net.TCPConn).SetLinger(0)
		connection.Close()
	}
}

// The body of a 101 (switching protocols) never ends.
func TestDeliverDoesNotWaitForASwitchedProtocol(t *testing.T) {
	segment := startSegment(t, func(w http.ResponseWriter, r *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		connection.SetReadDeadline(time.Now().Add(3 * time.Second))
		io.Copy(io.Discard, connection) // until the client closes it
		connection.Close()
	})
	started := time.Now()
	got := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]
	if got.Verdict != Retry || !got.Operator || got.Reason != "segment_101" {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(started); took > time.Second {
		t.Errorf("it took %s", took)
	}
}

// While a Lambda function is frozen, Segment closes its connections. Without the
// Idempotency-Key entry the first event after that would have to be retried later.
func TestDeliverRepeatsARequestOverABrokenConnection(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	segment := startSegment(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		again := seen[r.RemoteAddr]
		seen[r.RemoteAddr] = true
		mu.Unlock()
		if again {
			breakOff("")(w, r)
			return
		}
		success(w, r)
	})
	client := NewClient(nil)
	for range 2 {
		if got := client.Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]; got.Verdict != Delivered {
			t.Errorf("got %+v", got)
		}
	}
	if segment.connections.Load() != 2 {
		t.Errorf("%d connections, want 2: the test needs the first one to break", segment.connections.Load())
	}
}

func TestDeliverDoesNotFollowRedirects(t *testing.T) {
	elsewhere := startSegment(t, success)
	for _, status := range []int{301, 302, 303, 307, 308} {
		segment := startSegment(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/v1/batch", status)
		})
		got := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]
		if got.Verdict != Retry || !got.Operator || got.Status != status {
			t.Errorf("%d: got %+v", status, got)
		}
	}
	if n := len(elsewhere.received()); n != 0 {
		t.Errorf("the write key and %d messages went elsewhere", n)
	}
}

func TestA2xxWithAnyBodyIsDelivered(t *testing.T) {
	for _, body := range []string{"", "<html>", "{\"success\":false}", "\x00\xff"} {
		segment := startSegment(t, answering(200, body))
		if got := NewClient(nil).Deliver(context.Background(), segment.endpoint(), messagesNamed("a"))[0]; got.Verdict != Delivered || got.Detail != "" {
			t.Errorf("%q: got %+v", body, got)
		}
	}
}

// Segment answers 200 to too many or too large messages, and drops them.
func TestDeliverKeepsToSegmentsLimits(t *testing.T) {
	segment := startSegment(t, success)
	var messages []Message
	for i := range 40 {
		messages = append(messages, sized(fmt.Sprintf("large-%d", i), maxMessageBytes))
	}
	for i := range 5001 {
		messages = append(messages, sized(fmt.Sprintf("small-%d", i), 0))
	}
	for i, outcome := range NewClient(nil).Deliver(context.Background(), segment.endpoint(), messages) {
		if outcome.Verdict != Delivered {
			t.Fatalf("message %d: got %+v", i, outcome)
		}
	}
	next := 0
	for i, request := range segment.received() {
		ids := idsIn(t, request.body)
		if len(request.body) > 500_000 || len(ids) > 2500 {
			t.Errorf("request %d has %d bytes and %d messages", i, len(request.body), len(ids))
		}
		for _, id := range ids {
			if next == len(messages) || id != messages[next].ID {
				t.Fatalf("message %d is not in order", next)
			}
			next++
		}
	}
	if next != len(messages) {
		t.Errorf("%d of %d messages arrived", next, len(messages))
	}
}

// The size that split computes is the size of the body that is sent.
func TestARequestOfExactly500000Bytes(t *testing.T) {
	segment := startSegment(t, success)
	var messages []Message
	for i := range 10 {
		messages = append(messages, sized(strconv.Itoa(i), 49_994))
	}
	messages[9] = sized("9", 49_997)
	NewClient(nil).Deliver(context.Background(), segment.endpoint(), messages)
	if requests := segment.received(); len(requests) != 1 || len(requests[0].body) != 500_000 {
		t.Errorf("got %d requests, the first of %d bytes", len(requests), len(requests[0].body))
	}
}

func TestConcurrentDeliveriesAreIndependent(t *testing.T) {
	segment := startSegment(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ids := idsIn(t, string(body))
		w.Header().Set("Retry-After", strings.TrimPrefix(strings.Join(ids, " "), "message-"))
		w.WriteHeader(429)
	})
	client := NewClient(nil)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			endpoint := segment.endpoint()
			endpoint.Path = fmt.Sprintf("/%d", i)
			id := fmt.Sprintf("message-%d", i)
			if got := client.Deliver(context.Background(), endpoint, messagesNamed(id))[0]; got.RetryAfter != time.Duration(i)*time.Second {
				t.Errorf("message %s got the answer to message %v", id, got.RetryAfter)
			}
		})
	}
	group.Wait()
	for _, request := range segment.received() {
		if want := "[message-" + request.target[1:] + "]"; fmt.Sprint(idsIn(t, request.body)) != want {
			t.Errorf("%s got %s", request.target, request.body)
		}
	}
}

// A client of analytics-go is kept for the next delivery, and closed if its write key was
// replaced. Otherwise each delivery would leave one behind.
func TestDeliverKeepsOneClientOfTheLibrary(t *testing.T) {
	var status atomic.Int64
	segment := startSegment(t, func(w http.ResponseWriter, r *http.Request) {
		if status.Load() == 0 {
			hang(w, r)
			return
		}
		w.WriteHeader(int(status.Load()))
	})
	client := NewClient(nil)
	deliver := func(writeKey string) {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		endpoint := segment.endpoint()
		endpoint.WriteKey = writeKey
		client.Deliver(ctx, endpoint, messagesNamed("a", "b"))
	}
	before, _ := goroutinesOfTheLibrary()
	for range 5 {
		for _, code := range []int64{302, 400, 500, 200} {
			status.Store(code)
			deliver("key-one")
			deliver("key-two")
		}
	}
	status.Store(0)
	deliver("key-two") // whose request may still be running when Deliver returns
	status.Store(200)
	deliver("key-two")
	if kept := len(client.senders.idle); kept != 1 {
		t.Errorf("%d clients of the library are kept, want 1", kept)
	}
	const goroutinesOfAClient = 2
	deadline := time.Now().Add(2 * time.Second)
	for after, stacks := goroutinesOfTheLibrary(); after > before+goroutinesOfAClient; after, stacks = goroutinesOfTheLibrary() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines of the library are left, want %d:\n%s", after-before, goroutinesOfAClient, stacks)
		}
		time.Sleep(time.Millisecond)
	}
}

// goroutinesOfTheLibrary counts the goroutines of analytics-go and of its http.Client.
func goroutinesOfTheLibrary() (count int, stacks string) {
	buffer := make([]byte, 1<<20)
	stacks = string(buffer[:runtime.Stack(buffer, true)])
	for _, stack := range strings.Split(stacks, "\n\n") {
		if strings.Contains(stack, "segmentio/analytics-go") || strings.Contains(stack, "setRequestCancel") {
			count++
		}
	}
	return count, stacks
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The library recovers from a panic of the transport, and only logs it. The messages must
// not be reported as delivered.
func TestAPanicOfTheTransportIsNotADelivery(t *testing.T) {
	client := NewClient(roundTripper(func(*http.Request) (*http.Response, error) { panic("a bug") }))
	got := client.Deliver(context.Background(), Endpoint{Host: "http://localhost", Path: "/", WriteKey: "k"}, messagesNamed("a"))[0]
	if got.Verdict != Retry || got.Status != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestTheTransportGetsTheCallersContextAndTheRealRequest(t *testing.T) {
	type key struct{}
	client := NewClient(roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Context().Value(key{}) != "value" {
			t.Error("the context is not the caller's")
		}
		if stale := r.Header.Get("Content-Length"); stale != "" {
			t.Errorf("the header has Content-Length %s, which is that of the placeholder", stale)
		}
		deadline, bounded := r.Context().Deadline()
		if !bounded || time.Until(deadline) > 8*time.Second {
			t.Errorf("the deadline is %s: want one within 8 s, though the caller gave none", deadline)
		}
		return nil, errors.New("enough")
	}))
	ctx := context.WithValue(context.Background(), key{}, "value")
	client.Deliver(ctx, Endpoint{Host: "http://localhost", Path: "/", WriteKey: "k"}, messagesNamed("a"))
}

// An answer may repeat the request, and analytics-go logs whole messages.
func TestNothingPrivateIsLoggedOrReturned(t *testing.T) {
	const writeKey, person = "wk_3f9d8c7b6a5e", "ada@example.com"
	stderr := os.Stderr
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr = file
	log.SetOutput(file)
	defer func() {
		os.Stderr = stderr
		log.SetOutput(stderr)
	}()

	auth := base64.StdEncoding.EncodeToString([]byte(writeKey + ":"))
	echo := func(status int) http.HandlerFunc {
		return answering(status, strings.Repeat("!", status%2)+"no key "+writeKey+", \x00\x1b[31m wk_3f9d\x008c7b6a5e \n nor "+auth+strings.Repeat("é", 200))
	}
	for _, answer := range []http.HandlerFunc{echo(400), echo(401), echo(500), echo(302), breakOff(""), breakOff("HTTP/1.1 " + writeKey + "\r\n\r\n")} {
		segment := startSegment(t, answer)
		endpoint := segment.endpoint()
		endpoint.WriteKey = writeKey
		message := Message{ID: "m", JSON: json.RawMessage(`{"messageId":"m","userId":"` + person + `"}`)}
		tooLarge := sized("large", 40_000)
		for _, outcome := range NewClient(nil).Deliver(context.Background(), endpoint, []Message{message, tooLarge}) {
			text := fmt.Sprintf("%+v", outcome)
			if strings.Contains(text, writeKey) || strings.Contains(text, auth) || strings.Contains(text, person) {
				t.Errorf("an outcome has a secret: %s", text)
			}
			if outcome.Status != 0 && outcome.Detail != "" {
				t.Errorf("the detail has text of Segment: %q", outcome.Detail)
			}
		}
	}
	logged, err := os.ReadFile(file.Name())
	if err != nil || len(logged) != 0 {
		t.Errorf("%v; this was logged: %s", err, logged)
	}
}
