package publicapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/publicapitest"
)

// inWorkspace runs a test in virtual time, with a workspace and a client for it.
func inWorkspace(t *testing.T, test func(*testing.T, *publicapitest.Server, *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := publicapitest.New()
		c, err := NewClient(Credentials{URL: USHost, Token: publicapitest.Token}, server)
		if err != nil {
			t.Fatal(err)
		}
		test(t, server, c)
	})
}

func TestAClientNeedsAHostAndAToken(t *testing.T) {
	for _, c := range []Credentials{{}, {URL: USHost}, {Token: "x"}} {
		if _, err := NewClient(c, nil); err == nil {
			t.Errorf("there is a client for %+v", c)
		}
	}
}

func TestTheSourcesOfAWorkspaceWithTheirKeys(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		workspace, err := c.Workspace(t.Context())
		if err != nil || workspace != (Workspace{ID: publicapitest.WorkspaceID, Slug: publicapitest.WorkspaceSlug, Name: publicapitest.WorkspaceName}) {
			t.Fatalf("%v, %+v", err, workspace)
		}
		shop := server.AddSource(publicapitest.Source{Slug: "shop", Name: "Shop", WriteKeys: []string{"one", "two"}, TrackingPlanID: "tp_1"})
		server.AddSource(publicapitest.Source{Slug: "old", Disabled: true})
		sources, err := c.Sources(t.Context())
		if err != nil || len(sources) != 2 {
			t.Fatalf("%v, %+v", err, sources)
		}
		if one := sources[0]; one.ID != shop || one.Title() != "Shop" || !one.Enabled || !slices.Equal(one.WriteKeys, []string{"one", "two"}) || one.Metadata.ID != HTTPAPI {
			t.Errorf("the first: %+v", one)
		}
		if other := sources[1]; other.Title() != "old" || other.Enabled || len(other.WriteKeys) != 0 {
			t.Errorf("the second: %+v", other)
		}
		if one, err := c.Source(t.Context(), shop); err != nil || one.TrackingPlanID != "tp_1" || one.Slug != "shop" {
			t.Errorf("one: %v, %+v", err, one)
		}
		if _, err := c.Source(t.Context(), "deleted"); !IsStatus(err, http.StatusNotFound) {
			t.Errorf("a source that does not exist: %v", err)
		}
	})
}

func TestASourceIsCreatedWithItsName(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		created, err := c.CreateSource(t.Context(), "commerce", HTTPAPI)
		if err != nil || !created.Enabled || len(created.WriteKeys) != 1 {
			t.Fatalf("%v, %+v", err, created)
		}
		if named, err := c.RenameSource(t.Context(), created.ID, "Elastic Path Commerce"); err != nil || named.Name != "Elastic Path Commerce" {
			t.Errorf("%v, %+v", err, named)
		}
		_, err = c.CreateSource(t.Context(), "commerce", HTTPAPI)
		var refused *APIError
		if !errors.As(err, &refused) || refused.Status != http.StatusConflict || refused.Field != "slug" || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("a second one with the same slug: %v", err)
		}
		server.NotSourceAdmin = true
		if _, err = c.CreateSource(t.Context(), "other", HTTPAPI); !IsStatus(err, http.StatusUnauthorized) || !strings.Contains(err.Error(), "role") {
			t.Errorf("without the role: %v", err)
		}
	})
}

