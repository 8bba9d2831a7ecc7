package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/serve"
)

// killSecret is the webhook secret of the hubs that are killed.
const killSecret = "a webhook secret for the test that kills"

// killed is a hub that is killed and started again in the same directory.
type killed struct {
	*testing.T
	dir     string
	segment *httptest.Server

	mu       sync.Mutex
	accepted map[string]bool // orders whose webhook was answered with 202
	received map[string]int  // how often Segment accepted an order's message
	posted   int
}

func newKilled(t *testing.T) *killed {
	k := &killed{T: t, dir: filepath.Join(t.TempDir(), ".hub"), accepted: map[string]bool{}, received: map[string]int{}}
	k.segment = httptest.NewServer(http.HandlerFunc(k.receive))
	t.Cleanup(k.segment.Close)
	for name, value := range map[string]string{
		"commerce/webhook-secret": killSecret, "segment/host": k.segment.URL, "segment/write-key": "the-write-key-of-a-source",
		"templates/order-completed": hubtest.Simple,
	} {
		hubtest.WriteFile(t, filepath.Join(k.dir, filepath.FromSlash(name)), value)
	}
	return k
}

// receive is Segment, which answers a fifth of the requests with 500.
func (k *killed) receive(w http.ResponseWriter, r *http.Request) {
	if rand.N(5) == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var body struct {
		Batch []struct{ UserID string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest) // the hub was killed while it sent
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, message := range body.Batch {
		k.received[message.UserID]++
	}
}

// start runs a hub in the directory.
func (k *killed) start() (hub *exec.Cmd, url string) {
	k.Helper()
	binary, err := built()
	if err != nil {
		k.Fatal(err)
	}
	stdout, stderr := new(hubtest.Log), new(hubtest.Log)
	hub = exec.Command(binary, "run", "--dir", k.dir, "--addr", "127.0.0.1:0", "--backoff", "20ms")
	hub.Stdout, hub.Stderr = stdout, stderr
	if err := hub.Start(); err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { hub.Process.Kill(); hub.Wait() })
	return hub, hubtest.AwaitURL(k.T, stdout, stderr)
}

// post posts webhooks of new orders until the hub answers no more.
func (k *killed) post(url string) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	for {
		k.mu.Lock()
		k.posted++
		order := fmt.Sprint("order-", k.posted)
		k.mu.Unlock()
		request, err := http.NewRequest("POST", url+"/webhooks/order-completed", strings.NewReader(hubtest.Order("order.paid", order)))
		if err != nil {
			k.Error(err)
			return
		}
		request.Header.Set(serve.KeyHeader, killSecret)
		response, err := client.Do(request)
		if err != nil {
			return
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusAccepted {
			k.mu.Lock()
			k.accepted[order] = true
			k.mu.Unlock()
		}
	}
}

// missing counts the accepted orders of which Segment has no message.
func (k *killed) missing() (missing int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for order := range k.accepted {
		if k.received[order] == 0 {
			missing++
		}
	}
	return missing
}

// What was answered with 202 is delivered, however often and whenever the hub is killed.
// Segment may receive again what was being delivered at that moment, with the same messageId.
func TestAtScaleAKilledHubLosesNothing(t *testing.T) {
	kills := 10 * *scale
	k := newKilled(t)
	for range kills {
		hub, url := k.start()
		var posting sync.WaitGroup
		for range 4 {
			posting.Go(func() { k.post(url) })
		}
		time.Sleep(rand.N(400 * time.Millisecond))
		hub.Process.Kill()
		hub.Wait()
		posting.Wait()
	}
	_, _ = k.start()
	hubtest.Eventually(t, "Segment has every accepted order", func() bool { return k.missing() == 0 })
	again := 0
	for _, times := range k.received {
		again += times - 1
	}
	t.Logf("%d kills: %d webhooks accepted, none lost, %d messages sent again", kills, len(k.accepted), again)
	if len(k.accepted) < kills {
		t.Errorf("only %d webhooks were accepted: the hub was killed before it worked", len(k.accepted))
	}
}
