package serve

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/hostiletest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/spool/spooltest"
	"commerce-segment/shared/tracking"
)

// lines is a log that several goroutines write to.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// checkLog fails if a log contains personal data, or does not contain want.
func checkLog(t *testing.T, log fmt.Stringer, want string) {
	t.Helper()
	if text := log.String(); strings.Contains(text, hostiletest.Mark) || !strings.Contains(text, want) {
		t.Errorf("the log has personal data, or not %q: %s", want, text)
	}
}

// If a hostile server answers instead of Segment, Commerce or AWS, no text of its answers
// reaches the log or the reason of a dead letter.
func TestNoTextOfAPeerIsLogged(t *testing.T) {
	peers := hostiletest.Peers(t)
	t.Run("AWS", func(t *testing.T) {
		for _, peer := range peers {
			t.Run(peer.Name, func(t *testing.T) { checkAWSPeer(t, peer) })
		}
	})
	standard := &lines{}
	setLog(slog.New(slog.NewJSONHandler(standard, nil)))
	for place, config := range map[string]func(peer hostiletest.Peer) fixed{
		"Segment": func(peer hostiletest.Peer) fixed {
			config := configured
			config.Segment.Host = peer.URL
			return config
		},
		"Commerce": func(peer hostiletest.Peer) fixed {
			config := configured
			config.Template = `{"event": "Order Completed", "properties": $commerce("/v2/orders/" & payload.data.id).data}`
			config.Commerce = commerce.Credentials{URL: peer.URL, ClientID: "id", ClientSecret: "s"}
			return config
		},
	} {
		t.Run(place, func(t *testing.T) {
			for _, peer := range peers {
				t.Run(peer.Name, func(t *testing.T) {
					t.Parallel()
					checkPeer(t, config(peer))
				})
			}
		})
	}
	checkLog(t, standard, "")
}

// checkPeer accepts and delivers two events with these settings, the second without a queue.
func checkPeer(t *testing.T, config fixed) {
	queue := spooltest.NewMemory()
	for _, kept := range []relay.Spool{queue, nil} {
		written := &lines{}
		f := NewFunction(tracking.OrderCompleted, config, kept, slog.New(slog.NewJSONHandler(written, nil)))
		f.Relay.MetricsPrefix = "/shop"
		if config.Commerce.URL != "" {
			f.Relay.CommerceTransport = newTransport()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1300*time.Millisecond) // of which a second is reserved for settling
		f.HTTP(ctx, post())
		if kept != nil {
			f.Relay.Deliver(ctx, queue.Receive(ctx, 1))
		}
		cancel()
		checkLog(t, written, `"deliver"`)
	}
	for _, letter := range queue.DeadLetters() {
		if text := fmt.Sprintf("%+v", letter.Failure); strings.Contains(text, hostiletest.Mark) {
			t.Errorf("a dead letter has personal data: %s", text)
		}
	}
}

// checkAWSPeer runs a function whose queue is the peer, and one whose Parameter Store is
// also the peer. Each accepts a webhook, delivers an event from the queue, and rejects a
// body.
func checkAWSPeer(t *testing.T, peer hostiletest.Peer) {
	for _, variables := range []map[string]string{
		{VariablePrefix: "", "AWS_ENDPOINT_URL": peer.URL},
		{"AWS_ENDPOINT_URL": peer.URL},
	} {
		f, _, written := inLambda(t, variables)
		f.HTTP(t.Context(), post())
		text, err := spool.Encode(relay.Envelope{Body: []byte(`{"triggered_by":"order.paid"}`)})
		if err != nil {
			t.Fatal(err)
		}
		f.SQS(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", ReceiptHandle: "r", Body: text}}})
		f.Relay.Accept(t.Context(), secret, []byte(`{"triggered_by":`))
		checkLog(t, written, `"accept"`)
	}
}
