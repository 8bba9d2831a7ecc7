package cli

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"commerce-segment/infra/emulator"
	"commerce-segment/infra/emulator/standin"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
)

// succeeds runs a command, which must end with the code 0.
func succeeds(t *testing.T, args ...string) result {
	t.Helper()
	got := command(t, "", args...)
	if got.code != exitDone {
		t.Fatalf("hub %s exits %d:\n%s%s", strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	return got
}

// TestABackupOfABusyHubIsRestored exports a hub that accepts, delivers, retries and fails events,
// loses its directory, and restores the file. Each event that was accepted before the export
// must then be delivered.
func TestABackupOfABusyHubIsRestored(t *testing.T) {
	k := newKilled(t)
	var down, rejects atomic.Bool
	segment := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		switch {
		case down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case rejects.Load() && strings.Contains(string(content), "0\""): // every tenth order
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		default:
			r.Body = io.NopCloser(strings.NewReader(string(content)))
			k.receive(w, r)
		}
	}))
	defer segment.Close()
	hubtest.WriteFile(t, filepath.Join(k.dir, "segment/host"), segment.URL)
	rejects.Store(true)
	hub, url := k.start()
	var posting sync.WaitGroup
	for range 4 {
		posting.Go(func() { k.post(url) })
	}
	accepted := func(many int) func() bool {
		return func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.accepted) >= many }
	}
	hubtest.Eventually(t, "webhooks are accepted", accepted(200))
	down.Store(true)
	hubtest.Eventually(t, "more are accepted during an outage", accepted(600))
	k.mu.Lock()
	before := maps.Clone(k.accepted)
	k.mu.Unlock()
	file := filepath.Join(t.TempDir(), "backup.jsonl.gz")
	down.Store(false) // deliveries go on during the export
	got := succeeds(t, "export", file, "--secrets", "--dir", k.dir, "--addr", strings.TrimPrefix(url, "http://"))
	hub.Process.Kill()
	hub.Wait()
	posting.Wait()
	if strings.Contains(got.stdout, " 0 waiting") || strings.Contains(got.stdout, " 0 dead") {
		t.Errorf("the backup has no events: %s", got.stdout)
	}
	if err := os.RemoveAll(k.dir); err != nil {
		t.Fatal(err)
	}

	k.accepted = before
	if k.missing() == 0 {
		t.Error("nothing is missing without the backup: the test shows nothing")
	}
	succeeds(t, "import", file, "--yes", "--dir", k.dir)
	rejects.Store(false)
	_, url = k.start()
	succeeds(t, "deadletters", "redrive", "--dir", k.dir, "--addr", strings.TrimPrefix(url, "http://"))
	hubtest.Eventually(t, "every accepted event is delivered", func() bool { return k.missing() == 0 })
}

// standInShop deploys a store without functions to a stand-in for AWS, and sets the environment
// so that the hub uses it.
func standInShop(t *testing.T) *standin.AWS {
	t.Helper()
	account := standin.Start(t)
	for _, variable := range emulator.Environment(account.URL) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	client := sqs.New(sqs.Options{Region: emulator.Region, BaseEndpoint: &account.URL, Credentials: aws.AnonymousCredentials{}})
	deployed := map[string]string{outputs.Prefix: shop, outputs.Tags: `{"team":"shop"}`, outputs.AlarmTopic: "arn:aws:sns:us-east-1:123456789012:commerce-segment-alarms"}
	for _, each := range tracking.All() {
		deployed[outputs.Webhook(each)] = "https://shop.example/webhooks/" + each.Name
		queue := outputs.StackName(shop) + "-" + each.Name
		for output, name := range map[string]string{outputs.Queue(each): queue, outputs.Waiting(each): queue + "-waiting", outputs.DeadLetters(each): queue + "-dead-letters"} {
			made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
			if err != nil {
				t.Fatal(err)
			}
			deployed[output] = *made.QueueUrl
		}
	}
	account.Deploy(outputs.StackName(shop), deployed)
	return account
}

