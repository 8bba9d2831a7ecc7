package cli

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/doctor"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
)

// examined runs hub doctor, and returns its findings by check.
func examined(t *testing.T, code int, args ...string) map[string][]doctor.Finding {
	t.Helper()
	got := command(t, "", append([]string{"doctor", "--json", "--timeout", "5m"}, args...)...)
	noSecret(t, got)
	var report doctor.Report
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != code {
		t.Fatalf("it exits %d, want %d, %v:\n%s%s", got.code, code, err, got.stdout, got.stderr)
	}
	found := map[string][]doctor.Finding{}
	for _, f := range report.Findings {
		found[f.Check] = append(found[f.Check], f)
	}
	return found
}

// has fails the test unless the first finding of each check has the given state.
func has(t *testing.T, found map[string][]doctor.Finding, states map[string]doctor.State) {
	t.Helper()
	for check, want := range states {
		if len(found[check]) == 0 || found[check][0].State != want {
			t.Errorf("the findings of %s are %+v, want the state %s", check, found[check], want)
		}
	}
}

func TestDoctorChecksAHubOnThisMachine(t *testing.T) {
	h := start(t)
	has(t, examined(t, exitDone, "--dir", h.Dir, h.AddrFlag()), map[string]doctor.State{
		"store": doctor.OK, "settings": doctor.OK, "segment": doctor.Note, "commerce": doctor.Warning, "webhooks": doctor.Note,
		"secret": doctor.OK, "templates": doctor.OK, "health": doctor.OK, "events": doctor.Note, "clock": doctor.Note, "version": doctor.OK,
	})

	h.Set("templates/order-completed", "{")
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-1"))
	hubtest.Eventually(t, "the doctor reports the event that is retried", func() bool {
		found := examined(t, exitBroken, "--dir", h.Dir, h.AddrFlag())["health"]
		return found[0].State == doctor.Fault && strings.Contains(found[0].Says, "The template of order-completed does not compile") && strings.Contains(found[0].Says, "1 event is retried")
	})
	text := command(t, "", "doctor", "--dir", h.Dir, h.AddrFlag())
	if text.code != exitBroken || !strings.Contains(text.stdout, "fault    health     The template of order-completed does not compile") || !strings.Contains(text.stdout, "hub templates versions order-completed --dir ") {
		t.Errorf("without --json it prints\n%s%s", text.stdout, text.stderr)
	}
	if status, page := h.Request("GET", "/doctor", ""); status != http.StatusOK || !strings.Contains(page, `<span class="pill is-fault">fault</span>`) ||
		!strings.Contains(page, `aria-current="page"><b>Doctor`) || !strings.Contains(page, "The template of order-completed does not compile") {
		t.Errorf("the page answers %d\n%s", status, page)
	}
}

func TestDoctorChecksTheWebhooksInCommerce(t *testing.T) {
	store := commercetest.Start(t)
	dir := connectedDir(t, store)
	none := "--addr=127.0.0.1:1"
	hubtest.WriteFile(t, filepath.Join(dir, settings.WebhookAddress), tunnel)
	has(t, examined(t, exitBroken, "--dir", dir, none), map[string]doctor.State{
		"commerce": doctor.OK, "webhooks": doctor.Fault, "clock": doctor.OK, "events": doctor.Warning, "currencies": doctor.Warning,
	})
	if got := command(t, "", "configure", "--no-input", "--dir", dir); got.code != exitDone || !strings.Contains(got.stdout, "from Commerce: USD=2.\n") || got.stderr != "" {
		t.Errorf("configure says %+v", got)
	}
	if got := command(t, "", "webhooks", "sync", "--yes", "--url", tunnel, "--dir", dir); got.code != exitDone {
		t.Fatal(got.stderr)
	}
	has(t, examined(t, exitBroken, "--dir", dir, none), map[string]doctor.State{"currencies": doctor.OK})
	has(t, examined(t, exitBroken, "--dir", dir, none), map[string]doctor.State{"webhooks": doctor.OK})

	hubtest.WriteFile(t, filepath.Join(dir, "commerce/client-secret"), settings.BindSecret(store.URL, "PLANTED-wrong"))
	has(t, examined(t, exitBroken, "--dir", dir, none), map[string]doctor.State{"commerce": doctor.Fault, "webhooks": doctor.Warning, "secret": doctor.OK})
}

func TestDoctorReportsAStoreThatCannotBeOpened(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	found := examined(t, exitBroken, "--prefix", "/shop", "--timeout", "1s")
	if len(found) != 1 || found["store"][0].State != doctor.Fault {
		t.Errorf("it finds %+v", found)
	}
	if got := command(t, "", "doctor", "--prefix", "shop"); got.code != exitFailed || !strings.Contains(got.stderr, "a prefix begins with a slash") || got.stdout != "" {
		t.Errorf("for a prefix without a slash it exits %d and prints %s%s", got.code, got.stdout, got.stderr)
	}
	if got := command(t, "", "doctor", "--timeout", "0s"); got.code != exitFailed || !strings.Contains(got.stderr, "--timeout 0s is too short") || got.stdout != "" {
		t.Errorf("with --timeout 0s it exits %d:\n%s%s", got.code, got.stdout, got.stderr)
	}
	if got := command(t, "", "doctor", "--since", "week"); got.code != exitFailed || !strings.Contains(got.stderr, "--since") || got.stdout != "" {
		t.Errorf("for an invalid time it says %q", got.stderr)
	}
}
