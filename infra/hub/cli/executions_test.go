package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/hubtest"
)

// ended waits until n webhooks of a hub are delivered, skipped, failed or rejected, and returns
// them.
func ended(h *hubtest.Hub, n int) (list []executions.Execution) {
	h.T.Helper()
	hubtest.Eventually(h.T, "the webhooks have ended", func() bool {
		got := command(h.T, "", "executions", h.AddrFlag(), "--dir", h.Dir, "--json", "--outcome", "delivered,skipped,failed,rejected")
		if err := json.Unmarshal([]byte(got.stdout), &list); err != nil {
			h.T.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
		}
		return len(list) == n
	})
	return list
}

func TestExecutionsListsEachWebhookWithItsOutcome(t *testing.T) {
	h := start(t)
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-sent"))
	h.Webhook("order-completed", hubtest.Order("order.fulfilled", "o-skipped"))
	h.Request("POST", "/webhooks/order-updated", hubtest.Order("order.updated", "o-rejected"), "X-Moltin-Secret-Key", "PLANTED-wrong")
	ended(h, 3)

	got := command(t, "", "executions", h.AddrFlag(), "--dir", h.Dir)
	for _, part := range []string{
		"order-completed order.paid o-sent delivered 1 ", "order-completed order.fulfilled o-skipped skipped 1 - not_observed\n", "order-updated - - rejected 0 - forged\n",
		"\n3 webhooks in the last 24 hours: 1 delivered, 1 skipped, 1 rejected. Event-to-Segment time: median ",
	} {
		if !strings.Contains(unpadded(got.stdout), part) {
			t.Errorf("the list does not show %q:\n%s%s", part, got.stdout, got.stderr)
		}
	}
	if got := command(t, "", "executions", h.AddrFlag(), "--dir", h.Dir, "--outcome", "skipped", "--tracking", "order-completed", "o-sk"); !strings.Contains(got.stdout, "o-skipped") || strings.Contains(got.stdout, "o-sent") {
		t.Errorf("with filters it lists\n%s%s", got.stdout, got.stderr)
	}
	if got := command(t, "", "executions", h.AddrFlag(), "--dir", h.Dir, "--limit", "1"); !strings.Contains(got.stdout, "and 2 older ones") || strings.Contains(got.stdout, "o-sent") {
		t.Errorf("with --limit 1 it lists\n%s", got.stdout)
	}
	if got := command(t, "", "executions", h.AddrFlag(), "--dir", h.Dir, "--summary"); strings.Count(got.stdout, "█") < 30 || !strings.Contains(unpadded(got.stdout), " 2 1 1 - - 1 ") {
		t.Errorf("the summary is\n%s%s", got.stdout, got.stderr)
	}
	if got := command(t, "", "executions", h.AddrFlag(), "--dir", h.Dir, "--outcome", "failed"); got.stdout != "No such webhook in the last 24 hours.\n" {
		t.Errorf("without matches it says\n%s", got.stdout)
	}
}

func TestTraceShowsTheAttemptsOfAnOrder(t *testing.T) {
	h := start(t, "--inbox-fail", "0.5", "--backoff", "1ms")
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-late"))
	ended(h, 1)
	got := command(t, "", "trace", h.AddrFlag(), "--dir", h.Dir, "o-late")
	for _, says := range []string{"Received 1 webhook about o-late in the last 7 days. Segment received Order Completed.", "at attempt 2, as messageId order-completed:o-late:0-track:", "Webhook received: order.paid",
		"Attempt 1 failed: segment_500.", "Attempt 2: Segment accepted it."} {
		if got.code != exitDone || !strings.Contains(got.stdout, says) {
			t.Errorf("the story does not say %q:\n%s%s", says, got.stdout, got.stderr)
		}
	}
	got = command(t, "", "trace", h.AddrFlag(), "--dir", h.Dir, "o-none")
	if got.code != exitDone || !strings.Contains(got.stdout, "No webhooks about o-none were received") || !strings.Contains(got.stdout, "delivery logs of the integration in Commerce Manager") {
		t.Errorf("for an unknown order it says\n%s%s", got.stdout, got.stderr)
	}
}

