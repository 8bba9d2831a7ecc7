package console

import (
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func TestThePageFollowsDeletions(t *testing.T) {
	b, c := browseInbox(t)
	t.Cleanup(c.Stop)
	_, page := b.get("/")
	lacks(t, page, `href="./deletions"`)
	_, page = b.get(deletionsPath)
	wants(t, page, "no token of Segment's Public API")
	server := publicapitest.Start(t)
	for name, value := range map[string]string{
		settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token),
		settings.Enabled(tracking.CustomerDeleted): "true",
	} {
		if err := c.Store.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	client, err := publicapi.NewClient(publicapi.Credentials{URL: server.URL, Token: publicapitest.Token}, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := client.CreateRegulation(t.Context(), publicapi.DeleteOnly, []string{"customer-1"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.Machine.Executions().(*disk.Store).Add([]executions.Line{{
		Time: now, Received: now, Kind: "deliver", Tracking: tracking.CustomerDeleted.Name, Outcome: "delivered", Resource: "customer-1", Regulations: []string{id},
	}})
	server.SetRegulation(id, publicapi.StatusPartialSuccess, publicapitest.Object{"name": "Braze", "status": "FAILED"})
	_, page = b.get(deletionsPath)
	wants(t, page, "Segment was asked to delete 1 user", "<b>failed in Braze</b>", `<a href="./trace?q=customer-1&since=30d">`, id, `href="./deletions"`)
}
