package deletions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
)

// accepted returns the log of customers whose deletion Segment accepted with these regulations.
func accepted(at time.Time, regulations ...string) executions.Memory {
	var all executions.List
	for i, id := range slices.Backward(regulations) {
		received := at.Add(time.Duration(i) * time.Second)
		all = append(all, executions.New([]executions.Line{{
			Time: received, Received: received, Kind: "deliver", Tracking: "customer-deleted", Outcome: "delivered",
			Resource: "customer-" + string(rune('a'+i)), Regulations: []string{id},
		}}))
	}
	return executions.Memory{List: all}
}

func TestARequestIsFollowedToItsEnd(t *testing.T) {
	server := publicapitest.Start(t)
	client, err := publicapi.NewClient(publicapi.Credentials{URL: server.URL, Token: publicapitest.Token}, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := client.CreateRegulation(t.Context(), publicapi.SuppressWithDelete, []string{"customer-a", "customer-b"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		name, status string
		destinations []publicapitest.Object
		asked        time.Duration // how long ago
		want         string
		attention    int // users for whom someone has to do something
	}{
		{"accepted", "INITIALIZED", nil, time.Minute, "not begun yet", 0},
		{"in progress", "RUNNING", nil, time.Hour, "in progress", 0},
		{"in progress for more than 30 days", "RUNNING", nil, 31*24*time.Hour + time.Minute, "not finished after 31 days", 2},
		{"finished", "FINISHED", nil, time.Hour, "finished", 0},
		{"invalid", "INVALID", nil, time.Hour, "failed (INVALID)", 2},
		{"a destination failed", "PARTIAL_SUCCESS", []publicapitest.Object{{"name": "Braze", "status": "FAILED"}, {"name": "Amplitude", "status": "FINISHED"}}, time.Hour, "failed in Braze", 2},
		// Segment reports a request as failed too if a destination cannot delete users.
		{"a destination cannot delete users", "FAILED", []publicapitest.Object{{"name": "Facebook", "status": "NOT_SUPPORTED"}}, time.Hour, "finished in Segment; delete the users yourself in Facebook", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.SetRegulation(id, c.status, c.destinations...)
			report, err := Follow(t.Context(), accepted(now.Add(-c.asked), id, id), client, now.Add(-40*24*time.Hour))
			if err != nil || len(report.Requests) != 1 || len(report.Requests[0].Users) != 2 {
				t.Fatalf("%+v, %v", report, err)
			}
			if got := report.Requests[0].State(now); got != c.want {
				t.Errorf("it is %q, not %q", got, c.want)
			}
			if got := report.NeedsAttention(now); got != (c.attention > 0) {
				t.Errorf("someone has to look at it: %t", got)
			}
			if says := report.Says(now); !strings.Contains(says, fmt.Sprintf(", %d need attention", c.attention)) {
				t.Errorf("it says %q", says)
			}
		})
	}
}

func TestARequestThatSegmentDoesNotKnowIsSaid(t *testing.T) {
	server := publicapitest.Start(t)
	client, err := publicapi.NewClient(publicapi.Credentials{URL: server.URL, Token: publicapitest.Token}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		name  string
		asked time.Duration
		want  string
		says  string
	}{
		{"of another workspace", time.Hour, "another workspace", ", 1 needs attention."},
		{"older than Segment keeps it", 91 * 24 * time.Hour, "no longer known to Segment", ", 0 need attention; "},
	} {
		report, err := Follow(t.Context(), accepted(now.Add(-c.asked), "reg_unknown"), client, now.Add(-100*24*time.Hour))
		if err != nil || !strings.Contains(report.Requests[0].State(now), c.want) || !strings.Contains(report.Says(now), c.says) {
			t.Errorf("%s: %+v, %v: %s", c.name, report, err, report.Says(now))
		}
	}
}

func TestDeletionsThatSegmentHasNotAcceptedAreCounted(t *testing.T) {
	now := time.Now()
	client, err := publicapi.NewClient(publicapi.Credentials{URL: publicapitest.Start(t).URL, Token: publicapitest.Token}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		outcome   string
		says      string
		attention bool
	}{
		{"retrying", "; 1 deletion that Segment has not accepted yet.", false},
		{"failed", "; 1 dead letter to replay (hub deadletters list).", true},
		{"skipped", "0 need attention.", false},
	} {
		all := executions.List{executions.New([]executions.Line{{Time: now, Received: now, Kind: "deliver", Tracking: "customer-deleted", Outcome: c.outcome}})}
		report, err := Follow(t.Context(), executions.Memory{List: all}, client, now.Add(-time.Hour))
		if err != nil || !strings.HasSuffix(report.Says(now), c.says) || report.NeedsAttention(now) != c.attention {
			t.Errorf("%s: %+v, %v: %s", c.outcome, report, err, report.Says(now))
		}
	}
}

// entries is a Segment that has a list of requests.
type entries struct {
	list []publicapi.RegulationEntry
	err  error
}

func (e entries) Regulations(context.Context) ([]publicapi.RegulationEntry, error) {
	return e.list, e.err
}

func (e entries) Regulation(context.Context, string) (publicapi.Regulation, error) {
	return publicapi.Regulation{}, nil
}

// The log is kept for 30 days, so it no longer has a request that is late.
func TestALateRequestIsFoundWithoutTheLog(t *testing.T) {
	now := time.Now()
	made := func(id, status string, kind publicapi.RegulationType, days int) publicapi.RegulationEntry {
		return publicapi.RegulationEntry{ID: id, Status: status, RegulationType: kind, CreatedAt: publicapi.Time{Time: now.Add(-time.Duration(days)*24*time.Hour - time.Hour)}}
	}
	segment := entries{list: []publicapi.RegulationEntry{
		made("late", publicapi.StatusRunning, publicapi.SuppressWithDelete, 33), made("young", publicapi.StatusRunning, publicapi.DeleteOnly, 29),
		made("done", publicapi.StatusFinished, publicapi.DeleteOnly, 33), made("other", publicapi.StatusRunning, "SUPPRESS_ONLY", 33),
	}}
	report, err := Follow(t.Context(), executions.Memory{}, segment, now.Add(-DefaultPeriod))
	if err != nil || len(report.Requests) != 1 || report.Requests[0].State(now) != "not finished after 33 days" || !report.NeedsAttention(now) ||
		!strings.Contains(report.Says(now), "; 1 late request that the log does not have") {
		t.Errorf("%+v, %v: %s", report, err, report.Says(now))
	}
}

func TestAListThatIsTooLongIsReadInPart(t *testing.T) {
	now := time.Now()
	segment := entries{list: []publicapi.RegulationEntry{{ID: "reg_1", Status: publicapi.StatusFinished}}, err: publicapi.ErrTooManyPages}
	report, err := Follow(t.Context(), accepted(now, "reg_1"), segment, now.Add(-time.Hour))
	if err != nil || !report.Partial || report.Requests[0].State(now) != "finished" || !strings.Contains(report.Says(now), "more requests than are read") {
		t.Errorf("%+v, %v", report, err)
	}
}
