package functions_test

import (
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// The function of customer-deleted keeps a deletion until Segment's Public API accepts it.
func TestAFunctionRequestsDeletions(t *testing.T) {
	tracked, server := tracking.CustomerDeleted, publicapitest.Start(t)
	parameters := map[string]string{
		settings.SegmentWriteKey: writeKey, settings.WebhookSecret: secret,
		settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token),
		settings.Enabled(tracked): "true", settings.Events(tracked): strings.Join(slices.Concat(tracked.Observes, tracked.AsWell), ","),
	}
	var envelopes, users []string
	for _, sample := range samplesOf(t, tracked) {
		envelopes = append(envelopes, envelope(t, relay.Envelope{Received: received, Body: sample.Body}))
		for _, message := range goldenMessages(t, sample.Name) {
			deletion, err := segment.DeletionOf(segment.Message{JSON: message})
			if err != nil {
				t.Fatal(err)
			}
			users = append(users, deletion.UserID)
		}
	}

	function := start(t, tracked.Name, parameters)
	server.Fail(publicapitest.Fault{Method: "POST", Path: "/regulations", Status: 401})
	equal(t, "kept while the token is rejected", function.deliver(t, envelopes...), []string{"0", "1"})
	equal(t, "kept", function.deliver(t, envelopes...), []string{})
	equal(t, "requests", len(server.Regulations()), 1)
	requested := server.Regulations()[0]
	equal(t, "the type", requested.Type, string(publicapi.SuppressWithDelete))
	slices.Sort(users)
	equal(t, "the users", requested.Subjects, users)
	eventually(t, "the log has the regulation", func() bool { return strings.Contains(function.log.String(), `"regulations":["`+requested.ID+`"]`) })
	contains(t, "the log", function.log.String(), `"reason":"deletion_401"`)
	noSecretsInLog(t, function.log.String())
	if strings.Contains(function.log.String(), publicapitest.Token) {
		t.Error("the log has the token")
	}
}
