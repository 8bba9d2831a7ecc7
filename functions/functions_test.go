// Package functions_test runs the functions as Lambda does: as separate processes,
// over the Lambda Runtime API, with an HTTP server for Segment.
package functions_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

const (
	secret   = "secret_squirrel"
	writeKey = "test-write-key" // the ids in the golden files depend on it
)

// received is the time when the samples were received, as in their golden files.
var received = time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)

// TestTheFunctions starts each function once and invokes it with one event after the other.
// State that a function keeps between events (a compiled template, a connection, a buffer)
// must not change the result of the next event.
func TestTheFunctions(t *testing.T) {
	for _, tracked := range senders() {
		t.Run(tracked.Name, func(t *testing.T) {
			t.Parallel()
			segment, samples := newStandIn(t), samplesOf(t, tracked)
			store, parameters := storeOf(t, samples)
			maps.Copy(parameters, map[string]string{
				settings.SegmentHost:      segment.url,
				settings.SegmentWriteKey:  writeKey,
				settings.WebhookSecret:    secret,
				settings.Events(tracked):  strings.Join(slices.Concat(tracked.Observes, tracked.AsWell), ","),
				settings.Enabled(tracked): "true",
			})
			function := start(t, tracked.Name, parameters)
			<-function.asked
			equal(t, "calls of Commerce while it starts", len(store.Requests()), 0)
			answersHTTP(t, function, segment, tracked, samples[0])
			answersSQS(t, function, segment, tracked, samples)
			sendsTheGoldenFiles(t, function, segment, samples)
			noSecretsInLog(t, function.log.String())
			equal(t, "whether Commerce was called", len(store.Requests()) > 0, tracked.Name == tracking.OrderRefunded.Name)
		})
	}
}

// senders returns the trackings that send messages to Segment's HTTP API: all but those that
// request deletions of its Public API, which TestAFunctionRequestsDeletions tests.
func senders() []tracking.Tracking {
	return slices.DeleteFunc(tracking.All(), func(t tracking.Tracking) bool { return t.Call == tracking.Delete })
}

// storeOf returns a Commerce with the answers of samples, and the parameters with which a
// function reads from it.
func storeOf(t *testing.T, samples []templates.Sample) (*commercetest.Server, map[string]string) {
	store := commercetest.Start(t)
	for _, sample := range samples {
		for path, answer := range sample.Answers {
			store.AddAnswer(path, answer)
		}
	}
	return store, map[string]string{
		settings.CommerceTokenURL:     store.URL,
		settings.CommerceClientID:     commercetest.ClientID,
		settings.CommerceClientSecret: settings.BindSecret(store.URL, commercetest.ClientSecret),
	}
}

// answersHTTP invokes a function with a webhook in every form that an HTTP API passes.
// There is no queue, so 202 means that Segment has the message.
func answersHTTP(t *testing.T, function *process, segment *standIn, tracked tracking.Tracking, sample templates.Sample) {
	cases := []struct {
		name   string
		change func(*events.APIGatewayV2HTTPRequest)
		down   bool // Segment answers 500
		status int
		code   string
		sent   int // messages to Segment
	}{
		{"a webhook as text", nil, false, 202, "accepted", 1},
		{"a webhook in base64", func(r *events.APIGatewayV2HTTPRequest) {
			r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString(sample.Body), true
		}, false, 202, "accepted", 1},
		{"a forged secret", func(r *events.APIGatewayV2HTTPRequest) { r.Headers["x-moltin-secret-key"] = "guess" }, false, 401, "forged", 0},
		{"garbage", func(r *events.APIGatewayV2HTTPRequest) { r.Body = "\x00garbage" }, false, 400, "not_json", 0},
		{"another tracking's route", func(r *events.APIGatewayV2HTTPRequest) { r.RawPath += "-too" }, false, 404, "not_found", 0},
		{"a webhook while Segment is down", nil, true, 503, "unavailable", 1},
		{"a webhook after it was down", nil, false, 202, "accepted", 1},
	}
	for _, c := range cases {
		t.Run("over HTTP/"+c.name, func(t *testing.T) {
			request := post(tracked, secret, sample.Body)
			if c.change != nil {
				c.change(&request)
			}
			segment.down(c.down)
			var response events.APIGatewayV2HTTPResponse
			function.answer(t, request, &response)
			equal(t, "status", response.StatusCode, c.status)
			equal(t, "body", response.Body, `{"code":"`+c.code+`"}`)
			messages := segment.drain()
			equal(t, "messages to Segment", len(messages), c.sent)
			for _, message := range messages {
				isCallOf(t, tracked, message)
			}
		})
	}
}

// post returns a webhook as an HTTP API passes it.
func post(tracked tracking.Tracking, key string, body []byte) events.APIGatewayV2HTTPRequest {
	request := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST /webhooks/" + tracked.Name, RawPath: "/webhooks/" + tracked.Name,
		Headers: map[string]string{"content-type": "application/json", "x-moltin-secret-key": key},
		Body:    string(body),
	}
	request.RequestContext.HTTP.Method = http.MethodPost
	return request
}

// isCallOf checks that a message is the Segment call of the tracking.
func isCallOf(t testing.TB, tracked tracking.Tracking, message json.RawMessage) {
	t.Helper()
	var call struct{ Type, Event, UserID, AnonymousID, MessageID string }
	if err := json.Unmarshal(message, &call); err != nil {
		t.Fatal(err)
	}
	equal(t, "type", call.Type, tracked.Call)
	if tracked.Call == tracking.Track {
		equal(t, "event", call.Event, tracked.Title)
	}
	if call.UserID+call.AnonymousID == "" || call.MessageID == "" {
		t.Errorf("it has no user or no id: %s", message)
	}
}

