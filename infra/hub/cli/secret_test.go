package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/settings"
)

// An attacker who changes the address of Commerce, or makes an operator change it, must not
// receive the client secret.
func TestTheClientSecretIsSentToNoOtherHost(t *testing.T) {
	theirs := commercetest.Start(t)
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir string)
	}{
		{"with a flag", func(t *testing.T, dir string) {
			wantFailure(t, "it was entered for ", "configure", "--dir", dir, "--commerce-url", theirs.URL)
		}},
		{"with a flag, untested", func(t *testing.T, dir string) {
			wantFailure(t, "it was entered for ", "configure", "--dir", dir, "--commerce-url", theirs.URL, "--untested")
		}},
		{"with a flag and another client id", func(t *testing.T, dir string) {
			wantFailure(t, "it was entered for ", "configure", "--dir", dir, "--commerce-url", theirs.URL, "--commerce-client-id", "theirs")
		}},
		{"with a variable", func(t *testing.T, dir string) {
			t.Setenv("COMMERCE_URL", theirs.URL)
			wantFailure(t, "it was entered for ", "configure", "--dir", dir)
		}},
		{"at the keyboard", func(t *testing.T, dir string) {
			keyboard := openKeyboard(t, nil, "configure", "--dir", dir, "--commerce-url", theirs.URL)
			keyboard.answerUnseen("write key of the source", "\n")
			for _, asked := range []string{"Segment: host", "Segment: path", "token of the Public API", "client id"} {
				keyboard.answer(asked, "\n")
			}
			keyboard.answerUnseen("client secret [not set]", "\n") // the present one is for another host
			for _, asked := range []string{"Checkout Started to Segment: yes", "Checkout Started: Commerce events", "Order Completed to Segment: yes", "Order Completed: Commerce events",
				"Order Updated to Segment: yes", "Order Refunded to Segment: yes", "Order Refunded: Commerce events", "Order Cancelled", "Customer Created", "Customer Updated to Segment: yes", "Customer Updated: Commerce events"} {
				keyboard.answer(asked, "\n")
			}
			if code := keyboard.wait(); code != exitFailed || !strings.Contains(keyboard.screen(), "it was entered for ") {
				t.Errorf("it exits %d:\n%s", code, keyboard.screen())
			}
		}},
		{"in the file", func(t *testing.T, dir string) {
			hubtest.WriteFile(t, filepath.Join(dir, settings.CommerceTokenURL), theirs.URL)
		}},
		{"in the file, and with another setting written afterwards", func(t *testing.T, dir string) {
			hubtest.WriteFile(t, filepath.Join(dir, settings.CommerceTokenURL), theirs.URL)
			wantFailure(t, "it was entered for ", "configure", "--dir", dir, "--segment-path", "/v1/import")
		}},
		{"by removing the file", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, settings.CommerceTokenURL)); err != nil {
				t.Fatal(err)
			}
		}},
		{"by removing the file, and then with a flag", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, settings.CommerceTokenURL)); err != nil {
				t.Fatal(err)
			}
			wantFailure(t, "it was entered for ", "configure", "--dir", dir, "--commerce-url", theirs.URL)
		}},
		{"with garbage", func(t *testing.T, dir string) {
			wantFailure(t, "is not the URL of a store: use your store's API base URL, such as https://euwest.api.elasticpath.com", "configure", "--dir", dir, "--commerce-url", "garbage")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, dir := commercetest.Start(t), t.TempDir()
			t.Setenv("COMMERCE_CLIENT_SECRET", commercetest.ClientSecret)
			if got := command(t, "", "configure", "--dir", dir, "--commerce-url", ours.URL, "--commerce-client-id", commercetest.ClientID); got.code != exitDone || !strings.Contains(got.stdout, "It may read webhooks") {
				t.Fatalf("the store is not connected: %+v", got)
			}
			t.Setenv("COMMERCE_CLIENT_SECRET", "")
			c.change(t, dir)
			for _, args := range [][]string{
				{"webhooks", "list"}, {"webhooks", "sync", "--yes", "--url", tunnel}, {"webhooks", "remove", "--yes"}, {"doctor", "--addr", "127.0.0.1:1"},
				{"backfill", "orders", "--since", "1d", "--dry-run"}, {"reconcile", "--since", "1d"}, {"preview", "order-refunded", "-"},
			} {
				command(t, hubtest.Order("order.refunded", "o-1"), append(args, "--dir", dir)...)
			}
			if got := theirs.Requests(); len(got) > 0 {
				t.Errorf("the other host got %v", got)
			}
		})
	}
}

// wantFailure fails the test unless a command fails with an error and prints nothing.
func wantFailure(t *testing.T, says string, args ...string) {
	t.Helper()
	if got := command(t, "", args...); got.code != exitFailed || !strings.Contains(got.stderr, says) || got.stdout != "" {
		t.Errorf("hub %s: %+v, want %q", strings.Join(args, " "), got, says)
	}
}

func TestAnotherHostIsAcceptedWithItsSecret(t *testing.T) {
	dir, theirs := connectedDir(t, commercetest.Start(t)), commercetest.Start(t)
	t.Setenv("COMMERCE_CLIENT_SECRET", commercetest.ClientSecret)
	if got := command(t, "", "configure", "--dir", dir, "--commerce-url", theirs.URL); got.code != exitDone || !strings.Contains(got.stdout, "Connected to Commerce at "+theirs.URL) {
		t.Fatalf("got %+v", got)
	}
	if got := command(t, "", "webhooks", "list", "--dir", dir); got.code != exitDone {
		t.Errorf("got %+v", got)
	}
}

func TestConfigureRejectsAccessToCommerceThatDoesNotWork(t *testing.T) {
	dir, store := t.TempDir(), commercetest.Start(t)
	t.Setenv("COMMERCE_CLIENT_SECRET", "PLANTED-wrong")
	args := []string{"configure", "--dir", dir, "--commerce-url", store.URL, "--commerce-client-id", commercetest.ClientID}
	wantFailure(t, "check the client id and the client secret", args...)
	if got := parametersIn(t, dir); len(got) > 0 {
		t.Errorf("it wrote %q", got)
	}
	if got := command(t, "", append(args, "--untested")...); got.code != exitDone || len(parametersIn(t, dir)) != 4 {
		t.Errorf("untested it says %+v", got)
	}
	t.Setenv("COMMERCE_CLIENT_SECRET", "PLANTED-wrong")
	wantFailure(t, "give the Commerce URL of that host too", "configure", "--dir", t.TempDir())
}
