package deletions

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/apicall"
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

// follow returns the requests since a time, with their state in Segment.
func follow(t *testing.T, log executions.Log, segment Segment, since time.Time) (Report, error) {
	t.Helper()
	report, err := Read(t.Context(), log, since)
	if err != nil {
		return report, err
	}
	return report, report.Ask(t.Context(), segment)
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
		attention    int    // users for whom someone has to do something
		fix          string // what to do
	}{
		{"accepted", "INITIALIZED", nil, time.Minute, "not begun yet", 0, ""},
		{"in progress", "RUNNING", nil, time.Hour, "in progress", 0, ""},
		{"in progress for more than 30 days", "RUNNING", nil, 31*24*time.Hour + time.Minute, "not finished after 31 days", 2, "If Segment itself failed or is late, ask Segment's support."},
		{"finished", "FINISHED", nil, time.Hour, "finished", 0, ""},
		{"invalid", "INVALID", nil, time.Hour, "failed (INVALID)", 2, "Settings > End User Privacy > Deletion Requests"},
		{"a destination failed", "PARTIAL_SUCCESS", []publicapitest.Object{{"name": "Braze", "status": "FAILED"}, {"name": "Amplitude", "status": "FINISHED"}}, time.Hour, "failed in Braze", 2, "Delete the users yourself in the destinations that failed"},
		// Segment reports a request as failed too if a destination cannot delete users.
		{"a destination cannot delete users", "FAILED", []publicapitest.Object{{"name": "Facebook", "status": "NOT_SUPPORTED"}}, time.Hour, "finished in Segment; delete the users yourself in Facebook", 2, "Delete the users yourself in the destinations that failed or cannot delete users"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.SetRegulation(id, c.status, c.destinations...)
			report, err := follow(t, accepted(now.Add(-c.asked), id, id), client, now.Add(-40*24*time.Hour))
			if err != nil || len(report.Requests) != 1 || len(report.Requests[0].Users) != 2 {
				t.Fatalf("%+v, %v", report, err)
			}
			if got := report.Requests[0].State(now); got != c.want {
				t.Errorf("it is %q, not %q", got, c.want)
			}
			if got := report.NeedsAttention(now); got != (c.attention > 0) {
				t.Errorf("someone has to look at it: %t", got)
			}
			if fixes := strings.Join(report.Fixes(executions.Store{}, now), " "); c.fix == "" != (fixes == "") || !strings.Contains(fixes, c.fix) {
				t.Errorf("what to do is %q", fixes)
			}
			if says := report.Says(now); !strings.Contains(says, fmt.Sprintf(", %d need attention", c.attention)) {
				t.Errorf("it says %q", says)
			}
		})
	}
}