func TestExecutionsAreReadFromTheDirectoryOfAStoppedHub(t *testing.T) {
	h := start(t)
	for _, order := range []string{"order-00-a", "order-00-b", "order-01"} {
		h.Webhook("order-completed", hubtest.Order("order.paid", order))
	}
	ended(h, 3)
	h.Stop()
	here := []string{"--addr", "127.0.0.1:1", "--dir", h.Dir}
	hub := func(args ...string) result { return command(t, "", append(args, here...)...) }
	if got := hub("executions", "--limit", "1"); !strings.Contains(got.stdout, "and 2 older ones") || !strings.Contains(got.stderr, "No hub listens at 127.0.0.1:1") {
		t.Errorf("it lists\n%s%s", got.stdout, got.stderr)
	}
	if got := hub("executions", "--csv", "--event", "order.paid", "--tracking", "order-completed"); strings.Count(got.stdout, "\n") != 4 || !strings.Contains(got.stdout, ",order-completed,order.paid,order-01,,100.00 GBP,w-order-01,delivered,") {
		t.Errorf("the table is\n%s%s", got.stdout, got.stderr)
	}
	if got := hub("executions", "--reason", "template"); got.stdout != "No such webhook in the last 24 hours.\n" {
		t.Errorf("with another reason it lists\n%s%s", got.stdout, got.stderr)
	}
	for id, says := range map[string]string{
		"order-01": "Received 1 webhook about order-01 ", "order-00-": "2 ids begin with order-00-. Choose one of them:\n  order-00-a\n  order-00-b\n",
		"order-00-b": "Received 1 webhook about order-00-b ", "w-order-01": "Received 1 webhook about w-order-01 ", "order-0": "No webhooks about order-0 ",
		"w-order-0": "3 ids begin with w-order-0.", "w-order-00-a": "Received 1 webhook",
	} {
		if got := hub("trace", id); !strings.Contains(got.stdout, says) {
			t.Errorf("the trace of %s does not say %q:\n%s%s", id, says, got.stdout, got.stderr)
		}
	}
}

func TestTraceShowsTheOutcomeOfEachOrder(t *testing.T) {
	h := start(t, "--backoff", "1h")
	h.Set("templates/order-updated", `{"event": `)
	h.Set("templates/order-refunded", `{"event": ""}`)
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-delivered"))
	h.Webhook("order-updated", hubtest.Order("order.updated", "o-retrying"))
	h.Webhook("order-refunded", hubtest.Order("order.refunded", "o-failed"))
	ended(h, 2)
	for _, c := range []struct {
		order string
		says  []string
	}{
		{"o-delivered", []string{
			"Received 1 webhook about o-delivered in the last 7 days. Segment received Order Completed.",
			"Order Completed was sent to Segment at 20", "as messageId order-completed:o-delivered:0-track:",
			"Webhook received: order.paid, webhook w-o-delivered, attempt 1 of Commerce. Answered with 202: the event is stored.", "Attempt 1: Segment accepted it.",
		}},
		{"o-retrying", []string{
			"Received 1 webhook about o-retrying in the last 7 days. Nothing was sent to Segment.",
			"Order Updated is not sent yet. Attempt 1 failed: template (", "Next attempt at 20", "\nFix the template. The events are then delivered automatically.\n",
			"Attempt 1 failed: template", "Next attempt in ",
		}},
		{"o-failed", []string{
			"Received 1 webhook about o-failed in the last 7 days. Nothing was sent to Segment.",
			"Order Refunded was not sent. It is a dead letter: message_invalid", "\nFix this reason, then run ", "Attempt 1: it became a dead letter: message_invalid",
		}},
		{"o-unseen", []string{
			"No webhooks about o-unseen were received in the last 7 days.", "the delivery logs of the integration in Commerce Manager",
			"hub executions --outcome rejected lists those", "hub reconcile --since 7d finds what is missing in Segment",
		}},
	} {
		t.Run(c.order, func(t *testing.T) {
			var got result
			hubtest.Eventually(t, "an attempt has ended", func() bool {
				got = command(t, "", "trace", h.AddrFlag(), "--dir", h.Dir, c.order)
				return !strings.Contains(got.stdout, "no attempt has ended")
			})
			for _, says := range c.says {
				if got.code != exitDone || !strings.Contains(got.stdout, says) {
					t.Errorf("it does not say %q:\n%s%s", says, got.stdout, got.stderr)
				}
			}
		})
	}
}

func TestErrorsOfExecutionsAndTrace(t *testing.T) {
	h := start(t)
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"no hub runs there", []string{"executions", "--addr", "127.0.0.1:1"}, "nothing listens on 127.0.0.1:1: start it with make run"},
		{"an unknown outcome", []string{"executions", h.AddrFlag(), "--dir", h.Dir, "--outcome", "lost"}, `"lost" is not an outcome: the outcomes are delivered, `},
		{"an unknown tracking", []string{"executions", h.AddrFlag(), "--dir", h.Dir, "--tracking", "no-such-tracking"}, `there is no tracking "no-such-tracking"`},
		{"a limit below one", []string{"executions", h.AddrFlag(), "--dir", h.Dir, "--limit", "-4"}, "--limit -4: write a number above zero"},
		{"an invalid time", []string{"trace", h.AddrFlag(), "--dir", h.Dir, "o-1", "--since", "week"}, `--since "week": write a time, for example`},
		{"both stores", []string{"executions", h.AddrFlag(), "--prefix", "/shop"}, "--addr and --prefix exclude each other: leave one out"},
		{"no id", []string{"trace", h.AddrFlag(), "--dir", h.Dir}, "the command takes 1 argument, not 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := command(t, "", c.args...); got.code != exitFailed || !strings.Contains(got.stderr, c.says) {
				t.Errorf("it exits %d and says %s, want %q", got.code, got.stderr, c.says)
			}
		})
	}
}

