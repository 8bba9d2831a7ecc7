package cli

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/received/receivedtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
)

// An operator who looks at the first page, or at hub status, must see that Segment fails.
func TestEveryViewSaysThatSegmentFails(t *testing.T) {
	h := start(t)
	if got := command(t, "", "status", "--dir", h.Dir, h.AddrFlag()); got.code != exitDone || !strings.Contains(got.stdout, "Working.") {
		t.Fatalf("hub status of a new hub exits %d: %s%s", got.code, got.stdout, got.stderr)
	}
	segment := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	t.Cleanup(segment.Close)
	h.Set(settings.SegmentHost, segment.URL)
	h.Set(settings.SegmentWriteKey, strings.Repeat("k", 32))
	h.AwaitSettings()
	sendTo(h, "", local.SampleName)
	const says = "Segment has been failing since"
	hubtest.Eventually(t, "the overview says that Segment fails", func() bool {
		_, page := h.Request("GET", "/", "")
		return strings.Contains(page, says) && strings.Contains(page, "(HTTP 500). 1 event is retried") && strings.Contains(page, "Degraded: 1 problem")
	}, h.Stderr)
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"doctor"}} {
		got := command(t, "", append(args, "--dir", h.Dir, h.AddrFlag())...)
		if got.code != exitDegraded || !strings.Contains(got.stdout, says) {
			t.Errorf("hub %v exits %d, want %d: %s%s", args, got.code, exitDegraded, got.stdout, got.stderr)
		}
	}
}

// The verdict on a deployed store must not be better than that of hub received.
func TestADeployedStoreIsAlsoJudgedByWhatSegmentReceived(t *testing.T) {
	for _, test := range receivedtest.Cases {
		t.Run(test.Name, func(t *testing.T) {
			s, err := store.Open(t.Context(), store.Location{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			w := receivedtest.New(t, s)
			test.Make(w)
			j := judgeWithReceived(t.Context(), s, executions.Memory{List: executions.Of(w.Lines)})
			says := slices.ContainsFunc(j.Problems, func(p health.Problem) bool { return strings.Contains(p.Says, test.Says) })
			if says != (test.Severity != "") {
				t.Errorf("the problems are %+v, want %q", j.Problems, test.Says)
			}
		})
	}
}

func TestADeployedStoreIsNotWorseBecauseSegmentDoesNotAnswer(t *testing.T) {
	s, err := store.Open(t.Context(), store.Location{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w := receivedtest.New(t, s)
	w.Segment.NotPermitted = []string{"/"}
	j := judgeWithReceived(t.Context(), s, executions.Memory{List: executions.Of(w.Lines)})
	if len(j.Problems) != 1 || j.State != health.Working || !strings.Contains(j.Problems[0].Says, "What Segment received cannot be checked: GET /: Segment answered 401") {
		t.Errorf("it is %s, and says %+v", j.State, j.Problems)
	}
}

func TestStatusOfAHubThatDoesNotRun(t *testing.T) {
	got := command(t, "", "status", "--dir", t.TempDir(), "--addr", "127.0.0.1:1")
	if got.code != exitBroken || !strings.Contains(got.stdout, "nothing listens on 127.0.0.1:1") || !strings.Contains(got.stdout, "hub run --dir") {
		t.Errorf("it exits %d: %s", got.code, got.stdout)
	}
	asJSON := command(t, "", "status", "--json", "--dir", t.TempDir(), "--addr", "127.0.0.1:1")
	if said := got.stdout + asJSON.stdout; strings.Contains(said, "Queued or retrying") || strings.Contains(said, "waiting") {
		t.Errorf("it says how many events there are, which it does not know:\n%s", said)
	}
}