// Commerce may send several webhooks about one customer.
func TestAUserWithSeveralWebhooksIsCountedOnce(t *testing.T) {
	now := time.Now()
	var all executions.List
	for i, id := range []string{"running", "failed", "failed", "finished", "failed"} { // the newest first
		received := now.Add(-time.Duration(i) * time.Minute)
		all = append(all, executions.New([]executions.Line{{
			Time: received, Received: received, Kind: "deliver", Tracking: "customer-deleted", Outcome: "delivered",
			Resource: []string{"customer-a", "customer-b"}[i/3], Regulations: []string{id},
		}}))
	}
	segment := entries{list: []publicapi.RegulationEntry{
		made("running", publicapi.StatusRunning, publicapi.DeleteOnly, 1), made("failed", publicapi.StatusFailed, publicapi.DeleteOnly, 1), made("finished", publicapi.StatusFinished, publicapi.DeleteOnly, 1),
	}}
	for _, c := range []struct {
		log   executions.List
		says  string
		users string // of the requests
	}{
		{all, "to delete 2 users: 0 finished, 0 in progress, 2 need attention.", "[[customer-a] [customer-a customer-b] [customer-b]]"},
		{slices.Concat(all[:1], all[3:4]), "to delete 2 users: 1 finished, 1 in progress, 0 need attention.", "[[customer-a] [customer-b]]"},
	} {
		report, err := follow(t, executions.Memory{List: c.log}, segment, now.Add(-time.Hour))
		if err != nil || !strings.Contains(report.Says(now), c.says) {
			t.Errorf("%v: it says %q", err, report.Says(now))
		}
		var users [][]string
		for _, r := range report.Requests {
			users = append(users, r.Users)
		}
		if got := fmt.Sprint(users); got != c.users {
			t.Errorf("the users are %s, not %s", got, c.users)
		}
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
		fixes int // how many things there are to do
	}{
		{"of another workspace", time.Hour, "another workspace", ", 1 needs attention.", 1},
		{"older than Segment keeps it", 91 * 24 * time.Hour, "no longer known to Segment", ", 0 need attention; ", 0},
	} {
		report, err := follow(t, accepted(now.Add(-c.asked), "reg_unknown"), client, now.Add(-100*24*time.Hour))
		if err != nil || !strings.Contains(report.Requests[0].State(now), c.want) || !strings.Contains(report.Says(now), c.says) {
			t.Errorf("%s: %+v, %v: %s", c.name, report, err, report.Says(now))
		}
		fixes := report.Fixes(executions.Store{}, now)
		if len(fixes) != c.fixes || c.fixes > 0 && !strings.Contains(fixes[0], "Look at the request in the workspace in which it was made") {
			t.Errorf("%s: what to do is %q", c.name, fixes)
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
		name, outcome, reason string
		ago                   time.Duration
		says                  string
		attention             bool
		fix                   string
	}{
		{"just queued", "accepted", "", time.Minute, "; 1 deletion that Segment has not accepted yet (1 without an attempt since ", false, ""},
		{"queued for long", "accepted", "", 2 * time.Hour, "; 1 deletion that Segment has not accepted yet (1 without an attempt since ", true, ""},
		{"Segment fails", "retrying", "deletion_503", time.Minute, "; 1 deletion that Segment has not accepted yet (1 deletion_503 since ", false, ""},
		{"Segment fails for long", "retrying", "deletion_503", 2 * time.Hour, " (1 deletion_503 since ", true, ""},
		{"the token is revoked", "retrying", "deletion_401", time.Minute, " (1 deletion_401 since ", true, "Set a token of Segment's Public API that may delete users, with hub configure --prefix /shop."},
		{"there is no token", "retrying", "api_token_missing", time.Minute, " (1 api_token_missing since ", true, "Set a token of Segment's Public API that may delete users, with hub configure --prefix /shop."},
		{"messages go to the inbox", "retrying", "inbox", time.Minute, " (1 inbox since ", true, "To delete the users, set a Segment host and a token"},
		{"every deletion is rejected", "retrying", "deletion_422", time.Minute, " (1 deletion_422 since ", true, "It accepts no deletion while it replays data"},
		{"a dead letter", "failed", "deletion_422", time.Minute, "; 1 dead letter to replay (1 deletion_422 since ", true, ""},
		{"the quota is used up", "failed", "deletion_429", time.Minute, "; 1 dead letter to replay (1 deletion_429 since ", true, "SQS deletes a dead letter after 14 days: hub export FILE --prefix /shop keeps it."},
		{"skipped", "skipped", "", 2 * time.Hour, "0 need attention.", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := executions.List{executions.New([]executions.Line{{Time: now.Add(-c.ago), Received: now.Add(-c.ago), Kind: "deliver", Tracking: "customer-deleted", Outcome: c.outcome, Reason: c.reason}})}
			report, err := follow(t, executions.Memory{List: all}, client, now.Add(-3*time.Hour))
			if err != nil || !strings.Contains(report.Says(now), c.says) || report.NeedsAttention(now) != c.attention {
				t.Errorf("%+v, %v: %s", report, err, report.Says(now))
			}
			if fixes := strings.Join(report.Fixes(executions.Store{Flag: " --prefix /shop", Deployed: true}, now), " "); c.fix == "" != (fixes == "") && c.reason != "deletion_422" || !strings.Contains(fixes, c.fix) {
				t.Errorf("what to do is %q", fixes)
			}
		})
	}
}

// entries is a Segment that has a list of requests, and more that are not in it.
type entries struct {
	list     []publicapi.RegulationEntry
	err      error
	unlisted string // the status of those that are not in the list; empty if there are none
	asked    *int   // how often it was asked about a single request
}

func (e entries) Regulations(context.Context) ([]publicapi.RegulationEntry, error) {
	return e.list, e.err
}

func (e entries) Regulation(_ context.Context, id string) (publicapi.Regulation, error) {
	if e.asked != nil {
		*e.asked++
	}
	for _, entry := range e.list {
		if entry.ID == id {
			return publicapi.Regulation{OverallStatus: entry.Status}, nil
		}
	}
	if e.unlisted != "" {
		return publicapi.Regulation{OverallStatus: e.unlisted}, nil
	}
	return publicapi.Regulation{}, &publicapi.APIError{Failure: apicall.Failure{Status: http.StatusNotFound}}
}

// made returns an entry of a request that was made some days ago.
func made(id, status string, kind publicapi.RegulationType, days int) publicapi.RegulationEntry {
	return publicapi.RegulationEntry{ID: id, Status: status, RegulationType: kind, CreatedAt: publicapi.Time{Time: time.Now().Add(-time.Duration(days)*24*time.Hour - time.Hour)}}
}