// Only the operator may read the log, as the console.
func TestTheLogIsReadFromThisMachineOnly(t *testing.T) {
	h := start(t)
	if status, _ := h.Request("GET", "/executions/page?rows=10", "", "X-Forwarded-For", "203.0.113.9"); status != http.StatusForbidden {
		t.Errorf("through a tunnel it answers %d, want 403", status)
	}
	if status, _ := h.Request("GET", "/executions/page?rows=10", "", "Host", "rebound.example"); status != http.StatusForbidden {
		t.Errorf("by another name it answers %d, want 403", status)
	}
}

func TestTheConsoleShowsExecutions(t *testing.T) {
	h := start(t)
	h.Set("templates/order-refunded", `{"event": ""}`)
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-<b>sent"))
	h.Webhook("order-refunded", hubtest.Order("order.refunded", "o-dead"))
	ended(h, 2)
	for _, c := range []struct {
		name, path string
		status     int
		has, lacks []string
	}{
		{"all", "/executions", 200, []string{"(not an id)", "o-dead", "is-failed", "is-delivered", "<svg ", `class="fill-delivered"`, `class="fill-p95"`, `aria-current="page"><b>Executions`}, []string{"o-<b>", " style=", "unknown"}},
		{"an outcome", "/executions?outcome=failed&since=7d", 200, []string{"o-dead", "message_invalid", `<option value="7d" selected>`}, []string{"sent"}},
		{"a tracking", "/executions?tracking=order-completed", 200, []string{"(not an id)"}, []string{"o-dead"}},
		{"a text", "/executions?q=O-DEAD", 200, []string{"o-dead", `value="O-DEAD"`}, []string{"sent"}},
		{"none", "/executions?q=nothing", 200, []string{"No webhooks in the last 24 hours."}, []string{"<svg ", "<table"}},
		{"an unknown outcome", "/executions?outcome=lost", 400, []string{"is not an outcome"}, nil},
		{"an invalid time", "/executions?since=week", 400, []string{"write a time, for example"}, nil},
		{"an unknown tracking", "/executions?tracking=x", 400, []string{"there is no tracking"}, nil},
		{"a trace", "/trace?q=o-dead", 200, []string{"It is a dead letter: message_invalid", "it became a dead letter", "Missing webhooks"}, []string{" style="}},
		{"the trace of an unknown id", "/trace?q=%3Cb%3E", 200, []string{"No webhooks about &lt;b&gt; were received", "Possible causes, and what to do"}, []string{"<b>."}},
		{"a trace without an id", "/trace", 200, []string{`name="q"`}, []string{"class=\"steps\""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, page := h.In(t).Request("GET", c.path, "")
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			for _, part := range c.has {
				if !strings.Contains(page, part) {
					t.Errorf("the page lacks %q:\n%s", part, page)
				}
			}
			for _, part := range c.lacks {
				if main := page[max(strings.Index(page, "<main"), 0):]; strings.Contains(main, part) {
					t.Errorf("the page has %q:\n%s", part, page)
				}
			}
		})
	}
}

// Anyone with the webhook secret can choose ids and events. They must not control the
// terminal of the person who reads them, nor make two rows of one webhook.
func TestWebhooksCannotControlTheTerminal(t *testing.T) {
	h := start(t)
	const hostile = `ord-1\u001b[31mRED\u001b]0;title\u0007\u202e\u009b2J\nsecond\u2028line\rx`
	h.Webhook("order-completed", strings.ReplaceAll(hubtest.Order("order.paid", "ID"), "ID", hostile))
	h.Webhook("order-completed", strings.Replace(hubtest.Order("order.paid", "ord-2"), "order.paid", `order.paid\u001b[2J\nrow`, 1))
	ended(h, 2)
	for _, args := range [][]string{
		{"executions"}, {"executions", "--json"}, {"executions", "--summary"}, {"trace", "ord-2"}, {"deadletters", "list"}, {"doctor"},
	} {
		got := command(t, "", append(args, h.AddrFlag(), "--dir", h.Dir)...)
		for _, r := range got.stdout + got.stderr {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("hub %s writes U+%04X:\n%q", strings.Join(args, " "), r, got.stdout+got.stderr)
				break
			}
		}
	}
	got := command(t, "", "executions", h.AddrFlag(), "--dir", h.Dir)
	if lines := strings.Split(got.stdout, "\n"); len(lines) != 6 || !strings.Contains(got.stdout, "(not an id)") || !strings.Contains(got.stdout, "(unknown event)") {
		t.Errorf("want a title, two rows, an empty line and a summary:\n%s", got.stdout)
	}
	if got := command(t, "", "eval", "--file", "\x1b[31mnone\u202e"); strings.ContainsAny(got.stderr, "\x1b\u202e") || !strings.Contains(got.stderr, `\u001b[31mnone\u202e`) {
		t.Errorf("an error says %q", got.stderr)
	}
}