func TestEventVolumesAreGroupedAndRestricted(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		time.Sleep(5 * time.Hour)
		now := time.Now().UTC().Truncate(time.Hour)
		shop, other := server.AddSource(publicapitest.Source{Slug: "shop"}), server.AddSource(publicapitest.Source{Slug: "other"})
		server.Received(shop, "track", "Order Completed", now.Add(-2*time.Hour), 3)
		server.Received(shop, "track", "Order Completed", now.Add(-time.Hour), 4)
		server.Received(other, "track", "Order Completed", now.Add(-time.Hour), 1)
		server.Received(shop, "identify", "", now.Add(-time.Hour), 50)
		got, err := c.EventVolumes(t.Context(), VolumeQuery{
			Granularity: Hour, From: now.Add(-3 * time.Hour), To: now, GroupBy: []string{BySource, ByEventName}, EventNames: []string{"Order Completed"},
		})
		if err != nil || len(got) != 2 {
			t.Fatalf("%v, %+v", err, got)
		}
		first := got[0]
		if first.Source.ID != shop || first.EventName != "Order Completed" || first.Total != 7 || len(first.Series) != 3 ||
			first.Series[1] != (Count{Time: now.Add(-2 * time.Hour), Count: 3}) || first.Series[2].Count != 4 {
			t.Errorf("the first group: %+v", first)
		}
		if _, err := c.EventVolumes(t.Context(), VolumeQuery{Granularity: Hour, From: now, To: now}); !IsStatus(err, http.StatusUnprocessableEntity) {
			t.Errorf("an empty period: %v", err)
		}
	})
}

func TestEachStepOfTheDeliveryOverview(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		time.Sleep(5 * time.Hour)
		now := time.Now()
		shop := server.AddSource(publicapitest.Source{Slug: "shop"})
		server.Received(shop, "track", "Order Completed", now.Add(-time.Hour), 9)
		server.FailedOnIngest(shop, "track", "Order Completed", "Bad Request", now.Add(-time.Hour), 2)
		server.FilteredAtSource(shop, "track", "Order Updated", "Blocked event", now.Add(-time.Hour), 5)
		q := DeliveryQuery{SourceID: shop, Granularity: Hour, From: now.Add(-3 * time.Hour), To: now, GroupBy: []string{ByEventName, ByDiscardReason}}
		for step, want := range map[Step]Delivery{
			FailedOnIngest:   {EventName: "Order Completed", DiscardReason: "Bad Request", Total: 2},
			FilteredAtSource: {EventName: "Order Updated", DiscardReason: "Blocked event", Total: 5},
		} {
			got, err := c.DeliveryOverview(t.Context(), step, q)
			if err != nil || len(got) != 1 || got[0].EventName != want.EventName || got[0].DiscardReason != want.DiscardReason || got[0].Total != want.Total {
				t.Errorf("%s: %v, %+v", step, err, got)
			}
		}
		q.GroupBy = []string{ByEventName}
		if got, err := c.DeliveryOverview(t.Context(), SuccessfullyReceived, q); err != nil || len(got) != 1 || got[0].Total != 9 {
			t.Errorf("received: %v, %+v", err, got)
		}
		q.From = now.Add(-15 * 24 * time.Hour)
		if _, err := c.DeliveryOverview(t.Context(), SuccessfullyReceived, q); !IsStatus(err, http.StatusUnprocessableEntity) {
			t.Errorf("more than 14 days by hour: %v", err)
		}
	})
}

func TestTrackingPlansAndTheirRules(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		plan, err := c.CreateTrackingPlan(t.Context(), "Commerce", "What the shop sends")
		if err != nil || plan.Type != Live || plan.Description != "What the shop sends" {
			t.Fatalf("%v, %+v", err, plan)
		}
		if plans, err := c.TrackingPlans(t.Context()); err != nil || len(plans) != 1 || plans[0].ID != plan.ID {
			t.Errorf("%v, %+v", err, plans)
		}
		rule := func(schema string) []Rule {
			return []Rule{{Type: TrackRule, Key: "Order Completed", JSONSchema: json.RawMessage(schema), Version: 1}}
		}
		for _, schema := range []string{`{"type":"object"}`, `{"type":"object","properties":{}}`} {
			if err := c.UpdateRules(t.Context(), plan.ID, rule(schema)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.UpdateRules(t.Context(), plan.ID, []Rule{{Type: IdentifyRule, JSONSchema: json.RawMessage(`{}`), Version: 1}}); err != nil {
			t.Fatal(err)
		}
		rules, err := c.Rules(t.Context(), plan.ID)
		if err != nil || len(rules) != 2 || rules[0].Key != "Order Completed" || rules[0].Version != 1 || !strings.Contains(string(rules[0].JSONSchema), "properties") {
			t.Errorf("%v, %+v", err, rules)
		}
		if err := c.UpdateRules(t.Context(), plan.ID, []Rule{{Type: TrackRule, JSONSchema: json.RawMessage(`{}`), Version: 1}}); !IsStatus(err, http.StatusUnprocessableEntity) {
			t.Errorf("a rule without a key: %v", err)
		}
	})
}

