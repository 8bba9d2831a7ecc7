package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// A user who saves a host or a token must know that Segment is then asked for the deletions that wait.
func TestConnectionsSaysHowManyDeletionsWait(t *testing.T) {
	b, c := browseInbox(t)
	t.Cleanup(c.Stop)
	_, page := b.get("/connections")
	lacks(t, page, "Deletions that wait")
	now := time.Now()
	c.Machine.Executions().(*disk.Store).Add([]executions.Line{{
		Time: now, Received: now, Kind: "deliver", Tracking: tracking.CustomerDeleted.Name, Outcome: "retrying", Reason: "inbox", Resource: "customer-1",
	}})
	_, page = b.get("/connections")
	wants(t, page, "Deletions that wait: 1. As soon as messages go to Segment")
	for name, value := range map[string]string{settings.SegmentHost: settings.DefaultHost, settings.SegmentAPIToken: "t"} {
		if err := c.Store.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	_, page = b.get("/connections")
	lacks(t, page, "Deletions that wait")
}

func TestThePageFollowsDeletions(t *testing.T) {
	b, c := browseInbox(t)
	t.Cleanup(c.Stop)
	_, page := b.get("/")
	lacks(t, page, `href="./deletions"`)
	_, page = b.get(deletionsPath)
	wants(t, page, "no token of Segment's Public API", "Messages go to the inbox of this hub.")
	server := publicapitest.Start(t)
	for name, value := range map[string]string{
		settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token),
		settings.Enabled(tracking.CustomerDeleted): "true", settings.SegmentHost: settings.DefaultHost,
	} {
		if err := c.Store.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	id := server.AddRegulation(string(publicapi.DeleteOnly), "customer-1")
	now := time.Now()
	c.Machine.Executions().(*disk.Store).Add([]executions.Line{{
		Time: now, Received: now, Kind: "deliver", Tracking: tracking.CustomerDeleted.Name, Outcome: "delivered", Resource: "customer-1", Regulations: []string{id},
	}})
	server.SetRegulation(id, publicapi.StatusPartialSuccess, publicapitest.Object{"name": "Braze", "status": "FAILED"})
	_, page = b.get(deletionsPath)
	wants(t, page, "Segment was asked to delete 1 user", "<b>failed in Braze</b>", "Delete the users yourself in the destinations that failed", `<a href="./trace?q=customer-1&since=30d">`, id, `href="./deletions"`)
	lacks(t, page, "the inbox of this hub")

	// The newest requests are listed, but the oldest failed. The sentence is about all of them.
	var lines []executions.Line
	for i := range 300 {
		user := fmt.Sprint("user-", i)
		id := server.AddRegulation(string(publicapi.DeleteOnly), user)
		server.SetRegulation(id, publicapi.StatusFinished)
		if i < 49 {
			server.SetRegulation(id, publicapi.StatusInvalid)
		}
		at := now.Add(time.Duration(i-400) * time.Second)
		lines = append(lines, executions.Line{Time: at, Received: at, Kind: "deliver", Tracking: tracking.CustomerDeleted.Name, Outcome: "delivered", Resource: user, Regulations: []string{id}})
	}
	lines = append(lines, executions.Line{Time: now.Add(time.Second), Received: now.Add(time.Second), Kind: "deliver", Tracking: tracking.CustomerDeleted.Name, Outcome: "retrying", Reason: "deletion_401"})
	c.Machine.Executions().(*disk.Store).Add(lines)
	_, page = b.get(deletionsPath)
	wants(t, page, "to delete 301 users: 251 finished, 0 in progress, 50 need attention", "1 deletion that Segment has not accepted yet (1 deletion_401 since ",
		"Set a token of Segment's Public API that may delete users", "and 101 more requests:")
	if n := strings.Count(page, "<b>failed"); n != 50 {
		t.Errorf("it lists %d of 50 requests that failed", n)
	}

	if err := c.Store.Put(t.Context(), settings.SegmentAPIToken, settings.BindSecret(server.URL, "revoked")); err != nil {
		t.Fatal(err)
	}
	_, page = b.get(deletionsPath)
	wants(t, page, "What Segment says about the requests is not known: asking Segment for the state of the deletions: ", "301 users whose request was not read from Segment", "Set a token of Segment's Public API that may delete users", "<td data-label=\"State\">not read from Segment")
}
