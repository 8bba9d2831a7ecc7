package cli

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/shared/serve"
)

// limitFiles limits the size of the files that a process writes. With 0, each write fails, as
// on a full disk.
func limitFiles(t *testing.T, hub *exec.Cmd, bytes uint64) {
	t.Helper()
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(hub.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAFullDiskLosesNothingAndNeedsNoRestart(t *testing.T) {
	var away atomic.Bool
	segment := hubtest.StartSegment(t)
	segment.Before = func(*http.Request, int) int {
		if away.Load() {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	hub, h := program(t, nil, "--addr", "127.0.0.1:0", "--backoff", "2s")
	h.Set("segment/host", segment.URL)
	h.Set("segment/write-key", "a-write-key")
	h.Set("templates/order-completed", hubtest.Simple)
	post := func(order string) int {
		status, _ := h.Request("POST", "/webhooks/order-completed", hubtest.Order("order.paid", order), serve.KeyHeader, h.Parameter("commerce/webhook-secret"))
		return status
	}
	wants := func(when string, status, want int) {
		t.Helper()
		if status != want {
			t.Errorf("%s, a webhook was answered %d, want %d", when, status, want)
		}
	}

	away.Store(true)
	for n := range 3 {
		wants("before the disk is full", post(fmt.Sprint("before-", n)), http.StatusAccepted)
	}
	hubtest.Eventually(t, "they are retrying", func() bool { return strings.Count(h.Stderr.String(), "outcome=retrying") == 3 }, h.Stderr)
	limitFiles(t, hub, 0)
	for n := range 3 {
		wants("while the disk is full", post(fmt.Sprint("not-accepted-", n)), http.StatusServiceUnavailable)
	}
	away.Store(false)
	wants("while the disk is full and Segment answers", post("delivered-at-once"), http.StatusAccepted)
	limitFiles(t, hub, unix.RLIM_INFINITY)
	wants("after there is room", post("after"), http.StatusAccepted)

	hubtest.Eventually(t, "the accepted events are delivered", func() bool { different, _ := segment.Count(); return different == 5 }, h.Stderr)
	for _, want := range []string{"events cannot be written to the disk", "events are written to the disk again"} {
		if n := strings.Count(h.Stderr.String(), want); n != 1 {
			t.Errorf("the log says %d times that %s, want once:\n%s", n, want, h.Stderr)
		}
	}
}
