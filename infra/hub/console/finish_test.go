package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

func TestFinishRegistersTheWebhooksAndThenHasNothingToDo(t *testing.T) {
	store, set := connected(t)
	delete(set, settings.WebhookSecret)
	b := browse(t, set)
	_, page := b.get("/finish")
	wants(t, page, "There is no webhook secret yet. Finish creates one.", ">create<", "Segment: Order Completed (/shop)")
	if len(store.Integrations()) != 0 {
		t.Error("opening the page registers webhooks")
	}
	status, page := b.post("/finish", nil)
	wants(t, page, "The webhook secret was created.", "Created “Segment: Order Completed (/shop)”.", "Nothing to do")
	if status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
	secret := b.set()[settings.WebhookSecret]
	for _, i := range store.Integrations() {
		if key := i["configuration"].(commercetest.Object)["secret_key"]; len(secret) != 64 || key != secret {
			t.Errorf("%s has the secret key %v, want %q", i["name"], key, secret)
		}
	}
	if strings.Contains(page, secret) {
		t.Error("the page shows the secret")
	}
	if b.post("/finish", nil); len(store.Integrations()) != len(tracking.All())-len(tracking.Optional()) {
		t.Errorf("the second time Commerce has %d", len(store.Integrations()))
	}
	_, page = b.get("/")
	wants(t, page, "The webhooks are registered in Commerce.")
	store.AddLog(store.Integrations()[1]["id"].(string), 202, "accepted")
	store.AddLog(store.Integrations()[2]["id"].(string), 401, "forged")
	_, page = b.get("/finish")
	wants(t, page, "Order Completed", ">202<", "accepted and queued for Segment", ">401<", "Commerce sends a wrong secret")
}

// An open page refreshes automatically, in each of its windows.
func TestRefreshingFinishDoesNotAskCommerceEachTime(t *testing.T) {
	store, set := connected(t)
	b := browse(t, set)
	b.post("/finish", nil)
	store.AddLog(store.Integrations()[1]["id"].(string), 202, "accepted")
	b.get("/finish")
	asked := len(store.Requests())
	for range 5 {
		_, part := b.get("/finish/arrivals")
		wants(t, part, ">202<")
	}
	if again := len(store.Requests()); again != asked {
		t.Errorf("five refreshes asked Commerce %d times", again-asked)
	}
	store.AddLog(store.Integrations()[2]["id"].(string), 401, "forged")
	_, page := b.get("/finish")
	wants(t, page, ">401<", `data-every="60"`, "Refresh")
}

// Two users, or one in two windows, may press the button at the same time.
func TestFinishTwiceAtOnceRegistersEachWebhookOnce(t *testing.T) {
	store, set := connected(t)
	delete(set, settings.WebhookSecret)
	b := browse(t, set)
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() {
			b.handler.ServeHTTP(httptest.NewRecorder(), local(httptest.NewRequest(http.MethodPost, "/finish", nil)))
		})
	}
	both.Wait()
	if got := len(store.Integrations()); got != len(tracking.All())-len(tracking.Optional()) {
		t.Errorf("Commerce has %d integrations, want %d", got, len(tracking.All())-len(tracking.Optional()))
	}
}

func TestFinishThatFailsShowsWhatWasDone(t *testing.T) {
	store, set := connected(t)
	b := browse(t, set)
	store.Fail(commercetest.Fault{Method: http.MethodPost, Path: "/v2/integrations", Status: http.StatusForbidden})
	status, page := b.post("/finish", nil)
	wants(t, page, "the application key lacks the permission", "Done: 0 of 7")
	if status != http.StatusBadGateway {
		t.Errorf("answered %d", status)
	}
	if _, page = b.post("/finish", nil); len(store.Integrations()) != len(tracking.All())-len(tracking.Optional()) {
		t.Errorf("after that Commerce has %d:\n%s", len(store.Integrations()), page)
	}
}

func TestFinishWithoutCommerceShowsTheStepsByHand(t *testing.T) {
	b := browse(t, nil)
	_, page := b.get("/finish")
	wants(t, page, "Create the webhook secret", "https://api.example/webhooks/order-completed", "<code>order.paid</code>", "its deliveries are not shown here")
	status, page := b.post("/finish", nil)
	wants(t, page, "The webhook secret was created.", "by hand")
	if status != http.StatusOK || len(b.set()[settings.WebhookSecret]) != 64 {
		t.Errorf("answered %d, and the secret is %q", status, b.set()[settings.WebhookSecret])
	}
}

func TestFinishOnThisMachineAsksForAnAddress(t *testing.T) {
	store, set := connected(t)
	b := browseHere(t, set)
	_, page := b.get("/finish")
	wants(t, page, "Commerce cannot reach this machine directly", "Preview the changes")
	status, page := b.post("/finish", url.Values{"url": {"http://localhost:8080"}})
	wants(t, page, "only this machine can reach", `value="http://localhost:8080"`)
	if status != http.StatusUnprocessableEntity || len(store.Integrations()) != 0 {
		t.Errorf("answered %d, and Commerce has %d", status, len(store.Integrations()))
	}
	status, page = b.post("/finish", url.Values{"url": {"https://x.tunnel.example"}})
	wants(t, page, "Nothing to do", `value="https://x.tunnel.example"`)
	if status != http.StatusOK || len(store.Integrations()) != len(tracking.All())-len(tracking.Optional()) {
		t.Errorf("answered %d, and Commerce has %d", status, len(store.Integrations()))
	}
}

// Commerce must not send a secret that the functions do not have yet.
func TestFinishWaitsUntilTheFunctionsHaveANewSecret(t *testing.T) {
	store, set := connected(t)
	set[settings.WebhookSecret] = "PLANTED-new\nPLANTED-old"
	status, page := browse(t, set).post("/finish", nil)
	wants(t, page, "the functions do not have the new webhook secret yet")
	if status != http.StatusConflict || len(store.Integrations()) != 0 {
		t.Errorf("answered %d, and Commerce has %d", status, len(store.Integrations()))
	}
}

func TestPagesWorkIfCommerceFails(t *testing.T) {
	store, set := connected(t)
	store.Fail(commercetest.Fault{Path: "/v2/integrations", Status: http.StatusForbidden, Times: 100})
	b := browse(t, set)
	for path, says := range map[string]string{"/": "Commerce could not be reached", "/finish": "the application key lacks the permission", "/connections": "Client secret"} {
		status, page := b.get(path)
		wants(t, page, says)
		if status != http.StatusOK {
			t.Errorf("%s answers %d", path, status)
		}
	}
}

func TestFinishShowsInvalidSettings(t *testing.T) {
	_, set := connected(t)
	set["tracking/order-updated/enabled"] = "perhaps"
	status, page := browse(t, set).get("/finish")
	wants(t, page, "parameter tracking/order-updated/enabled: it is neither true nor false")
	if status != http.StatusOK {
		t.Errorf("answered %d", status)
	}
}