// answersSQS invokes a function with batches of which some records must stay on the queue.
// Lambda deletes all others, so one too few is a lost event.
func answersSQS(t *testing.T, function *process, segment *standIn, tracked tracking.Tracking, samples []templates.Sample) {
	good := envelope(t, relay.Envelope{Received: received, Body: samples[0].Body})
	digest, wrong := commerce.DigestOf(secret), commerce.DigestOf("guess")
	verified := envelope(t, relay.Envelope{Received: received, Body: samples[0].Body, Presented: &digest})
	forged := envelope(t, relay.Envelope{Received: received, Body: samples[0].Body, Presented: &wrong})
	unobserved := envelope(t, relay.Envelope{Received: received, Body: bytes.Replace(samples[0].Body,
		[]byte(`"triggered_by"`), []byte(`"triggered_by":"order.deleted","was"`), 1)})
	cases := []struct {
		name    string
		down    bool
		records []string // with the ids "0", "1", …
		kept    []string
		sent    int
	}{
		{"one good record", false, []string{good}, nil, 1},
		{"a record that cannot be opened between good ones", false, []string{good, "garbage", good}, []string{"1"}, 2},
		{"good records while Segment is down", true, []string{good, unobserved, good}, []string{"0", "2"}, 2},
		{"the same after it was down", false, []string{good, unobserved, good}, nil, 2},
		// The forged one should become a dead letter, but there is no dead-letter queue here.
		{"records that are verified when they are delivered", false, []string{verified, forged}, []string{"1"}, 1},
	}
	for _, c := range cases {
		t.Run("over SQS/"+c.name, func(t *testing.T) {
			segment.down(c.down)
			equal(t, "kept", function.deliver(t, c.records...), c.kept)
			equal(t, "messages to Segment", len(segment.drain()), c.sent)
		})
	}
	t.Run("an event of an unknown shape", func(t *testing.T) {
		outcome := function.invoke(t, []byte(`{"key1":"ron.swanson"}`))
		if !outcome.failed || !strings.Contains(string(outcome.body), "payload format 2.0") {
			t.Errorf("got %s, want an error that says what was expected", outcome.body)
		}
	})
}

// sendsTheGoldenFiles delivers every sample, and checks that Segment receives its golden
// file: nothing between the template and the network changes a message.
func sendsTheGoldenFiles(t *testing.T, function *process, segment *standIn, samples []templates.Sample) {
	for _, sample := range samples {
		t.Run("golden/"+sample.Name, func(t *testing.T) {
			segment.down(false)
			equal(t, "kept", function.deliver(t, envelope(t, relay.Envelope{Received: received, Body: sample.Body})), []string{})
			golden := goldenMessages(t, sample.Name)
			messages := segment.drain()
			equal(t, "messages", len(messages), len(golden))
			for i := range min(len(messages), len(golden)) {
				if got, want := compact(t, messages[i]), compact(t, golden[i]); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			}
		})
	}
}

// A template of the merchant is part of the settings.
func TestATemplateInTheSettingsReplacesTheDefault(t *testing.T) {
	segment := newStandIn(t)
	tracked := tracking.OrderCompleted
	function := start(t, tracked.Name, map[string]string{
		settings.SegmentHost: segment.url, settings.SegmentWriteKey: writeKey, settings.WebhookSecret: secret,
		settings.Template(tracked): `[{"event": "Mine"}, {"type": "identify", "traits": {"plan": "gold"}}]`,
	})
	equal(t, "kept", function.deliver(t, envelope(t, relay.Envelope{Body: samplesOf(t, tracked)[0].Body})), []string{})
	messages := segment.drain()
	equal(t, "messages", len(messages), 2)
	if !strings.Contains(string(messages[0]), `"event":"Mine"`) || !strings.Contains(string(messages[1]), `"traits":{"plan":"gold"}`) {
		t.Errorf("got %s", messages)
	}
}

// A deployment without settings is a normal state: the function starts, accepts no event
// that it cannot store, and keeps every event that is on its queue.
func TestAFunctionThatIsNotConfiguredLosesNothing(t *testing.T) {
	tracked := tracking.CustomerCreated
	body := samplesOf(t, tracked)[0].Body
	digest := commerce.DigestOf(secret)
	for name, parameters := range map[string]map[string]string{
		"without any settings":    {},
		"with an invalid setting": {settings.Enabled(tracked): "perhaps", settings.WebhookSecret: secret},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			function := start(t, tracked.Name, parameters)
			var response events.APIGatewayV2HTTPResponse
			function.answer(t, post(tracked, secret, body), &response)
			equal(t, "status", response.StatusCode, 503)
			equal(t, "kept", function.deliver(t,
				envelope(t, relay.Envelope{Body: body}), envelope(t, relay.Envelope{Body: body, Presented: &digest})), []string{"0", "1"})
			noSecretsInLog(t, function.log.String())
		})
	}
}

// samplesOf returns the samples of the events that a tracking observes.
func samplesOf(t testing.TB, tracked tracking.Tracking) []templates.Sample {
	t.Helper()
	observed := slices.Concat(tracked.Observes, tracked.AsWell)
	samples := slices.DeleteFunc(templates.Samples(), func(sample templates.Sample) bool {
		webhook, err := commerce.Parse(sample.Body)
		if err != nil {
			t.Fatalf("%s: %v", sample.Name, err)
		}
		return sample.Tracking != tracked.Name || !slices.Contains(observed, webhook.Event)
	})
	if len(samples) == 0 {
		t.Fatalf("there is no sample of %s", tracked.Name)
	}
	return samples
}

func envelope(t testing.TB, e relay.Envelope) string {
	t.Helper()
	text, err := spool.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func compact(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(value) // sorts the keys
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
