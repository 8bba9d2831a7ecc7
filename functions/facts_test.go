package functions_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/shared/settings"
	"commerce-segment/templates"
)

// Commerce posts a webhook again if it gets no answer, and posts webhooks in any order. Here
// every webhook is posted ten times, as other attempts and with other ids, eight at the
// same time, in random order. Segment receives each event with one messageId and its event
// time: those of the golden files.
func TestRepeatedWebhooksInAnyOrderAreOneEvent(t *testing.T) {
	t.Parallel()
	functions, segments := map[string]*fleet{}, map[string]*standIn{}
	var posts []templates.Sample
	for _, tracked := range senders() {
		segment := newStandIn(t)
		cloud := deployed(t, standin.Start(t), tracked)
		_, parameters := storeOf(t, samplesOf(t, tracked))
		parameters[settings.Events(tracked)] = strings.Join(append(tracked.Observes, tracked.AsWell...), ",")
		cloud.configure(segment, parameters)
		functions[tracked.Name], segments[tracked.Name] = newFleet(cloud), segment
		mapEventSource(cloud, functions[tracked.Name])
		for _, sample := range samplesOf(t, tracked) {
			for attempt := range 10 {
				again := sample
				again.Body = attemptOf(t, sample.Body, attempt)
				posts = append(posts, again)
			}
		}
	}
	rand.Shuffle(len(posts), func(i, j int) { posts[i], posts[j] = posts[j], posts[i] })

	var commerce sync.WaitGroup
	waiting := make(chan templates.Sample)
	for range atOnce {
		commerce.Go(func() {
			for sample := range waiting {
				tracked := functions[sample.Tracking].cloud.tracking
				if status, err := accepts(functions[sample.Tracking], tracked, secret, sample.Body); status != 202 {
					t.Errorf("%s is answered %d, %v", sample.Name, status, err)
				}
			}
		})
	}
	for _, sample := range posts {
		waiting <- sample
	}
	close(waiting)
	commerce.Wait()

	for _, tracked := range senders() {
		functions[tracked.Name].cloud.isLeftWith(0)
		want, got := map[string]string{}, map[string]string{}
		for _, sample := range samplesOf(t, tracked) {
			for _, message := range goldenMessages(t, sample.Name) {
				noteEvent(t, want, message)
			}
		}
		messages := segments[tracked.Name].drain()
		for _, message := range messages {
			noteEvent(t, got, message)
		}
		equal(t, "the messages of "+tracked.Name, got, want)
		t.Logf("%s: %d events, sent in %d messages", tracked.Name, len(got), len(messages))
	}
}

// attemptOf returns a webhook as Commerce posts it again.
func attemptOf(t *testing.T, body []byte, attempt int) []byte {
	t.Helper()
	var webhook map[string]json.RawMessage
	if err := json.Unmarshal(body, &webhook); err != nil {
		t.Fatal(err)
	}
	webhook["id"], webhook["attempt"] = fmt.Appendf(nil, "\"again-%d\"", attempt), fmt.Append(nil, attempt)
	again, err := json.Marshal(webhook)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// goldenMessages returns the messages of a sample.
func goldenMessages(t *testing.T, sample string) []json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../templates/testdata", filepath.FromSlash(sample)+".segment.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Batch []json.RawMessage }
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	return golden.Batch
}

// noteEvent records the timestamp of a message by its messageId. Commerce does not send the
// time of a deletion: its timestamp is when the webhook was received.
func noteEvent(t *testing.T, events map[string]string, message json.RawMessage) {
	t.Helper()
	var event struct{ MessageID, Timestamp string }
	if err := json.Unmarshal(message, &event); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(event.MessageID, ":deleted:") {
		event.Timestamp = "when it was received"
	}
	if at, known := events[event.MessageID]; known && at != event.Timestamp {
		t.Errorf("%s happened at %s and at %s", event.MessageID, at, event.Timestamp)
	}
	events[event.MessageID] = event.Timestamp
}