func TestSourceSettings(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		id := server.AddSource(publicapitest.Source{Slug: "shop", Settings: publicapitest.Object{"track": publicapitest.Object{"allowEventOnViolations": false}}})
		got, err := c.SourceSettings(t.Context(), id)
		if err != nil || got.Track.AllowEventOnViolations == nil || *got.Track.AllowEventOnViolations || got.Track.AllowUnplannedEvents != nil {
			t.Errorf("%v, %+v", err, got)
		}
	})
}

func TestADeletionIsFollowedToItsEnd(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		id, err := c.CreateRegulation(t.Context(), SuppressWithDelete, []string{"u1", "u2"})
		if err != nil || id == "" {
			t.Fatal(err)
		}
		for _, want := range []string{StatusInitialized, StatusRunning, StatusFinished} {
			got, err := c.Regulation(t.Context(), id)
			if err != nil || got.OverallStatus != want || got.FinishedAt.IsZero() != (want != StatusFinished) || got.CreatedAt.IsZero() {
				t.Errorf("want %s: %v, %+v", want, err, got)
			}
		}
		server.SetRegulation(id, StatusFailed, publicapitest.Object{"name": "Webhooks", "id": "d1", "status": StatusNotSupported, "errString": "", "finishedAt": ""})
		got, err := c.Regulation(t.Context(), id)
		if err != nil || len(got.StreamStatus) != 1 || got.StreamStatus[0].DestinationStatus[0].Status != StatusNotSupported {
			t.Errorf("%v, %+v", err, got)
		}
		list, err := c.Regulations(t.Context())
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].RegulationType != SuppressWithDelete {
			t.Errorf("%v, %+v", err, list)
		}
		time.Sleep(91 * 24 * time.Hour)
		if _, err := c.Regulation(t.Context(), id); !IsStatus(err, http.StatusNotFound) {
			t.Errorf("after 91 days: %v", err)
		}
	})
}

// Segment may quote the ids of users in an error.
func TestTheErrorOfADeletionQuotesNoUser(t *testing.T) {
	inWorkspace(t, func(t *testing.T, _ *publicapitest.Server, c *Client) {
		users := slices.Repeat([]string{"PLANTED@example.com"}, MaxSubjects+1)
		_, err := c.CreateRegulation(t.Context(), DeleteOnly, users)
		if !IsStatus(err, http.StatusUnprocessableEntity) || strings.Contains(err.Error(), "PLANTED") || !strings.Contains(err.Error(), "subjectIds") {
			t.Error(err)
		}
	})
}

// Another tool of the workspace may delete thousands of users with each request. The list has their
// ids. The ids of one page are longer than an answer that is read.
func TestRequestsAboutManyUsersAreListed(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		users := slices.Repeat([]string{"0f7b1d3a-6f0e-4c7e-9d4b-1a2b3c4d5e6f"}, MaxSubjects)
		own := server.AddRegulation(string(DeleteOnly), "customer-1")
		for range 100 {
			server.AddRegulation(string(SuppressWithDelete), users...)
			server.AddRegulation("SUPPRESS_ONLY", users...)
		}
		list, err := c.Regulations(t.Context())
		if err != nil || len(list) != 101 || list[0].ID != own {
			t.Errorf("%d requests are listed, %v", len(list), err)
		}
		if n := len(server.Requests()); n > 5 {
			t.Errorf("%d calls for 101 requests", n)
		}
	})
}

