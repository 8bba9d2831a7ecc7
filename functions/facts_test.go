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
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Commerce posts a webhook again where it had no answer, and posts no two in order. Here
// every webhook comes ten times, as other attempts and under other ids, eight at once and
// all of them shuffled. Segment is told of each fact under one id and at the fact's own
// time: those of the golden files.
func TestWebhooksMayComeAgainAndInAnyOrder(t *testing.T) {
	t.Parallel()
	functions, segments := map[string]*fleet{}, map[string]*standIn{}
	var posts []templates.Sample
	for _, tracked := range tracking.All() {
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

	for _, tracked := range tracking.All() {
		functions[tracked.Name].cloud.isLeftWith(0)
		want, got := map[string]string{}, map[string]string{}
		for _, sample := range samplesOf(t, tracked) {
			for _, message := range goldenMessages(t, sample.Name) {
				noteFact(t, want, message)
			}
		}
		messages := segments[tracked.Name].drain()
		for _, message := range messages {
			noteFact(t, got, message)
		}
		equal(t, "what Segment is told of "+tracked.Name, got, want)
		t.Logf("%s: %d facts, told in %d messages", tracked.Name, len(got), len(messages))
	}
}

// attemptOf is a webhook as Commerce posts it again.
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

// goldenMessages are the messages that a sample becomes.
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

// noteFact notes when the fact of a message happened, by the message's id. Commerce does
// not say when something was deleted: that is when its webhook came.
func noteFact(t *testing.T, facts map[string]string, message json.RawMessage) {
	t.Helper()
	var fact struct{ MessageID, Timestamp string }
	if err := json.Unmarshal(message, &fact); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fact.MessageID, ":deleted:") {
		fact.Timestamp = "when it came"
	}
	if at, known := facts[fact.MessageID]; known && at != fact.Timestamp {
		t.Errorf("%s happened at %s and at %s", fact.MessageID, at, fact.Timestamp)
	}
	facts[fact.MessageID] = fact.Timestamp
}
