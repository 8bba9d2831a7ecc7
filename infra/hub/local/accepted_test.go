package local

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/shared/tracking"
)

// openedAccepted opens the accepted webhooks in a folder, as a start of the hub does.
func openedAccepted(t *testing.T, folder string) *accepted {
	t.Helper()
	a, err := openAccepted(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// webhookOf returns a webhook about an order.
func webhookOf(order string) string {
	return fmt.Sprintf(`{"id":"w-1","triggered_by":"order.paid","attempt":1,"configuration":{"secret_key":"PLANTED"},"payload":{"data":{"type":"order","id":%q,`+
		`"meta":{"timestamps":{"created_at":"2026-11-24T10:00:00Z","updated_at":"2026-11-24T10:50:00Z"}}}}}`, order)
}

func TestTheLatestWebhooksAreThereAfterARestart(t *testing.T) {
	folder := t.TempDir()
	a := openedAccepted(t, folder)
	for n := range maxAccepted + 10 {
		a.keep(tracking.OrderCompleted, webhookOf(fmt.Sprintf("o-%d", n)))
	}
	before := a.newestFirst()
	a.write()
	a.disk.Close()
	if content, err := os.ReadFile(filepath.Join(folder, "webhooks.db")); err != nil || bytes.Contains(content, []byte("PLANTED")) {
		t.Errorf("the secret is on the disk, %v", err)
	}
	a = openedAccepted(t, folder)
	defer a.disk.Close()
	after := a.newestFirst()
	if len(after) != maxAccepted || after[0].Resource != fmt.Sprintf("o-%d", maxAccepted+9) {
		t.Fatalf("%d webhooks are left, the newest is %s", len(after), after[0].Resource)
	}
	for i := range after {
		if a, b := after[i], before[i]; !a.At.Equal(b.At) || a.Tracking.Name != b.Tracking.Name || string(a.Body) != string(b.Body) {
			t.Errorf("webhook %d was %v and is %v", i, b, a)
		}
	}
}

func TestALargeWebhookRemovesOlderOnesFromTheList(t *testing.T) {
	folder := t.TempDir()
	a := openedAccepted(t, folder)
	for _, order := range []string{"o-1", "o-2" + strings.Repeat("x", maxAcceptedBytes-1000), "o-3" + strings.Repeat("x", 1000)} {
		a.keep(tracking.OrderCompleted, webhookOf(order))
		a.write()
	}
	a.disk.Close()
	a = openedAccepted(t, folder)
	defer a.disk.Close()
	if got := a.newestFirst(); len(got) != 1 || !strings.HasPrefix(got[0].Resource, "o-3") {
		t.Errorf("%d webhooks are left", len(got))
	}
}

// While the disk is full the pages still show the latest webhooks, and they are written later.
func TestWebhooksThatCouldNotBeWrittenAreWrittenLater(t *testing.T) {
	folder := t.TempDir()
	a := openedAccepted(t, folder)
	a.disk.Close()
	a.keep(tracking.OrderCompleted, webhookOf("o-1"))
	a.write()
	if len(a.newestFirst()) != 1 {
		t.Error("the webhook is not in the list")
	}
	a.disk = openedAccepted(t, folder).disk
	a.write()
	a.disk.Close()
	a = openedAccepted(t, folder)
	defer a.disk.Close()
	if got := len(a.newestFirst()); got != 1 {
		t.Errorf("%d webhooks were written", got)
	}
}
