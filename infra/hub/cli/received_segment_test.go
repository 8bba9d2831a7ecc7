package cli

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/received/receivedtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/publicapitest"
)

// sentAndReceived returns the directory of a store whose hub does not run, with what it sent.
func sentAndReceived(t *testing.T, set func(*receivedtest.World)) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Location{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	w := receivedtest.New(t, s)
	set(w)
	log, err := disk.Open(filepath.Join(dir, store.ExecutionsFolder), disk.Limits{Age: 30 * 24 * time.Hour, Bytes: 1 << 30}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	log.Add(w.Lines)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReceivedExplainsEachDifference(t *testing.T) {
	for _, test := range receivedtest.Cases {
		t.Run(test.Name, func(t *testing.T) {
			got := command(t, "", "received", "--addr", "127.0.0.1:1", "--dir", sentAndReceived(t, test.Make))
			if got.code != exitDone || !strings.Contains(got.stdout, test.Says) || test.Severity != "" && !strings.Contains(got.stdout, "\n"+test.Severity+" ") {
				t.Errorf("it exits with %d and says\n%s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
}

func TestReceivedListsEventsAndHours(t *testing.T) {
	var hour time.Time
	dir := sentAndReceived(t, func(w *receivedtest.World) {
		hour = w.At(3).Truncate(time.Hour)
		w.Send(3, receivedtest.Order, 3)
		w.Receive(3, receivedtest.Order, 2)
		w.Receive(2, receivedtest.Order, 1)
		w.Send(5, "", 1)
		w.Receive(5, "", 1)
	})
	hub := func(args ...string) result {
		return command(t, "", append([]string{"received", "--addr", "127.0.0.1:1", "--dir", dir}, args...)...)
	}
	clock := func(t time.Time) string { return t.Local().Format(minuteFormat) }
	for _, test := range []struct {
		args []string
		says []string
	}{
		{nil, []string{"Segment received 4 of 4 sent messages in the last 24 hours.\n", "source Orders:\n", "EVENT SENT REPEATED RECEIVED LATE FAILED BLOCKED\n", "Order Completed 3 0 3 0 0 0\n", "identify 1 0 1 0 0 0\n"}},
		{[]string{"--hours", "--since", "6h"}, []string{clock(hour) + " Order Completed 3 0 2\n", clock(hour.Add(time.Hour)) + " Order Completed 0 0 1\n"}},
		{[]string{"--csv"}, []string{"hour,type,event,sent,repeated,received,without_consent\n", hour.UTC().Format(time.RFC3339) + ",track,Order Completed,3,0,2,3\n"}},
	} {
		got := hub(test.args...)
		for _, part := range test.says {
			if got.code != exitDone || !strings.Contains(unpadded(got.stdout), part) {
				t.Errorf("with %q it does not say %q:\n%s%s", test.args, part, got.stdout, got.stderr)
			}
		}
	}
	var r received.Report
	if got := hub("--json"); json.Unmarshal([]byte(got.stdout), &r) != nil || r.Sent != 4 || len(r.Rows) != 3 || len(r.Findings) != 0 {
		t.Errorf("its JSON is\n%s%s", got.stdout, got.stderr)
	}
	for _, since := range []string{"30m", "14d", "soon"} {
		if got := hub("--since", since); got.code == exitDone || !strings.Contains(got.stderr, "--since") {
			t.Errorf("with --since %s it exits with %d: %s", since, got.code, got.stderr)
		}
	}
}

// A command that asks once a day must not be told what was so yesterday.
func TestARunningHubAsksSegmentWhatItReceivedWithoutAnyoneWhoAsks(t *testing.T) {
	var segment *publicapitest.Server
	dir := sentAndReceived(t, func(w *receivedtest.World) {
		segment = w.Segment
		w.Send(3, receivedtest.Order, 4)
	})
	startIn(t, dir)
	hubtest.Eventually(t, "the hub asks Segment", func() bool { return len(segment.Requests("/events/volume")) > 0 })
}
