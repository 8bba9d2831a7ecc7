package segment

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/segmentio/analytics-go/v3"
)

// ConnectedFor is how long a connection without a request is used again. Load balancers
// commonly close it after 60 s.
const ConnectedFor = 50 * time.Second

// newTransport returns the default transport of a Client. It speaks HTTP/1.1: the requests
// of one delivery follow each other, so HTTP/2 would not be faster, and a Lambda function
// that was frozen detects a broken connection sooner.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   3 * time.Second,
		ResponseHeaderTimeout: 6 * time.Second,
		MaxIdleConns:          20,
		MaxIdleConnsPerHost:   10,
		IdleConnTimeout:       ConnectedFor,
		DisableCompression:    true,
	}
}

// exchange is one request and its answer. It does what analytics-go does not do: it sends
// the messages as the template wrote them, to the configured path, within the caller's
// context, and reads the answer so that the connection can be used again.
type exchange struct {
	ctx      context.Context // of the attempt
	address  *url.URL
	messages []Message

	outcome Outcome // valid after done is closed
	done    chan struct{}
}

func newExchange(ctx context.Context, address *url.URL, messages []Message) *exchange {
	return &exchange{
		ctx: ctx, address: address, messages: messages, done: make(chan struct{}),
		// The library recovers from a panic of the transport: then this is the outcome.
		outcome: noAnswer(ctx, errors.New("analytics-go returned without an answer")),
	}
}

// make makes the request, with the library's header, and sets the outcome.
func (x *exchange) make(below http.RoundTripper, header http.Header) {
	defer close(x.done)
	response, err := below.RoundTrip(x.request(header))
	if err != nil {
		x.outcome = noAnswer(x.ctx, err)
		return
	}
	if err := drain(response); err != nil {
		x.outcome = noAnswer(x.ctx, err)
		return
	}
	x.outcome = OutcomeOf(response.StatusCode)
	x.outcome.RetryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
}

// request returns the request with the messages and the library's header (Authorization and
// Content-Type).
func (x *exchange) request(header http.Header) *http.Request {
	body := envelope(x.messages, time.Now())
	header = header.Clone()
	header.Del("Content-Length") // that of the placeholder
	header.Set("User-Agent", "commerce-segment analytics-go/"+analytics.Version)
	// Segment drops a repeated messageId, so the request may be repeated. Because of this
	// entry, which is not sent, net/http repeats it automatically if a connection from the
	// pool is broken, for example after a Lambda function was frozen.
	header["Idempotency-Key"] = nil
	request := &http.Request{
		Method: http.MethodPost, URL: x.address, Host: x.address.Host, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
	return request.WithContext(x.ctx)
}

// The parts of a request's body around the messages. There is a comma between messages.
const (
	envelopeStart = `{"batch":[`
	envelopeSent  = `],"sentAt":"`
	envelopeTime  = "2006-01-02T15:04:05.000Z"
	envelopeEnd   = `"}`
	envelopeBytes = len(envelopeStart) + len(envelopeSent) + len(envelopeTime) + len(envelopeEnd)
)

// envelope returns the body of a request. The library's body would add a context to every
// message, but the template decides about the context.
func envelope(messages []Message, sent time.Time) []byte {
	size := envelopeBytes
	for _, message := range messages {
		size += len(message.JSON) + len(",")
	}
	body := append(make([]byte, 0, size), envelopeStart...)
	for i, message := range messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, message.JSON...)
	}
	body = append(body, envelopeSent...)
	body = sent.UTC().AppendFormat(body, envelopeTime)
	return append(body, envelopeEnd...)
}

// drainedBytes limits how much of an answer is read so that the connection can be used again.
const drainedBytes = 260 << 10

// drain reads an answer to its end and closes it. It keeps no text of it, because Segment
// may quote a message. The error means that the answer was incomplete. An answer below 200
// (101, switching protocols) has no body, but a connection that never ends.
func drain(response *http.Response) error {
	defer response.Body.Close()
	if response.StatusCode < http.StatusOK {
		return nil
	}
	_, err := io.CopyN(io.Discard, response.Body, drainedBytes)
	if err == io.EOF {
		return nil
	}
	return err
}