// TestAStoreMovesToAWSAndBack follows the steps in operate.md. The working directory is a new
// one, because the hub notes there what was imported into AWS.
func TestAStoreMovesToAWSAndBack(t *testing.T) {
	standInShop(t)
	t.Chdir(t.TempDir())
	hub := start(t, "--inbox-fail", "1", "--backoff", "1h")
	hub.Set("templates/order-refunded", `{"event": ""}`)
	hub.Set("tracking/order-updated/enabled", "false")
	hub.Set("segment/write-key", "PLANTED-key")
	hub.Webhook("order-completed", hubtest.Order("order.paid", "4fd2a9c4-5b1e-4c65-9d1f-0a0f8f3b3a01"))
	hub.Webhook("order-refunded", hubtest.Order("order.refunded", "4fd2a9c4-5b1e-4c65-9d1f-0a0f8f3b3a02"))
	hubtest.Eventually(t, "one is a dead letter", func() bool {
		return strings.Contains(command(t, "", "deadletters", "list", hub.AddrFlag(), "--dir", hub.Dir).stdout, "message_invalid")
	})
	list := func(args ...string) (letters []deadletters.Summary) {
		got := succeeds(t, append([]string{"deadletters", "list", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(got.stdout), &letters); err != nil || len(letters) != 1 {
			t.Fatalf("the dead letters are %s", got.stdout)
		}
		return letters
	}
	dead := list(hub.AddrFlag(), "--dir", hub.Dir)[0]

	// The settings first, while the hub runs, then the events, when it has stopped.
	succeeds(t, "export", "settings.jsonl.gz", "--secrets", "--no-events", hub.AddrFlag(), "--dir", hub.Dir)
	got := succeeds(t, "import", "settings.jsonl.gz", "--yes", "--prefix", shop)
	noSecret(t, got)
	for _, says := range []string{"tracking/order-updated/enabled: false", "wrote commerce/webhook-secret\n", "wrote segment/write-key\n", "wrote templates/order-refunded\n"} {
		if !strings.Contains(got.stdout, says) {
			t.Errorf("import does not say %q:\n%s", says, got.stdout)
		}
	}
	if running := command(t, "", "export", "events.jsonl.gz", "--take", hub.AddrFlag(), "--dir", hub.Dir); running.code != exitFailed || !strings.Contains(running.stderr, "stop it first") {
		t.Errorf("the events of a running hub are taken: %s%s", running.stdout, running.stderr)
	}
	hub.Stop()
	succeeds(t, "export", "events.jsonl.gz", "--take", "--dir", hub.Dir)
	if left := succeeds(t, "export", "left.jsonl.gz", "--dir", hub.Dir); !strings.Contains(left.stdout, "0 waiting events, 0 dead letters") {
		t.Errorf("events were left: %s", left.stdout)
	}
	if dry := succeeds(t, "import", "events.jsonl.gz", "--dry-run", "--prefix", shop); !strings.Contains(dry.stdout, "1 waiting event and 1 dead letter") || !strings.Contains(dry.stdout, "Nothing was done") {
		t.Errorf("--dry-run says\n%s", dry.stdout)
	}
	succeeds(t, "import", "events.jsonl.gz", "--yes", "--prefix", shop)
	if again := succeeds(t, "import", "events.jsonl.gz", "--yes", "--prefix", shop); !strings.Contains(again.stdout, "Nothing to import.") {
		t.Errorf("the second time it says\n%s", again.stdout)
	}
	if n := queuesOf(t, tracking.OrderCompleted).queued(); n != 1 {
		t.Errorf("%d events are on the queue of AWS, want 1", n)
	}
	moved := list("--prefix", shop)[0]
	moved.ID, moved.FailedAt = dead.ID, dead.FailedAt // AWS has its own
	if moved != dead {
		t.Errorf("the dead letter is\n%+v, want\n%+v", moved, dead)
	}

	// And back: all but the waiting events.
	back := succeeds(t, "export", "back.jsonl.gz", "--prefix", shop)
	if !strings.Contains(back.stdout, "0 waiting events, 1 dead letter\n") || !strings.Contains(back.stdout, "Not in it: about 1 event on the queues.") {
		t.Errorf("export from AWS says\n%s", back.stdout)
	}
	succeeds(t, "import", "back.jsonl.gz", "--yes", "--dir", "restored")
	restored := startIn(t, filepath.Join(".", "restored"))
	letter := list(restored.AddrFlag(), "--dir", "restored")[0]
	letter.ID, letter.FailedAt = dead.ID, dead.FailedAt
	if letter != dead {
		t.Errorf("restored, the dead letter is\n%+v, want\n%+v", letter, dead)
	}
	if now, err := store.Open(t.Context(), store.Location{Dir: "restored"}); err != nil {
		t.Error(err)
	} else if v, _ := now.Parameters(t.Context(), []string{"tracking/order-updated/enabled", "segment/write-key"}); v["tracking/order-updated/enabled"] != "false" || v["segment/write-key"] == "PLANTED-key" {
		t.Errorf("the restored settings are %q", v)
	}
}
