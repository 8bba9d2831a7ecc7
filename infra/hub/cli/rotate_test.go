package cli

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
)

// Webhooks arrive all the time. During a rotation, a webhook with the secret that Commerce has
// at that moment is never rejected.
func TestARotationRejectsNoWebhook(t *testing.T) {
	h := start(t)
	rotate := func(args ...string) result {
		t.Helper()
		got := command(t, "", append([]string{"rotate", "--dir", h.Dir}, args...)...)
		for _, secret := range store.Lines(h.Parameter("commerce/webhook-secret")) {
			if strings.Contains(got.stdout+got.stderr, secret) {
				t.Errorf("it shows a secret:\n%s", got.stdout)
			}
		}
		if got.code != exitDone {
			t.Errorf("rotate %q exits %d: %s", args, got.code, got.stderr)
		}
		return got
	}
	answer := func(secret string) int {
		t.Helper()
		status, _ := h.Request("POST", "/webhooks/order-completed", hubtest.Order("order.paid", "o"), serve.KeyHeader, secret)
		return status
	}
	wants := func(when, secret string, status int) {
		t.Helper()
		if got := answer(secret); got != status {
			t.Errorf("%s: the webhook is answered %d, want %d", when, got, status)
		}
	}
	old := h.Parameter("commerce/webhook-secret")
	wants("before the rotation", old, http.StatusAccepted)

	said := rotate()
	both := store.Lines(h.Parameter("commerce/webhook-secret"))
	if len(both) != 2 || both[1] != old || len(both[0]) != 64 {
		t.Fatalf("the secrets are %q, want a new one before %q", both, old)
	}
	if !strings.Contains(said.stdout, "hub rotate --finish --dir '"+h.Dir+"'") || !strings.Contains(said.stdout, "cat '"+h.Dir+"/commerce/webhook-secret' | head -n 1") {
		t.Errorf("it does not say how to continue:\n%s", said.stdout)
	}
	wants("begun, and Commerce has the old secret", old, http.StatusAccepted)
	wants("begun, and Commerce has the new secret", both[0], http.StatusAccepted)

	if said := rotate(); !strings.Contains(said.stdout, "has begun already") {
		t.Errorf("a second time it says\n%s", said.stdout)
	}
	if again := store.Lines(h.Parameter("commerce/webhook-secret")); !slices.Equal(again, both) {
		t.Errorf("after a second time the secrets are %q, want %q", again, both)
	}

	rotate("--finish")
	if left := h.Parameter("commerce/webhook-secret"); left != both[0] {
		t.Errorf("finished, the secret is %q, want %q", left, both[0])
	}
	wants("finished", both[0], http.StatusAccepted)
	hubtest.Eventually(t, "the old secret is rejected", func() bool { return answer(old) == http.StatusUnauthorized }, h.Stderr)

	if said := rotate("--finish"); !strings.Contains(said.stdout, "Nothing to finish") {
		t.Errorf("finished twice it says\n%s", said.stdout)
	}
	if left := h.Parameter("commerce/webhook-secret"); left != both[0] {
		t.Errorf("finished twice, the secret is %q, want %q", left, both[0])
	}
}

func TestRotateTakesANewSecretFromTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		name, there, given string
		code               int
		after, says        string
	}{
		{"a new one", "PLANTED-old", "PLANTED-new", exitDone, "PLANTED-new\nPLANTED-old", "both are valid"},
		{"the new one again", "PLANTED-new\nPLANTED-old", "PLANTED-new", exitDone, "PLANTED-new\nPLANTED-old", "has begun already"},
		{"another one during a rotation", "PLANTED-new\nPLANTED-old", "PLANTED-newer", exitFailed, "PLANTED-new\nPLANTED-old", "finish that one first"},
		{"the present one", "PLANTED-old", "PLANTED-old", exitFailed, "PLANTED-old", "unset it"},
		{"two words", "PLANTED-old", "PLANTED new", exitFailed, "PLANTED-old", "COMMERCE_WEBHOOK_SECRET: it holds white space"},
		{"no present secret", "", "PLANTED-new", exitFailed, "", "hub configure makes one"},
		{"too many present secrets", "PLANTED-1\nPLANTED-2\nPLANTED-3", "", exitFailed, "PLANTED-1\nPLANTED-2\nPLANTED-3", "holds 3 secrets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			hubtest.WriteFile(t, filepath.Join(dir, "commerce/webhook-secret"), c.there)
			t.Setenv("COMMERCE_WEBHOOK_SECRET", c.given)
			got := command(t, "", "rotate", "--dir", dir)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("exits %d and says\n%s%s\nwant %d and %q", got.code, got.stdout, got.stderr, c.code, c.says)
			}
			if after := parametersIn(t, dir)["commerce/webhook-secret"]; after != c.after {
				t.Errorf("the secrets are %q, want %q", after, c.after)
			}
			noSecret(t, got)
		})
	}
}

func TestAtATerminalRotateFinishAsks(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		code         int
		after        string
	}{
		{"yes finishes it", "yes\n", exitDone, "PLANTED-new"},
		{"Enter does not", "\n", exitFailed, "PLANTED-new\nPLANTED-old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			hubtest.WriteFile(t, filepath.Join(dir, "commerce/webhook-secret"), "PLANTED-new\nPLANTED-old")
			keyboard := openKeyboard(t, nil, "rotate", "--finish", "--dir", dir)
			keyboard.answer("[y/N] ", c.answer)
			if code := keyboard.wait(); code != c.code {
				t.Errorf("it exits %d, want %d:\n%s", code, c.code, keyboard.screen())
			}
			if after := parametersIn(t, dir)["commerce/webhook-secret"]; after != c.after {
				t.Errorf("the secrets are %q, want %q", after, c.after)
			}
		})
	}
}

// writtenAt is a backend with the time at which the webhook secret was written.
type writtenAt struct {
	store.Backend
	time time.Time
}

func (w writtenAt) List(context.Context) ([]settings.Stored, error) {
	return []settings.Stored{{Name: "a"}, {Name: settings.WebhookSecret, Modified: w.time}}, nil
}

// Commerce must not get a secret that is not yet in effect in every function.
func TestRotateWaitsUntilTheSecretIsInEffect(t *testing.T) {
	for _, c := range []struct {
		name       string
		here       bool // by this run
		ago, waits time.Duration
	}{
		{"just written", false, 0, 75 * time.Second},
		{"written a while ago", false, 30 * time.Second, 45 * time.Second},
		{"written long ago", false, time.Hour, 0},
		{"written in the future, because this machine's clock is behind", false, -time.Hour, 75 * time.Second},
		{"written by this run, and long ago by AWS's clock", true, time.Hour, 75 * time.Second},
		{"written by this run, and in the future by AWS's clock", true, -time.Hour, 75 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := store.Store{Backend: writtenAt{time: time.Now().Add(-c.ago)}, Takes: 75 * time.Second}
				began := time.Now()
				var shown hubtest.Log
				var written time.Time
				if c.here {
					written = began
				}
				if err := awaitKnown(t.Context(), s, &shown, written); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(began); waited != c.waits {
					t.Errorf("it waits %v, want %v", waited, c.waits)
				}
				if c.waits > 0 && !strings.Contains(shown.String(), " of 75\n") {
					t.Errorf("it shows %q", &shown)
				}
			})
		})
	}
}

func TestRotateThatIsStoppedSaysHowToContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.Store{Backend: writtenAt{time: time.Now()}, Location: store.Location{Prefix: "/shop"}, Takes: 75 * time.Second}
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer stop()
		err := awaitKnown(ctx, s, new(hubtest.Log), time.Time{})
		if err == nil || !strings.Contains(err.Error(), "continue in 65 seconds, with hub rotate --prefix /shop") {
			t.Errorf("it says %v", err)
		}
	})
}
