package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// storeWithDeletions returns the directory of a store whose hub does not run, with these lines about
// deletions.
func storeWithDeletions(t *testing.T, server *publicapitest.Server, lines ...executions.Line) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Location{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{settings.SegmentAPIHost: server.URL, settings.SegmentAPIToken: settings.BindSecret(server.URL, publicapitest.Token)} {
		if err := s.Put(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	log, err := disk.Open(filepath.Join(dir, store.ExecutionsFolder), disk.Limits{Age: 30 * 24 * time.Hour, Bytes: 1 << 30}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		lines[i].Received, lines[i].Kind, lines[i].Tracking, lines[i].Resource = lines[i].Time, "deliver", "customer-deleted", fmt.Sprint("customer-", i)
	}
	log.Add(lines)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDeletionsAreListedIfSegmentCannotBeAsked(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(t *testing.T, server *publicapitest.Server, s store.Store)
		says string
	}{
		{"Segment rejects the token", func(t *testing.T, server *publicapitest.Server, s store.Store) {
			if err := s.Put(t.Context(), settings.SegmentAPIToken, settings.BindSecret(server.URL, "revoked")); err != nil {
				t.Fatal(err)
			}
		}, "Segment answered 401"},
		{"there is no token", func(t *testing.T, _ *publicapitest.Server, s store.Store) {
			if err := s.Put(t.Context(), settings.SegmentAPIToken, ""); err != nil {
				t.Fatal(err)
			}
		}, "the store has no token of Segment's Public API"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := publicapitest.Start(t)
			at := time.Now().Add(-time.Hour)
			dir := storeWithDeletions(t, server, executions.Line{Time: at, Outcome: "delivered", Regulations: []string{"reg_1"}}, executions.Line{Time: at.Add(time.Minute), Outcome: "retrying", Reason: "deletion_401"})
			s, err := store.Open(t.Context(), store.Location{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			c.fail(t, server, s)
			got := command(t, "", "deletions", "--addr", "127.0.0.1:1", "--dir", dir)
			said := unpadded(got.stdout)
			for _, says := range []string{" reg_1 customer-0 not read from Segment\n", "1 user whose request was not read from Segment; 1 deletion that Segment has not accepted yet", "\nSet a token of Segment's Public API that may delete users"} {
				if !strings.Contains(said, says) {
					t.Errorf("it does not say %q:\n%s", says, said)
				}
			}
			if got.code != exitFailed || !strings.Contains(got.stderr, c.says) {
				t.Errorf("it exits with %d: %s", got.code, got.stderr)
			}
		})
	}
}

func TestDeletionsAreListedWithWhatNeedsAttention(t *testing.T) {
	const attention = "some deletions need attention: see the list above"
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	for _, c := range []struct {
		name string
		make func(server *publicapitest.Server, id string) []executions.Line
		code int
		says []string
	}{
		{"none", func(*publicapitest.Server, string) []executions.Line { return nil }, exitDone, []string{"to delete 0 users: 0 finished, 0 in progress, 0 need attention.\n"}},
		{"one is finished", func(server *publicapitest.Server, id string) []executions.Line {
			server.SetRegulation(id, publicapi.StatusFinished)
			return []executions.Line{{Time: ago(time.Hour), Outcome: "delivered", Regulations: []string{id}}}
		}, exitDone, []string{"REQUESTED REGULATION USERS STATE\n", " customer-0 finished\n", "1 finished, 0 in progress, 0 need attention.\n"}},
		{"a destination failed for two users", func(server *publicapitest.Server, id string) []executions.Line {
			server.SetRegulation(id, publicapi.StatusPartialSuccess, publicapitest.Object{"name": "Braze\u202e\tx", "status": "FAILED"})
			return []executions.Line{{Time: ago(time.Hour), Outcome: "delivered", Regulations: []string{id}}, {Time: ago(2 * time.Hour), Outcome: "delivered", Regulations: []string{id}}}
		}, exitFailed, []string{" 2 users failed in Braze x\n", "0 finished, 0 in progress, 2 need attention.\n", attention}},
		{"one failed, and the log no longer has it", func(server *publicapitest.Server, id string) []executions.Line {
			server.SetRegulation(id, publicapi.StatusFailed)
			return nil
		}, exitFailed, []string{" not in the log failed (FAILED)\n", "; 1 late or failed request that the log does not have.\n", attention}},
		{"the token is revoked", func(*publicapitest.Server, string) []executions.Line {
			return []executions.Line{{Time: ago(time.Minute), Outcome: "retrying", Reason: "deletion_401"}, {Time: ago(2 * time.Minute), Outcome: "retrying", Reason: "deletion_401"}}
		}, exitFailed, []string{"; 2 deletions that Segment has not accepted yet (2 deletion_401 since ", "\nSet a token of Segment's Public API that may delete users, with hub configure.", attention}},
		{"Segment does not answer just now", func(*publicapitest.Server, string) []executions.Line {
			return []executions.Line{{Time: ago(time.Minute), Outcome: "retrying", Reason: "deletion_503"}}
		}, exitDone, []string{"; 1 deletion that Segment has not accepted yet (1 deletion_503 since "}},
		{"the quota was used up", func(*publicapitest.Server, string) []executions.Line {
			return []executions.Line{{Time: ago(48 * time.Hour), Outcome: "failed", Reason: "deletion_429"}}
		}, exitFailed, []string{"; 1 dead letter to replay (1 deletion_429 since ", "): hub deadletters list.\n", "hub deadletters redrive --reason deletion_429.", attention}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := publicapitest.Start(t)
			id := server.AddRegulation(string(publicapi.DeleteOnly), "customer-0")
			dir := storeWithDeletions(t, server, c.make(server, id)...)
			got := command(t, "", "deletions", "--addr", "127.0.0.1:1", "--dir", dir)
			if got.code != c.code {
				t.Errorf("it exits with %d", got.code)
			}
			said := unpadded(got.stdout + got.stderr)
			for _, says := range c.says {
				if !strings.Contains(said, says) {
					t.Errorf("it does not say %q:\n%s%s", says, got.stdout, got.stderr)
				}
			}
			var report struct{ Requests, Waiting, Failed []map[string]any }
			if got = command(t, "", "deletions", "--json", "--addr", "127.0.0.1:1", "--dir", dir); got.code != c.code || json.Unmarshal([]byte(got.stdout), &report) != nil || report.Waiting == nil || report.Failed == nil {
				t.Errorf("as JSON it exits with %d:\n%s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
}

func TestConfigureSaysHowManyDeletionsItSendsOff(t *testing.T) {
	t.Setenv("SEGMENT_WRITE_KEY", "PLANTED-key")
	waiting := []executions.Line{{Time: time.Now(), Outcome: "retrying", Reason: "inbox"}, {Time: time.Now(), Outcome: "retrying", Reason: "inbox"}}
	arguments := []string{"configure", "--untested", "--segment-host", settings.DefaultHost, "--dir"}
	const says = "Deletions that wait: 2. With these settings Segment is asked for them at once. A deletion cannot be undone."
	var names []string
	for _, one := range tracking.All() {
		if !one.Optional {
			names = append(names, one.Name)
		}
	}
	everyStore := strings.Join(names, ",")
	t.Run("in a script", func(t *testing.T) {
		dir := storeWithDeletions(t, publicapitest.Start(t), waiting...)
		got := succeeds(t, append(arguments, dir, "--no-input")...)
		if !strings.Contains(got.stdout, says) || parametersIn(t, dir)[settings.SegmentHost] != settings.DefaultHost {
			t.Errorf("it says %s%s", got.stdout, got.stderr)
		}
		t.Setenv("SEGMENT_WRITE_KEY", "PLANTED-other")
		if got := succeeds(t, append(arguments, dir, "--no-input")...); strings.Contains(got.stdout, "Deletions") {
			t.Errorf("with a host already it says %s", got.stdout)
		}
	})
	t.Run("if none waits", func(t *testing.T) {
		if got := succeeds(t, append(arguments, storeWithDeletions(t, publicapitest.Start(t)), "--no-input")...); strings.Contains(got.stdout+got.stderr, "eletions") {
			t.Errorf("it says %s%s", got.stdout, got.stderr)
		}
	})
	for answer, saved := range map[string]bool{"\n": false, "yes\n": true} {
		t.Run("at a terminal, answered with "+answer, func(t *testing.T) {
			dir := storeWithDeletions(t, publicapitest.Start(t), waiting...)
			keyboard := openKeyboard(t, nil, append(arguments, dir, "--disable", everyStore)...)
			for _, asked := range []string{"path", "token of the Public API", "base URL", "client id", "client secret", "secret key of the webhooks"} {
				keyboard.answer(asked, "\n")
			}
			keyboard.answer("Save the settings? [y/N] ", answer)
			keyboard.wait()
			if got := parametersIn(t, dir)[settings.SegmentHost] != ""; got != saved {
				t.Errorf("saved is %v", got)
			}
		})
	}
}