// The log is kept for 30 days, so it no longer has a request that is late, or that failed late.
func TestALateOrFailedRequestIsFoundWithoutTheLog(t *testing.T) {
	now := time.Now()
	segment := entries{list: []publicapi.RegulationEntry{
		made("late", publicapi.StatusRunning, publicapi.SuppressWithDelete, 33), made("young", publicapi.StatusRunning, publicapi.DeleteOnly, 29),
		made("done", publicapi.StatusFinished, publicapi.DeleteOnly, 33), made("other", publicapi.StatusRunning, "SUPPRESS_ONLY", 33),
		made("failed", publicapi.StatusPartialSuccess, publicapi.DeleteOnly, 32), made("failed before", publicapi.StatusFailed, publicapi.DeleteOnly, 40),
		made("other failed", publicapi.StatusFailed, "SUPPRESS_ONLY", 32),
	}}
	report, err := follow(t, executions.Memory{}, segment, now.Add(-DefaultPeriod))
	if err != nil || len(report.Requests) != 2 || report.Requests[0].State(now) != "not finished after 33 days" ||
		report.Requests[1].State(now) != "failed (PARTIAL_SUCCESS)" || !report.NeedsAttention(now) ||
		!strings.Contains(report.Says(now), "; 2 late or failed requests that the log does not have") {
		t.Errorf("%+v, %v: %s", report, err, report.Says(now))
	}
	segment.list = segment.list[4:5]
	if report, err = follow(t, executions.Memory{}, segment, now.Add(-DefaultPeriod)); err != nil || !report.NeedsAttention(now) {
		t.Errorf("a request that failed alone: %+v, %v", report, err)
	}
}

// Other tools of the workspace may have made thousands of requests. Those of this store that are
// not in the part of the list that is read are no alarm. Segment is asked about a few of them.
func TestAListThatIsTooLongIsReadInPart(t *testing.T) {
	now, asked := time.Now(), 0
	var all []string
	for i := range 3 * maxDetails {
		all = append(all, fmt.Sprint("unlisted-", i))
	}
	segment := entries{list: []publicapi.RegulationEntry{{ID: "listed", Status: publicapi.StatusFinished}}, err: publicapi.ErrTooManyPages, unlisted: publicapi.StatusRunning, asked: &asked}
	report, err := follow(t, accepted(now.Add(-10*time.Minute), append(all, "listed")...), segment, now.Add(-time.Hour))
	if err != nil || !report.Partial || report.NeedsAttention(now) || asked != maxDetails {
		t.Fatalf("it needs attention: %t, %v; Segment was asked %d times", report.NeedsAttention(now), err, asked)
	}
	states := map[string]int{}
	for _, r := range report.Requests {
		states[r.State(now)]++
	}
	want := map[string]int{"finished": 1, "in progress": maxDetails, "not read from Segment": 2 * maxDetails}
	if !maps.Equal(states, want) {
		t.Errorf("the states are %v, not %v", states, want)
	}
	if says := report.Says(now); !strings.Contains(says, "1 finished, 20 in progress, 0 need attention; 40 users whose request was not read from Segment, because Segment has more") {
		t.Errorf("it says %q", says)
	}
	segment.unlisted = ""
	if report, err = follow(t, accepted(now, "of another workspace"), segment, now.Add(-time.Hour)); err != nil || !report.NeedsAttention(now) {
		t.Errorf("a request that Segment does not know, although it was asked: %+v, %v", report, err)
	}
}

// shows is a Segment with one request, in which destinations have this text.
type shows struct {
	entries
	text string
}

func (s shows) Regulation(context.Context, string) (r publicapi.Regulation, err error) {
	err = json.Unmarshal(fmt.Appendf(nil, `{"overallStatus": %[1]q, "streamStatus": [{"destinationStatus": [{"name": %[1]q, "status": %[1]q}]}]}`, s.text), &r)
	return r, err
}

func TestTextsOfSegmentAreSafeToShow(t *testing.T) {
	const harmful = "FAILED\u202e\tx\n"
	now := time.Now()
	segment := shows{entries{list: []publicapi.RegulationEntry{made("late"+harmful, publicapi.StatusRunning, publicapi.DeleteOnly, 33), made("reg_1", harmful, publicapi.DeleteOnly, 1)}}, harmful}
	report, err := follow(t, accepted(now, "reg_1", "reg_2"+harmful), segment, now.Add(-time.Hour))
	if err != nil || len(report.Requests) != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, r := range report.Requests {
		if shown := fmt.Sprint(r.Regulation, r.Status, r.State(now), r.Destinations); strings.ContainsAny(shown, "\u202e\t\n") {
			t.Errorf("it shows %q", shown)
		}
	}
}
