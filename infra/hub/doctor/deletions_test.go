package doctor

import (
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func TestDeletions(t *testing.T) {
	server := publicapitest.Start(t)
	s, err := store.Open(t.Context(), store.Location{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) {
		if err := s.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	p := Patient{Store: s, NoLog: "no hub runs"}
	finds(t, p.deletions(t.Context()), "")
	set(settings.Enabled(tracking.CustomerDeleted), "true")
	finds(t, p.deletions(t.Context()), "fault", "messages go to the inbox of the hub, so no customer is deleted from Segment | to delete them, set a Segment host")
	set(settings.SegmentHost, settings.DefaultHost)
	finds(t, p.deletions(t.Context()), "fault", "there is no token of Segment's Public API, so no customer is deleted from Segment | hub configure")
	set(settings.SegmentAPIHost, server.URL)
	set(settings.SegmentAPIToken, settings.BindSecret(server.URL, publicapitest.Token))
	finds(t, p.deletions(t.Context()), "note", "were not checked: no hub runs")
	set(settings.Enabled(tracking.CustomerUpdated), "true")
	set(settings.Events(tracking.CustomerUpdated), "customer.updated,customer.deleted")
	finds(t, p.deletions(t.Context()), "note", "were not checked: no hub runs")
	set(settings.Template(tracking.CustomerDeleted), strings.ReplaceAll(templates.Default(tracking.CustomerDeleted.Name), `"SUPPRESS_WITH_DELETE"`, `"DELETE_ONLY"`))
	finds(t, p.deletions(t.Context()), "warning note", "its message creates the profile of a deleted customer again, because the template of customer-deleted has DELETE_ONLY | let customer-updated observe customer.updated only")
	set(settings.Events(tracking.CustomerUpdated), "customer.updated")
	for _, c := range []struct{ name, outcome, reason, states, says string }{
		{"skipped", "skipped", "filtered", "ok", "0 need attention. | "},
		{"Segment does not answer just now", "retrying", "deletion_503", "ok", "(1 deletion_503 since "},
		{"the token is revoked", "retrying", "deletion_401", "warning", " shows the requests. Set a token of Segment's Public API that may delete users"},
		{"the quota is used up", "failed", "deletion_429", "warning", "In the next month send it again: hub deadletters redrive --reason deletion_429"},
		{"a user is rejected", "failed", "deletion_422", "warning", "1 dead letter to replay (1 deletion_422 since "},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := time.Now().Add(-time.Minute)
			p.Log = executions.Memory{List: executions.List{executions.New([]executions.Line{{Time: at, Received: at, Kind: "deliver", Tracking: "customer-deleted", Outcome: c.outcome, Reason: c.reason}})}}
			finds(t, p.deletions(t.Context()), c.states, c.says)
		})
	}
}