func TestALongListIsReadInPart(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		for range maxEntries + 1 {
			server.AddRegulation(string(DeleteOnly), "customer-1")
		}
		list, err := c.Regulations(t.Context())
		if !errors.Is(err, ErrTooManyPages) || len(list) != maxEntries {
			t.Errorf("%d requests are listed, %v", len(list), err)
		}
	})
}

func TestAMonthHasAQuotaOfDeletions(t *testing.T) {
	inWorkspace(t, func(t *testing.T, _ *publicapitest.Server, c *Client) {
		users := slices.Repeat([]string{"u"}, MaxSubjects)
		for range publicapitest.MonthlyUsers / MaxSubjects {
			if _, err := c.CreateRegulation(t.Context(), DeleteOnly, users); err != nil {
				t.Fatal(err)
			}
		}
		var full *APIError
		if _, err := c.CreateRegulation(t.Context(), DeleteOnly, users); !errors.As(err, &full) || full.Status != http.StatusTooManyRequests || full.RetryAfter < 24*time.Hour {
			t.Errorf("one more: %v", err)
		}
	})
}

func TestAListIsReadPageByPage(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		server.PageSize = 3
		for i := range 10 {
			server.AddSource(publicapitest.Source{Slug: fmt.Sprint("s", i)})
		}
		sources, err := c.Sources(t.Context())
		if err != nil || len(sources) != 10 || sources[9].Slug != "s9" || len(server.Requests()) != 4 {
			t.Errorf("%v, %d sources, %d requests", err, len(sources), len(server.Requests()))
		}
	})
}

func TestAListWithoutAnEndIsAnError(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		server.Fail(publicapitest.Fault{Path: "/sources", Status: 200, Times: 1000, Body: `{"data":{"sources":[],"pagination":{"current":"x","next":"x"}}}`})
		if _, err := c.Sources(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "(the list has more than 10000 entries or 200 pages)") || len(server.Requests()) != maxPages {
			t.Errorf("%v, %d requests", err, len(server.Requests()))
		}
	})
}

func TestFaultsAreRepeatedAsLongAsItIsUsefulAndSafe(t *testing.T) {
	read := func(ctx context.Context, c *Client) error { _, err := c.Sources(ctx); return err }
	create := func(ctx context.Context, c *Client) error { _, err := c.CreateSource(ctx, "x", HTTPAPI); return err }
	for _, c := range []struct {
		name     string
		fault    publicapitest.Fault
		call     func(context.Context, *Client) error
		requests int
		succeeds bool
		atLeast  time.Duration
	}{
		{"a 500 that ends", publicapitest.Fault{Status: 500, Times: 2}, read, 3, true, time.Second},
		{"a 500 that does not end", publicapitest.Fault{Status: 500, Times: 100}, read, 5, false, 6 * time.Second},
		{"a broken connection", publicapitest.Fault{Break: true}, read, 2, true, 400 * time.Millisecond},
		{"a 401", publicapitest.Fault{Status: 401}, read, 1, false, 0},
		{"a 422", publicapitest.Fault{Status: 422}, read, 1, false, 0},
		{"a redirect, which would take the token along", publicapitest.Fault{Status: 302, Header: map[string]string{"Location": "https://example.com"}}, read, 1, false, 0},
		{"a 429 that says how long to wait", publicapitest.Fault{Status: 429, Body: `{"errors":[{"type":"rate-limit","data":{"msBeforeNext":7000}}]}`}, read, 2, true, 7 * time.Second},
		{"a 429 that asks for more than a minute", publicapitest.Fault{Status: 429, Body: `{"errors":[{"type":"rate-limit","data":{"msBeforeNext":70000}}]}`}, read, 1, false, 0},
		{"a 429 for a call that creates", publicapitest.Fault{Status: 429}, create, 2, true, 400 * time.Millisecond},
		{"a 500 for a call that creates", publicapitest.Fault{Status: 500, AfterProcessing: true}, create, 1, false, 0},
		{"an answer that is not JSON", publicapitest.Fault{Status: 200, Body: "<html>PLANTED"}, read, 1, false, 0},
		{"an answer without data", publicapitest.Fault{Status: 200, Body: "{}"}, read, 1, false, 0},
		{"an answer of another form", publicapitest.Fault{Status: 200, Body: `{"data":{"sources":"PLANTED"}}`}, read, 1, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorkspace(t, func(t *testing.T, server *publicapitest.Server, client *Client) {
				server.Fail(c.fault)
				began := time.Now()
				err := c.call(t.Context(), client)
				if (err == nil) != c.succeeds || len(server.Requests()) != c.requests || time.Since(began) < c.atLeast {
					t.Errorf("%v after %d requests and %v", err, len(server.Requests()), time.Since(began))
				}
				if err != nil && (strings.Contains(err.Error(), "PLANTED") || strings.Contains(err.Error(), publicapitest.Token)) {
					t.Errorf("it quotes the answer: %v", err)
				}
				if notJSON := strings.HasPrefix(c.fault.Body, "<html>"); notJSON && !strings.Contains(err.Error(), "(the answer does not have the documented format): check that segment/api-host is") {
					t.Errorf("it does not say what to check: %v", err)
				}
				var failed *APIError
				if maybe := c.name == "a 500 for a call that creates"; err != nil && (!errors.As(err, &failed) || failed.MaybeDone != maybe) {
					t.Errorf("%v: whether it may be done must be %v", err, maybe)
				}
			})
		})
	}
}

