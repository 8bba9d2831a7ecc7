package cli

import (
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// tunnel is the public URL of a hub.
const tunnel = "https://shop.tunnel.example"

// connectedDir returns the directory of a hub that is connected to a Commerce.
func connectedDir(t *testing.T, store *commercetest.Server) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"commerce/client-id": commercetest.ClientID, "commerce/client-secret": settings.BindSecret(store.URL, commercetest.ClientSecret),
		"commerce/token-url": store.URL + "/oauth/access_token", "commerce/webhook-secret": "PLANTED-webhook", "segment/write-key": "PLANTED-key",
	} {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	return dir
}

func TestWebhooksAreSyncedListedAndRemoved(t *testing.T) {
	store := commercetest.Start(t)
	dir := connectedDir(t, store)
	webhooks := func(code int, args ...string) result {
		t.Helper()
		got := command(t, "", append(append([]string{"webhooks"}, args...), "--dir", dir)...)
		if got.code != code {
			t.Errorf("hub webhooks %s exits %d, want %d:\n%s%s", strings.Join(args, " "), got.code, code, got.stdout, got.stderr)
		}
		noSecret(t, got)
		if strings.Contains(got.stdout+got.stderr, commercetest.ClientSecret) {
			t.Errorf("it shows the client secret:\n%s%s", got.stdout, got.stderr)
		}
		return got
	}
	says := func(text string, all ...string) {
		t.Helper()
		for _, part := range all {
			if !strings.Contains(text, part) {
				t.Errorf("it does not say %q:\n%s", part, text)
			}
		}
	}
	has := func(count int) {
		t.Helper()
		if n := len(store.Integrations()); n != count {
			t.Errorf("Commerce has %d integrations, want %d", n, count)
		}
	}

	says(webhooks(exitFailed, "sync", "--yes").stderr, "Commerce cannot reach this machine without a tunnel", "--url https://")
	says(webhooks(exitFailed, "sync", "--url", "http://127.0.0.1:8080").stderr, "--url: only this machine can reach")
	says(webhooks(exitDone, "sync", "--url", tunnel, "--dry-run").stdout, "create   Segment: Order Completed (hub on ",
		tunnel+"/webhooks/order-completed on order.paid", "Nothing was done (--dry-run)")
	says(webhooks(exitFailed, "sync", "--url", tunnel).stderr, "nothing was done. Not a terminal: pass --yes or --dry-run")
	has(0)
	says(webhooks(exitFailed, "urls").stderr, "start a tunnel")
	synced := webhooks(exitDone, "sync", "--url", tunnel, "--yes")
	says(synced.stdout, "created Segment: Customer Updated (hub on ")
	says(synced.stderr, "wrote webhooks/url: every command and the console use this address from now on")
	says(webhooks(exitDone, "urls").stdout, tunnel+"/webhooks/order-completed")
	has(len(tracking.All()) - len(tracking.Optional()))
	says(webhooks(exitDone, "sync", "--yes").stdout, "leave    Segment: Order Completed", "Nothing to do")

	hubtest.WriteFile(t, filepath.Join(dir, "tracking/order-updated/enabled"), "false")
	hubtest.WriteFile(t, filepath.Join(dir, "tracking/order-completed/events"), "order.fulfilled")
	says(webhooks(exitDone, "sync", "--yes").stdout, "events, from order.paid to order.fulfilled", "updated Segment: Order Completed", "disabled Segment: Order Updated")

	store.AddLog(store.Integrations()[1]["id"].(string), http.StatusAccepted, "accepted")
	store.AddLog(store.Integrations()[1]["id"].(string), http.StatusUnauthorized, "forged")
	says(webhooks(exitDone, "list").stdout, "Segment: Order Updated (hub on ", "): disabled\n", "  202 Accepted\n", "  401 Unauthorized: Received a status code",
		"Commerce has not called it yet")

	says(webhooks(exitFailed, "remove").stderr, "pass --yes")
	has(len(tracking.All()) - len(tracking.Optional()))
	says(webhooks(exitDone, "remove", "--yes").stdout, "removed Segment: Order Updated")
	has(0)
	says(webhooks(exitDone, "remove", "--yes").stdout, "Nothing to do")
	says(webhooks(exitDone, "list").stdout, "hub webhooks sync --dir '"+dir+"' creates them")
}

