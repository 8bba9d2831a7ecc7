package cli

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/tracking"
)

// Bodies of 2.2 MB with 498,000 tiny values take twenty times as much as values. All trackings
// have some at the same time.
func TestAtScaleLargeBodiesTakeTurns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skipf("the memory is read from /proc, which %s does not have", runtime.GOOS)
	}
	const most = 1 << 30
	many := 35 * *scale
	hub, h := program(t, nil, "--addr", "127.0.0.1:0", "--backoff", "1s")
	values := strings.TrimSuffix(strings.Repeat(`{"a":{}},`, 248_900), ",")
	began, peak := time.Now(), 0
	for i := range many {
		tracked := tracking.All()[i%len(tracking.All())]
		h.Webhook(tracked.Name, fmt.Sprintf(`{"triggered_by":%q,"payload":{"data":{"id":"a-%d","type":"order","x":[%s]}}}`, tracked.Observes[0], i, values))
		peak = max(peak, ownMemory(t, hub.Process.Pid))
	}
	for settledIn(h) < many && time.Since(began) < 20*time.Minute {
		time.Sleep(50 * time.Millisecond)
		peak = max(peak, ownMemory(t, hub.Process.Pid))
	}
	t.Logf("%d of %d bodies in %v, with %d MB at the most", settledIn(h), many, time.Since(began).Round(time.Second), peak>>20)
	if peak > most || settledIn(h) < many {
		t.Errorf("want all of them, with %d MB at the most", most>>20)
	}
}

// ownMemory is how much memory a process uses, in bytes, without the files that it has mapped:
// the queue's, which the kernel can drop at any time.
func ownMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "RssAnon:")
	kilobytes, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// settledIn is how many events have been delivered, skipped or failed.
func settledIn(h *hubtest.Hub) (settled int) {
	for line := range strings.Lines(h.Stderr.String()) {
		if strings.Contains(line, " msg=deliver ") && !strings.Contains(line, " outcome=retrying ") {
			settled++
		}
	}
	return settled
}
