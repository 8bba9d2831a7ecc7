package functions_test

import (
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

	"commerce-segment/infra/emulator/standin"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// canary is in all personal data of a webhook, and nowhere else.
const canary = "canary-4711"

// segmentsWords is how a dead letter quotes Segment.
const segmentsWords = canary + " cannot be, with the key [write key]"

// Many people can read logs, dead letters and the operator's screen. This test causes many
// kinds of errors, with personal data in every field and a Segment that repeats it, and
// searches every log line, answer, output and stored message. A stored message contains the
// event, without the webhook secret. All other text may contain neither personal data nor a
// secret.
func TestNoSecretAndNoPersonalDataLeaks(t *testing.T) {
	for _, tracked := range tracking.All() {
		t.Run(tracked.Name, func(t *testing.T) {
			t.Parallel()
			aws, segment := standin.Start(t), newStandIn(t)
			cloud := deployed(t, aws, tracked)
			cloud.configure(segment, nil)
			segment.words = strings.ReplaceAll(segmentsWords, "[write key]", writeKey)
			answers := provoke(t, aws, cloud, segment)

			searched := 0
			search := func(where, text string, forbidden ...string) {
				t.Helper()
				searched += len(text)
				for _, secret := range forbidden {
					for _, form := range forms(secret) {
						if at := strings.Index(text, form); at >= 0 {
							t.Errorf("%s holds %q: …%s…", where, form, text[max(0, at-200):min(len(text), at+200)])
						}
					}
				}
			}
			all := []string{canary, secret, writeKey, "guessed_key"}
			search("an answer or the log", answers, all...)
			for _, queue := range []string{cloud.queue, cloud.waiting, cloud.dead} {
				aws.Elapse(24 * time.Hour)
				for messages := cloud.receive(queue); len(messages) > 0; messages = cloud.receive(queue) {
					for _, m := range messages {
						if e, err := spool.Decode(*m.Body); err == nil {
							search("a stored event", string(e.Body), secret, writeKey, "guessed_key")
						}
						for name, attribute := range m.MessageAttributes {
							search("the attribute "+name, strings.ReplaceAll(*attribute.StringValue, segmentsWords, ""), all...)
						}
					}
				}
			}
			aws.Elapse(24 * time.Hour)
			for _, arguments := range []string{"settings", "settings --json", "deadletters list", "deadletters list --json", "templates diff --files ../templates", "deadletters redrive"} {
				search("hub "+arguments, strings.ReplaceAll(hub(t, cloud, nil, strings.Fields(arguments)...), segmentsWords, ""), all...)
			}
			if searched < 10_000 {
				t.Errorf("only %d bytes were searched", searched)
			}
			t.Logf("%d bytes searched", searched)
		})
	}
}

// provoke causes many kinds of errors in a function, and returns all its answers and its
// log.
func provoke(t *testing.T, aws *standin.AWS, cloud *cloud, segment *standIn) (said string) {
	t.Helper()
	function := cloud.start()
	var answers strings.Builder
	accepts := func(key, body string) {
		var response events.APIGatewayV2HTTPResponse
		function.answer(t, post(cloud.tracking, key, []byte(body)), &response)
		fmt.Fprintln(&answers, response)
	}
	body := planted(t, samplesOf(t, cloud.tracking)[0].Body)
	_, kept, err := commerce.Check([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	accepts(secret, body)
	accepts("guessed_key", body)
	for _, broken := range []string{body[:len(body)/2], `"` + canary + `"`, `{"email":"` + canary + `"}`, `{"triggered_by":"` + canary + `"}`, body + body} {
		accepts(secret, broken)
	}
	deliver := func() {
		function.deliver(t, envelope(t, relay.Envelope{Received: received, Body: kept}), "no envelope: "+canary)
	}
	for _, status := range []int{400, 401, 413, 429, 500} {
		segment.answer(func([]json.RawMessage) int { return status })
		deliver()
	}
	segment.down(false)
	deliver()
	for _, fault := range []standin.Fault{standin.Throttle, standin.Status(http.StatusInternalServerError), standin.Down} {
		aws.Fail(standin.SQS, "SendMessage", fault)
		accepts(secret, body)
		deliver()
	}
	aws.Fail(standin.SQS, "SendMessage", nil)
	if outcome := function.invoke(t, []byte(`{"`+canary+`": "`+canary+`"}`)); !outcome.failed {
		t.Error("an event of an unknown shape is taken")
	}
	said = answers.String() + function.log.String()

	for _, bad := range []string{
		`$error($email)`, `$assert(false, $email)`, `$number($email)`, `$sum([$email])`, `$email + 1`, `-$email`, `$email()`, `$toMillis($email)`,
		`$formatNumber(1, $email)`, `$money($email, $email)`, `$replace($email, /./, 1)`, `$lookup($email, $email)()`, `$eval($email)`, `$eval("(" & $email)`,
		`{$email: 1, $email & "": 2}`, `{"event": {"is": $email}}`, `{"event": $email, "userId": 7}`, `{"event": $email, "timestamp": $email}`,
		`{"type": $email, "event": "x"}`, `{"messageId": $email, "event": $email}`, `{"event": $email, "properties": $email}`,
		`{"event": $email, "properties": {"long": $pad($email, 33000)}}`, `$email`, `[$email]`, `{"batch": $email}`, `{"event": `,
	} {
		function := start(t, cloud.tracking.Name, map[string]string{
			settings.SegmentHost: segment.url, settings.SegmentWriteKey: writeKey, settings.WebhookSecret: secret,
			settings.Template(cloud.tracking): `($email := "" & **[$contains($string($), "` + canary[:6] + `")][0]; ` + bad + `)`,
		})
		function.deliver(t, envelope(t, relay.Envelope{Received: received, Body: kept}))
		said += function.log.String()
	}
	for _, wrong := range []map[string]string{
		{settings.SegmentHost: "ftp://" + canary + ":" + writeKey + "@nowhere"},
		{settings.SegmentHost: "http://" + canary + ":" + writeKey + "@127.0.0.1:1"},
		{settings.SegmentWriteKey: writeKey + "\n" + writeKey},
		{settings.WebhookSecret: secret + "\n" + secret + "\n" + secret},
	} {
		parameters := map[string]string{settings.SegmentHost: segment.url, settings.SegmentWriteKey: writeKey, settings.WebhookSecret: secret}
		maps.Copy(parameters, wrong)
		function := start(t, cloud.tracking.Name, parameters)
		function.deliver(t, envelope(t, relay.Envelope{Received: received, Body: kept}))
		said += function.log.String()
	}
	return said
}

// planted returns a webhook with the canary in every text, except ids, types, times and similar fields.
func planted(t *testing.T, body []byte) string {
	t.Helper()
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		t.Fatal(err)
	}
	const kept = "id type triggered_by integration_type created_at updated_at timestamp currency status payment shipping key"
	var plant func(name string, value any) any
	plant = func(name string, value any) any {
		switch v := value.(type) {
		case map[string]any:
			for key, member := range v {
				v[key] = plant(key, member)
			}
		case []any:
			for i, element := range v {
				v[i] = plant(name, element)
			}
		case string:
			if !slices.Contains(strings.Fields(kept), name) {
				return canary + " " + v
			}
		}
		return value
	}
	tree = plant("", tree)
	webhook := tree.(map[string]any)
	webhook["configuration"] = map[string]string{"secret_key": secret}
	if data, ok := webhook["payload"].(map[string]any)["data"].(map[string]any); ok {
		data["email"], data["notes"] = canary+"@example.com", canary
	}
	text, err := json.Marshal(webhook)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// forms returns a text and its encodings.
func forms(secret string) []string {
	return []string{
		secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret + ":")), fmt.Sprintf("%x", secret),
	}
}
