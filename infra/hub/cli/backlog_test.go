package cli

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

const (
	// mostBacklogHeap is the largest memory of a hub with any number of waiting events, in
	// bytes, without the files that are mapped: the kernel can drop those at any time.
	mostBacklogHeap = 160 << 20
	// mostPosted is the largest number of webhooks that are posted while the events wait.
	mostPosted = 4000
)

// backlog is a hub's directory with events that wait, and a Segment that answers only when it
// is open.
type backlog struct {
	*testing.T
	dir      string
	open     atomic.Bool
	received atomic.Int64
	segment  *httptest.Server
}

// newBacklog fills a directory with waiting events and dead letters.
func newBacklog(t *testing.T, waiting, dead, size int) *backlog {
	t.Helper()
	b := &backlog{T: t, dir: filepath.Join(t.TempDir(), ".hub")}
	b.segment = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for !b.open.Load() && r.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		b.received.Add(1)
	}))
	t.Cleanup(b.segment.Close)
	for name, value := range map[string]string{
		"commerce/webhook-secret": killSecret, "segment/host": b.segment.URL, "segment/write-key": "the-write-key-of-a-source",
		"templates/order-completed": hubtest.Simple,
	} {
		hubtest.WriteFile(t, filepath.Join(b.dir, filepath.FromSlash(name)), value)
	}
	began := time.Now()
	s, err := queue.Open(filepath.Join(b.dir, store.QueueFolder), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	q := s.Queue(tracking.OrderCompleted.Name)
	fill := func(many int, add func(relay.Envelope) error) {
		var next atomic.Int64
		var filling sync.WaitGroup
		for range 256 {
			filling.Go(func() {
				for n := next.Add(1); n <= int64(many) && !t.Failed(); n = next.Add(1) {
					if err := add(relay.Envelope{Received: time.Now(), Body: orderOf(fmt.Sprint("waiting-", n), size)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		filling.Wait()
	}
	fill(waiting, func(e relay.Envelope) error { return q.Put(context.Background(), e) })
	fill(dead, func(e relay.Envelope) error {
		return q.Fail(context.Background(), e, relay.Failure{Tracking: tracking.OrderCompleted.Name, Reason: "message_invalid", Detail: "no user"})
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.fail(waiting)
	t.Logf("%d waiting and %d dead letters of %d bytes: filled in %v, %d bytes on the disk for each",
		waiting, dead, size, time.Since(began).Round(time.Millisecond), b.onDisk()/int64(max(waiting+dead, 1)))
	return b
}

// fail writes the executions of many events whose attempt failed in the last minutes.
func (b *backlog) fail(many int) {
	b.Helper()
	const linesAtOnce = 10_000 // fewer than the buffer of the disk holds
	now := time.Now()
	for from := 0; from < many; from += linesAtOnce {
		executions, err := disk.Open(filepath.Join(b.dir, store.ExecutionsFolder), disk.Limits{Age: 30 * 24 * time.Hour, Bytes: 1 << 40}, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		log := slog.New(executions.Handler()).With("tracking", tracking.OrderCompleted.Name)
		for n := from; n < min(from+linesAtOnce, many); n++ {
			received := now.Add(-10*time.Minute + time.Duration(n)*time.Microsecond)
			log.Info("deliver", "received", received, "event", "order.paid", "resource", fmt.Sprint("waiting-", n), "receives", 3,
				"outcome", "retrying", "reason", "segment_503", "retry_in", "5m0s")
		}
		if err := executions.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// orderOf returns a webhook of an order with about size bytes.
func orderOf(id string, size int) []byte {
	order := hubtest.Order("order.paid", id)
	return []byte(strings.Replace(order, `"items":[]`, `"items":[],"text":"`+strings.Repeat("An order. ", max(size-len(order), 0)/10)+`"`, 1))
}

// onDisk returns the size of the queue's files.
func (b *backlog) onDisk() (size int64) {
	filepath.WalkDir(filepath.Join(b.dir, store.QueueFolder), func(_ string, entry fs.DirEntry, _ error) error {
		if info, err := entry.Info(); err == nil && !entry.IsDir() {
			size += info.Size()
		}
		return nil
	})
	return size
}

// start runs a hub in the directory, and returns when it accepts webhooks.
func (b *backlog) start() (*exec.Cmd, *hubtest.Hub) {
	b.Helper()
	binary, err := built()
	if err != nil {
		b.Fatal(err)
	}
	h := &hubtest.Hub{T: b.T, Dir: b.dir, Stdout: new(hubtest.Log), Stderr: new(hubtest.Log)}
	hub := exec.Command(binary, "run", "--dir", b.dir, "--addr", "127.0.0.1:0")
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	hub.Stdout, hub.Stderr = h.Stdout, log
	began := time.Now()
	if err := hub.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { hub.Process.Kill(); hub.Wait() })
	h.URL = hubtest.AwaitURL(b.T, h.Stdout, h.Stderr)
	b.Logf("started within %v, %s", time.Since(began).Round(time.Millisecond), memoryOf(b.T, hub))
	return hub, h
}

// memoryOf describes a process's memory, for the log.
func memoryOf(t *testing.T, hub *exec.Cmd) string {
	t.Helper()
	if own := ownMemory(t, hub.Process.Pid); own > mostBacklogHeap {
		t.Errorf("the hub uses %d MB, want %d at most", own>>20, mostBacklogHeap>>20)
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", hub.Process.Pid))
	var values []string
	for _, name := range []string{"VmHWM", "RssAnon", "RssFile"} {
		_, after, _ := strings.Cut(string(status), name+":")
		kilobytes := 0
		fmt.Sscan(after, &kilobytes)
		values = append(values, fmt.Sprintf("%s %d MB", name, kilobytes>>10))
	}
	return strings.Join(values, ", ")
}

// post posts webhooks over the connections, and logs their latency.
func (b *backlog) post(h *hubtest.Hub, size int) {
	b.Helper()
	client := &http.Client{Timeout: hubtest.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var waits []time.Duration
	var next atomic.Int64
	var posting sync.WaitGroup
	began := time.Now()
	for range connections {
		posting.Go(func() {
			for n := next.Add(1); n <= int64(min(200**scale, mostPosted)); n = next.Add(1) {
				request, _ := http.NewRequest("POST", h.URL+"/webhooks/order-completed", strings.NewReader(string(orderOf(fmt.Sprint("posted-", n), size))))
				request.Header.Set(serve.KeyHeader, killSecret)
				posted := time.Now()
				response, err := client.Do(request)
				if err != nil {
					b.Error(err)
					return
				}
				response.Body.Close()
				if response.StatusCode != http.StatusAccepted {
					b.Errorf("a webhook was answered %s", response.Status)
				}
				mu.Lock()
				waits = append(waits, time.Since(posted))
				mu.Unlock()
			}
		})
	}
	posting.Wait()
	slices.Sort(waits)
	b.Logf("%.0f accepted a second, p50 %v, p99 %v", float64(len(waits))/time.Since(began).Seconds(),
		waits[len(waits)/2].Round(10*time.Microsecond), waits[len(waits)*99/100].Round(10*time.Microsecond))
}

// page logs how long a page takes.
func (b *backlog) page(h *hubtest.Hub, path string) {
	b.Helper()
	began := time.Now()
	status, body := h.Request("GET", path, "")
	if status != http.StatusOK {
		b.Errorf("%s was answered %d", path, status)
	}
	b.Logf("%s: %v, %d KB", path, time.Since(began).Round(time.Millisecond), len(body)>>10)
}

// status logs how long hub status takes, which fails if the hub needs more than ten seconds.
func (b *backlog) status(h *hubtest.Hub, waiting int) {
	b.Helper()
	began := time.Now()
	got := command(b.T, "", "status", "--dir", b.dir, h.AddrFlag())
	if waiting > 0 && !strings.Contains(got.stdout, fmt.Sprintf("(HTTP 503). %d events are retried", waiting)) {
		b.Errorf("hub status exits %d: %s%s", got.code, got.stdout, got.stderr)
	}
	b.Logf("hub status: %v", time.Since(began).Round(time.Millisecond))
}

// However many events wait, the hub starts, accepts webhooks and shows its pages as it does
// without them, and its memory does not grow.
func TestAtScaleABacklogSlowsNothingDown(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skipf("the memory is read from /proc, which %s does not have", runtime.GOOS)
	}
	most := 10_000 * *scale
	for _, size := range []int{400, 7000} {
		for _, waiting := range []int{0, most / 10, most} {
			t.Run(fmt.Sprintf("%d events of %d bytes", waiting, size), func(t *testing.T) {
				b := newBacklog(t, waiting, 0, size)
				hub, h := b.start()
				b.post(h, size)
				for _, path := range []string{"/", "/deadletters", "/"} {
					b.page(h, path)
				}
				b.status(h, waiting)
				t.Logf("before it delivers: %s", memoryOf(t, hub))
				b.open.Store(true)
				b.post(h, size)
				t.Logf("while it delivers: %s", memoryOf(t, hub))
			})
		}
	}
}
