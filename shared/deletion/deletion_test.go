package deletion_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/deletion"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

var to = segment.Endpoint{WriteKey: "k", APIHost: "http://segment.invalid", APIToken: publicapitest.Token}

// messagesOf returns the messages of deleted customers.
func messagesOf(t *testing.T, kind publicapi.RegulationType, ids ...string) (messages []segment.Message) {
	t.Helper()
	for _, id := range ids {
		fact := segment.Fact{Tracking: tracking.Tracking{Name: "customer-deleted", Call: tracking.Delete}, Event: "customer.deleted", ResourceID: id, WriteKey: "k", Received: time.Now()}
		made, err := segment.NewMessages(fact, []map[string]any{{"regulationType": string(kind)}})
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, made...)
	}
	return messages
}

func TestTheUsersOfABatchAreInOneRequestOfEachType(t *testing.T) {
	server := publicapitest.New()
	client := deletion.NewClient(server)
	batch := slices.Concat(messagesOf(t, publicapi.SuppressWithDelete, "b", "a"), messagesOf(t, publicapi.DeleteOnly, "c"), messagesOf(t, publicapi.SuppressWithDelete, "a"))
	outcomes := client.Deliver(t.Context(), to, batch)
	made := map[publicapi.RegulationType]publicapitest.Regulation{}
	for _, r := range server.Regulations() {
		made[publicapi.RegulationType(r.Type)] = r
	}
	if got := fmt.Sprint(made[publicapi.SuppressWithDelete].Subjects, made[publicapi.DeleteOnly].Subjects, len(server.Regulations())); got != "[a b] [c] 2" {
		t.Errorf("the requests have %s", got)
	}
	for i, kind := range []publicapi.RegulationType{publicapi.SuppressWithDelete, publicapi.SuppressWithDelete, publicapi.DeleteOnly, publicapi.SuppressWithDelete} {
		if o := outcomes[i]; o.Verdict != segment.Delivered || o.Regulation != made[kind].ID {
			t.Errorf("message %d: %+v, want the regulation %s", i, o, made[kind].ID)
		}
	}
}

// A setting that an operator can fix must not lose a deletion, which the law may require.
func TestAnAnswerBecomesTheOutcomeOfTheMessages(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		verdict segment.Verdict
		fixes   bool // the operator must fix something
		reason  string
	}{
		{"the token may not delete", 401, segment.Retry, true, "deletion_401"},
		{"forbidden", 403, segment.Retry, true, "deletion_403"},
		{"not found, as with a wrong host", 404, segment.Retry, true, "deletion_404"},
		{"a redirect", 302, segment.Retry, true, "deletion_302"},
		{"the only user is rejected", 422, segment.Retry, true, "deletion_422"},
		{"a bad request", 400, segment.Retry, true, "deletion_400"},
		{"a conflict, perhaps with a replay", 409, segment.Retry, true, "deletion_409"},
		{"a body that is too large", 413, segment.Retry, true, "deletion_413"},
		{"another server", 501, segment.Retry, true, "deletion_501"},
		{"too many requests", 429, segment.Retry, false, "deletion_429"},
		{"an error of Segment", 503, segment.Retry, false, "deletion_503"},
	} {
		synctest.Test(t, func(t *testing.T) { // in virtual time, because some are repeated
			server := publicapitest.New()
			server.Fail(publicapitest.Fault{Status: c.status, Times: 9})
			o := deletion.NewClient(server).Deliver(t.Context(), to, messagesOf(t, publicapi.DeleteOnly, "a"))[0]
			if o.Verdict != c.verdict || o.Operator != c.fixes || o.Reason != c.reason || strings.Contains(o.Detail, publicapitest.Token) {
				t.Errorf("%s: %+v", c.name, o)
			}
			if deletion.NeedsOperator(o.Reason) != o.Operator || !deletion.IsReason(o.Reason) {
				t.Errorf("%s: the reason %s does not say that the operator must fix something: %t", c.name, o.Reason, o.Operator)
			}
		})
	}
}

func TestADeletionThatTheSettingsDoNotAllowIsKept(t *testing.T) {
	for _, c := range []struct {
		name           string
		change         func(*segment.Endpoint)
		reason, detail string
	}{
		{"there is no token", func(to *segment.Endpoint) { to.APIToken = "" }, "api_token_missing", "set segment/api-token to a token of Segment's Public API that may delete users"},
		{"messages go to the inbox", func(to *segment.Endpoint) { to.IsInbox = true }, "inbox", "Segment is not asked to delete users while messages go to the inbox of the hub"},
		{"messages go to the inbox, without a token", func(to *segment.Endpoint) { to.IsInbox, to.APIHost, to.APIToken = true, "", "" }, "inbox", "Segment is not asked to delete users while messages go to the inbox of the hub"},
	} {
		without, server := to, publicapitest.New()
		c.change(&without)
		o := deletion.NewClient(server).Deliver(t.Context(), without, messagesOf(t, publicapi.DeleteOnly, "a"))[0]
		if o.Verdict != segment.Retry || !o.Operator || o.Reason != c.reason || o.Detail != c.detail {
			t.Errorf("%s: %+v", c.name, o)
		}
		if n := len(server.Requests()); n != 0 {
			t.Errorf("%s: %d requests", c.name, n)
		}
		if !deletion.NeedsOperator(o.Reason) || !deletion.IsReason(o.Reason) || deletion.IsRejection(o.Reason) {
			t.Errorf("%s: the reason does not say that the operator must change a setting", c.name)
		}
	}
}