func TestTheResetOfTheRateLimitIsWaitedFor(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		reset := time.Now().Add(9 * time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
		server.Fail(publicapitest.Fault{Status: 429, Header: map[string]string{"X-RateLimit-Reset": reset}})
		began := time.Now()
		if _, err := c.Workspace(t.Context()); err != nil || time.Since(began) < 8*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestTheRateLimitOfEventVolumesIsKept(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		time.Sleep(time.Hour)
		for range 70 {
			q := VolumeQuery{Granularity: Hour, From: time.Now().Add(-time.Hour), To: time.Now()}
			if _, err := c.EventVolumes(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		rejected := 0
		for _, r := range server.Requests() {
			if r.Status == http.StatusTooManyRequests {
				rejected++
			}
		}
		if rejected == 0 || rejected > 3 {
			t.Errorf("%d of %d requests were rejected", rejected, len(server.Requests()))
		}
	})
}

func TestACallEndsWithItsContext(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		server.Fail(publicapitest.Fault{Status: 503, Times: 100})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := c.Sources(ctx); err == nil || time.Since(began) > time.Second || !strings.Contains(err.Error(), "no time was left") {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestAnIDThatLeadsElsewhereIsNotSent(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, c *Client) {
		for _, id := range []string{"", "..", "."} {
			if _, err := c.Source(t.Context(), id); err == nil {
				t.Errorf("%q is accepted", id)
			}
		}
		if _, err := c.Source(t.Context(), "../x y?z"); !IsStatus(err, http.StatusNotFound) || strings.Contains(err.Error(), "x y") {
			t.Errorf("an id with other characters: %v", err)
		}
		if len(server.Requests()) != 1 {
			t.Errorf("%d requests", len(server.Requests()))
		}
	})
}

func TestAnotherTokenIsRejected(t *testing.T) {
	inWorkspace(t, func(t *testing.T, server *publicapitest.Server, _ *Client) {
		c, _ := NewClient(Credentials{URL: EUHost, Token: "PLANTED"}, server)
		if _, err := c.Workspace(t.Context()); !IsStatus(err, http.StatusUnauthorized) || strings.Contains(err.Error(), "PLANTED") {
			t.Error(err)
		}
	})
}