func TestWebhooksNeedAConnectionAndASecret(t *testing.T) {
	store := commercetest.Start(t)
	for _, c := range []struct {
		name, empty, says string
	}{
		{"no client id", "commerce/client-id", "is not connected to Commerce: commerce/client-id is not set"},
		{"no webhook secret", "commerce/webhook-secret", "there is no webhook secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := connectedDir(t, store)
			hubtest.WriteFile(t, filepath.Join(dir, c.empty), "")
			got := command(t, "", "webhooks", "sync", "--yes", "--url", tunnel, "--dir", dir)
			if got.code != exitFailed || !strings.Contains(got.stderr, c.says) || len(store.Integrations()) != 0 {
				t.Errorf("exits %d, says %q, and Commerce has %d", got.code, got.stderr, len(store.Integrations()))
			}
			noSecret(t, got)
		})
	}
}

func TestWebhooksURLsNeedNoConnection(t *testing.T) {
	dir := t.TempDir()
	hubtest.WriteFile(t, filepath.Join(dir, "commerce/webhook-secret"), "PLANTED-webhook")
	hubtest.WriteFile(t, filepath.Join(dir, "tracking/order-updated/enabled"), "false")
	got := command(t, "", "webhooks", "urls", "--dir", dir, "--url", tunnel+"/")
	for _, says := range []string{"cat '" + dir + "/commerce/webhook-secret'\n", "  order.paid                     " + tunnel + "/webhooks/order-completed\n"} {
		if !strings.Contains(got.stdout, says) {
			t.Errorf("it does not say %q:\n%s%s", says, got.stdout, got.stderr)
		}
	}
	if strings.Contains(got.stdout, "order-updated") {
		t.Errorf("it lists a disabled tracking:\n%s", got.stdout)
	}
	noSecret(t, got)
	if got := command(t, "", "webhooks", "urls", "--dir", dir); got.code != exitDone || !strings.Contains(got.stdout, tunnel+"/webhooks/order-completed") {
		t.Errorf("the address is not kept: %q", got.stderr)
	}
	if got := command(t, "", "webhooks", "urls", "--dir", dir, "--url", "default"); got.code != exitFailed || !strings.Contains(got.stderr, "start a tunnel") {
		t.Errorf("without an address it says %q", got.stderr)
	}
}

func TestAtATerminalSyncAsks(t *testing.T) {
	for answer, want := range map[string]int{"y\n": len(tracking.All()) - len(tracking.Optional()), "\n": 0} {
		store := commercetest.Start(t)
		keyboard := openKeyboard(t, nil, "webhooks", "sync", "--url", tunnel, "--dir", connectedDir(t, store))
		keyboard.await("create   Segment: Customer Updated")
		keyboard.answer("Do this in Commerce? [y/N] ", answer)
		code := keyboard.wait()
		if n := len(store.Integrations()); n != want || (code == exitDone) != (want > 0) {
			t.Errorf("after %q it exits %d, and Commerce has %d:\n%s", answer, code, n, keyboard.screen())
		}
	}
}

func TestSyncGivesCommerceTheNewSecretOfARotation(t *testing.T) {
	store := commercetest.Start(t)
	dir := connectedDir(t, store)
	do := func(args ...string) result {
		t.Helper()
		got := command(t, "", append(args, "--dir", dir)...)
		if got.code != exitDone {
			t.Fatalf("hub %s exits %d: %s", strings.Join(args, " "), got.code, got.stderr)
		}
		noSecret(t, got)
		return got
	}
	keys := func() map[any]int {
		all := map[any]int{}
		for _, i := range store.Integrations() {
			all[i["configuration"].(commercetest.Object)["secret_key"]]++
		}
		return all
	}
	do("webhooks", "sync", "--url", tunnel, "--yes")
	t.Setenv("COMMERCE_WEBHOOK_SECRET", "PLANTED-new")
	if got := do("rotate"); !strings.Contains(got.stdout, "hub webhooks sync --dir '"+dir+"'") {
		t.Errorf("it does not say how to continue:\n%s", got.stdout)
	}
	do("webhooks", "sync", "--yes")
	if got, want := keys(), map[any]int{"PLANTED-new": len(tracking.All()) - len(tracking.Optional())}; !maps.Equal(got, want) {
		t.Errorf("the secret keys are %v, want %v", got, want)
	}
}