// Only the answer for another user shows that Segment accepts deletions at all.
func TestARejectionOfEveryUserLosesNoDeletion(t *testing.T) {
	for _, status := range []int{400, 409, 413, 422} {
		server := publicapitest.New()
		server.Fail(publicapitest.Fault{Status: status, Times: 4})
		client := deletion.NewClient(server)
		batch := slices.Concat(messagesOf(t, publicapi.DeleteOnly, "a", "b", "c"), messagesOf(t, publicapi.SuppressWithDelete, "d"))
		server.Fail(publicapitest.Fault{Status: status})
		for i, o := range client.Deliver(t.Context(), to, batch) {
			if want := fmt.Sprintf("deletion_%d", status); o.Verdict != segment.Retry || !o.Operator || o.Reason != want || !deletion.IsRejection(o.Reason) {
				t.Errorf("%d: message %d: %+v", status, i, o)
			}
		}
		for i, o := range client.Deliver(t.Context(), to, batch) {
			if o.Verdict != segment.Delivered {
				t.Errorf("when Segment accepts deletions again: message %d: %+v", i, o)
			}
		}
	}
}

// A workspace may not have a type of regulations.
func TestATypeThatIsRejectedLosesNoDeletion(t *testing.T) {
	batch := slices.Concat(messagesOf(t, publicapi.DeleteOnly, "a", "b"), messagesOf(t, publicapi.SuppressWithDelete, "c"))
	outcomes := deletion.NewClient(rejecting{publicapitest.New(), string(publicapi.DeleteOnly)}).Deliver(t.Context(), to, batch)
	got := [3]segment.Verdict{outcomes[0].Verdict, outcomes[1].Verdict, outcomes[2].Verdict}
	if want := [3]segment.Verdict{segment.Retry, segment.Retry, segment.Delivered}; got != want {
		t.Errorf("the verdicts are %v, not %v", got, want)
	}
}

// rejecting rejects each request that has one word.
type rejecting struct {
	*publicapitest.Server
	word string
}

func (r rejecting) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte(`"`+r.word+`"`)) {
		r.Fail(publicapitest.Fault{Status: http.StatusUnprocessableEntity})
	}
	return r.Server.RoundTrip(request)
}

func TestAUserWhoIsRejectedDoesNotAffectTheOthers(t *testing.T) {
	server := publicapitest.New()
	outcomes := deletion.NewClient(rejecting{server, "bad"}).Deliver(t.Context(), to, messagesOf(t, publicapi.DeleteOnly, "a", "bad", "b"))
	got := [3]segment.Verdict{outcomes[0].Verdict, outcomes[1].Verdict, outcomes[2].Verdict}
	if want := [3]segment.Verdict{segment.Delivered, segment.Fail, segment.Delivered}; got != want {
		t.Errorf("the verdicts are %v, not %v", got, want)
	}
}

// The stand-in has Segment's limits: 600 requests a minute, and 110,000 users a month. The time
// is virtual.
func TestFiveThousandDeletionsAreWithinTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := publicapitest.New()
		client := deletion.NewClient(server)
		const users, batch = 5000, 10
		started := time.Now()
		for first := 0; first < users; first += batch {
			var ids []string
			for i := first; i < first+batch; i++ {
				ids = append(ids, fmt.Sprintf("customer-%d", i))
			}
			for i, o := range client.Deliver(t.Context(), to, messagesOf(t, publicapi.SuppressWithDelete, ids...)) {
				if o.Verdict != segment.Delivered {
					t.Fatalf("%s: %+v", ids[i], o)
				}
			}
		}
		asked := map[string]bool{}
		for _, r := range server.Regulations() {
			for _, id := range r.Subjects {
				asked[id] = true
			}
		}
		for _, r := range server.Requests() {
			if r.Status == http.StatusTooManyRequests {
				t.Fatal("there were more than 600 requests in a minute")
			}
		}
		if len(asked) != users || len(server.Requests()) != users/batch {
			t.Errorf("%d users in %d requests", len(asked), len(server.Requests()))
		}
		t.Logf("%d users in %d requests, in %s", users, users/batch, time.Since(started))
	})
}

// On AWS several instances of the function request deletions at once, and each knows only its own
// rate. The webhooks may come one by one. Segment then rejects some requests, and they are repeated.
func TestDeletionsOfSeveralInstancesAreAllRequested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := publicapitest.New()
		const instances, users = 3, 1500
		started := time.Now()
		var all sync.WaitGroup
		for instance := range instances {
			all.Go(func() {
				client := deletion.NewClient(server)
				for i := range users {
					message := messagesOf(t, publicapi.SuppressWithDelete, fmt.Sprintf("customer-%d-%d", instance, i))
					for o := client.Deliver(t.Context(), to, message)[0]; o.Verdict != segment.Delivered; o = client.Deliver(t.Context(), to, message)[0] {
						if o.Verdict != segment.Retry || o.Operator || o.Reason != deletion.QuotaUsedUp {
							t.Errorf("%+v", o)
							return
						}
						time.Sleep(max(o.RetryAfter, time.Second))
					}
				}
			})
		}
		all.Wait()
		asked := map[string]int{}
		for _, r := range server.Regulations() {
			asked[r.Subjects[0]]++
		}
		rejected := 0
		for _, r := range server.Requests() {
			if r.Status == http.StatusTooManyRequests {
				rejected++
			}
		}
		if len(asked) != instances*users || len(server.Regulations()) != instances*users {
			t.Errorf("%d users are in %d accepted requests", len(asked), len(server.Regulations()))
		}
		if took := time.Since(started); rejected == 0 || rejected > instances*users/100 || took > 8*time.Minute {
			t.Errorf("%d of %d requests are rejected, in %s", rejected, len(server.Requests()), took)
		}
		t.Logf("%d users in %d requests, of which %d were rejected, in %s", instances*users, len(server.Requests()), rejected, time.Since(started))
	})
}
