package cli

import (
	"fmt"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
)

// waiting starts a hub whose template is broken, and that retries events about o-0, o-1, …
func waiting(t *testing.T, many int) *hubtest.Hub {
	t.Helper()
	h := start(t)
	h.Set("templates/order-completed", `{"event": }`)
	for i := range many {
		h.Webhook("order-completed", hubtest.Order("order.paid", fmt.Sprintf("o-%d", i)))
	}
	hubtest.Eventually(t, "the events are retried", func() bool {
		list := command(t, "", "retry", "--list", h.AddrFlag(), "--dir", h.Dir)
		return strings.Count(list.stdout, " template ") == many
	})
	return h
}

// Without the early attempts, this test would take half a minute.
func TestRetryingEventsAreDeliveredAtOnceAfterTheTemplateIsFixed(t *testing.T) {
	h := waiting(t, 25)
	h.Set("templates/order-completed", hubtest.Simple)
	h.AwaitMessages(25)
}

func TestRetryAttemptsWhatIsSelected(t *testing.T) {
	h := waiting(t, 3)
	here := []string{h.AddrFlag(), "--dir", h.Dir}
	for _, c := range []struct {
		name, says string
		code       int
		args       []string
	}{
		{"an unknown reason", "hub: --reason segment_500: no retrying event has this reason. The reasons are: template", exitFailed, []string{"--reason", "segment_500"}},
		{"an order without a retrying event", "hub: no event about o-9 is retried: hub trace o-9 shows", exitFailed, []string{"o-9"}},
		{"the list", "order-completed template o-1 1 in ", exitDone, []string{"--list"}},
		{"one order", "Attempted now: 1 event.", exitDone, []string{"o-1"}},
		{"a tracking without events", "No event is retried.", exitDone, []string{"--tracking", "order-updated"}},
		{"a reason", "Attempted now: 3 events.", exitDone, []string{"--reason", "template"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			hubtest.Eventually(t, "all are retried", func() bool {
				return strings.Count(command(t, "", append([]string{"retry", "--list"}, here...)...).stdout, " template ") == 3
			})
			got := command(t, "", append(append([]string{"retry"}, c.args...), here...)...)
			if got.code != c.code || !strings.Contains(unpadded(got.stdout)+got.stderr, c.says) {
				t.Errorf("it exits %d and says\n%s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
}

func TestTheListOfRetryingEventsIsBounded(t *testing.T) {
	h := waiting(t, 3)
	here := []string{h.AddrFlag(), "--dir", h.Dir}
	got := command(t, "", append([]string{"retry", "--list", "--limit", "2"}, here...)...)
	if strings.Count(got.stdout, " template ") != 2 || !strings.HasSuffix(got.stdout, "and 1 later ones: list more with --limit\n") {
		t.Errorf("it lists\n%s%s", got.stdout, got.stderr)
	}
	if got := command(t, "", append([]string{"retry", "--list", "--limit", "0"}, here...)...); got.code != exitFailed || !strings.Contains(got.stderr, "above zero") {
		t.Errorf("a limit of zero: %+v", got)
	}
}

func TestRetryAndSendSayThatATrackingIsPaused(t *testing.T) {
	h := waiting(t, 4)
	here := []string{h.AddrFlag(), "--dir", h.Dir}
	command(t, "", "pause", "order-completed", "--dir", h.Dir)
	hubtest.Eventually(t, "the change of the settings has made two events due", func() bool {
		return strings.Count(command(t, "", append([]string{"retry", "--list"}, here...)...).stdout, " template ") == 2
	})
	note := "To send them: hub resume order-completed --dir " + store.ShellQuote(h.Dir)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"retry", "--list"}, " template "},
		{[]string{"retry"}, "Attempted when the tracking is resumed: 2 events.\n"},
		{[]string{"send", "order-completed/guest"}, ""},
	} {
		got := command(t, "", append(c.args, here...)...)
		if got.code != exitDone || !strings.Contains(got.stderr, note) || !strings.Contains(got.stdout, c.says) || strings.Contains(got.stdout, "Attempted now") {
			t.Errorf("%s says\n%s%s", c.args, got.stdout, got.stderr)
		}
	}
	got := command(t, "", append([]string{"send", "order-updated/anonymized-guest"}, here...)...)
	if strings.Contains(got.stderr, "resume") {
		t.Errorf("a webhook of another tracking says\n%s", got.stderr)
	}
}
