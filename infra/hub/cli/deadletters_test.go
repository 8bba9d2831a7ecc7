package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
)

func TestWarnUnreadDeadLetters(t *testing.T) {
	cases := []struct {
		name           string
		read, expected int
		want           string
	}{
		{"all were read", 3, 3, ""},
		{"more were read than SQS expects", 4, 3, ""},
		{"another program is reading some", 1, 3, "SQS expects 3 dead letters; 1 could be read."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var said strings.Builder
			warnUnread(&said, c.read, c.expected)
			if !strings.HasPrefix(said.String(), c.want) || (c.want == "") != (said.Len() == 0) {
				t.Errorf("it says %q, want %q", said.String(), c.want)
			}
		})
	}
}

func TestDeadLettersOfTheRunningHubAreListedAndRedriven(t *testing.T) {
	h := start(t)
	for _, name := range []string{"order-completed", "order-updated"} {
		h.Set("templates/"+name, `{"event": ""}`)
	}
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-1"))
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-2"))
	h.Webhook("order-updated", hubtest.Order("order.updated", "o-3"))
	ended(h, 3)

	list := command(t, "", "deadletters", "list", h.AddrFlag(), "--dir", h.Dir)
	for _, part := range []string{
		"order-completed message_invalid o-1 ", "message 1: event is an empty string", "\n2 order-completed message_invalid\n", "\n1 order-updated message_invalid\n",
		"\nmessage_invalid: The template makes messages that Segment would drop. ", "→ Fix the template, or restore an older version of it.",
		"\nTo send them again: hub deadletters redrive --reason REASON --dir " + store.ShellQuote(h.Dir) + "\n",
	} {
		if !strings.Contains(unpadded(list.stdout), part) {
			t.Errorf("the list does not show %q:\n%s%s", part, list.stdout, list.stderr)
		}
	}
	var letters []deadletters.Summary
	got := command(t, "", "deadletters", "list", h.AddrFlag(), "--dir", h.Dir, "--json", "--tracking", "order-updated")
	if err := json.Unmarshal([]byte(got.stdout), &letters); err != nil || len(letters) != 1 || letters[0].Resource != "o-3" || letters[0].FailedAt.IsZero() {
		t.Errorf("selected and as JSON: %s%s", got.stdout, got.stderr)
	}

	h.Set("templates/order-completed", hubtest.Simple) // the template is fixed, and in effect immediately
	const failing = "2 of 3 events would be delivered now, 1 would fail again, because: message 1: event is an empty string: write a value.\n"
	for _, c := range []struct {
		name, says, wrong string
		args              []string
	}{
		{"of a mistyped reason", "", "hub: --reason message_invald: no dead letter has this reason. The reasons are: message_invalid\n", []string{"--reason", "message_invald"}},
		{"only a forecast", failing, "", []string{"--dry-run"}},
		{"of a tracking that is fixed", "2 of 2 events would be delivered now.\nPut back on their queues: 2.\n2 delivered.\n", "", []string{"--reason", "message_invalid", "--tracking", "order-completed"}},
		{"of a tracking that is not fixed", "0 of 1 event would be delivered now, 1 would fail again, because: message 1: event is an empty string: write a value.\nPut back on their queues: 1.\n0 delivered, 1 failed again (message_invalid).\n", "", nil},
	} {
		got := command(t, "", append([]string{"deadletters", "redrive", h.AddrFlag(), "--dir", h.Dir}, c.args...)...)
		if got.stdout != c.says || (got.code == exitDone) != (c.wrong == "") || strings.Contains(got.stderr, "SQS") || c.wrong != "" && got.stderr != c.wrong {
			t.Errorf("%s: it exits %d and says\n%s%s", c.name, got.code, got.stdout, got.stderr)
		}
	}
	h.AwaitMessages(2)
	if got := command(t, "", "deadletters", "list", h.AddrFlag(), "--dir", h.Dir); strings.Contains(got.stdout, "order-completed") || !strings.Contains(got.stdout, "o-3") {
		t.Errorf("the dead letters that are left are\n%s", got.stdout)
	}
}

func TestDeadLettersWithoutARunningHub(t *testing.T) {
	h := start(t)
	if got := command(t, "", "deadletters", "list", h.AddrFlag(), "--dir", h.Dir); got.stdout != "There are no dead letters.\n" || got.stderr != "" {
		t.Errorf("without dead letters it says\n%s%s", got.stdout, got.stderr)
	}
	h.Stop()
	for _, what := range []string{"list", "redrive"} {
		got := command(t, "", "deadletters", what, h.AddrFlag(), "--dir", h.Dir)
		if got.code != exitFailed || got.stdout != "" || strings.Count(got.stderr, "nothing listens on") != 1 ||
			!strings.Contains(got.stderr, "start it with make run") || !strings.Contains(got.stderr, "--prefix") {
			t.Errorf("hub deadletters %s without a running hub exits %d:\n%s%s", what, got.code, got.stdout, got.stderr)
		}
	}
	another := httptest.NewServer(http.NotFoundHandler())
	defer another.Close()
	got := command(t, "", "deadletters", "list", "--addr", strings.TrimPrefix(another.URL, "http://"))
	if got.code != exitFailed || !strings.Contains(got.stderr, "404") {
		t.Errorf("for another server it says\n%s%s", got.stdout, got.stderr)
	}
}
