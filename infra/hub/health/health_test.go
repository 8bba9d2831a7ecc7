package health

import (
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/stack/runbook"
	"commerce-segment/shared/tracking"
)

var now = time.Date(2026, 11, 24, 10, 50, 0, 0, time.Local)

// at returns a time of today.
func at(clock string) time.Time {
	t, err := time.ParseInLocation("15:04", clock, time.Local)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 11, 24, t.Hour(), t.Minute(), 0, 0, time.Local)
}

func wait(reason string, count int, since string) executions.Wait {
	return executions.Wait{Tracking: "order-completed", Reason: reason, Detail: "the detail", Count: count,
		Oldest: at(since), Since: at(since), Last: at("10:49"), Next: at("10:51")}
}

func TestJudge(t *testing.T) {
	waits := func(all ...executions.Wait) func(*Facts) { return func(f *Facts) { f.Log.Waits = all } }
	finds := func(severity received.Severity) func(*Facts) {
		return func(f *Facts) {
			f.Received = &received.Report{Findings: []received.Finding{{Key: "fewer", Severity: severity, Says: "3 are missing.", Do: "Send them."}}}
		}
	}
	lots := []int{12, 30, 14, 9, 11, 5, 20}
	for _, c := range []struct {
		name  string
		given func(*Facts)
		state State
		keys  string
		says  string // in the problems, with what to do
	}{
		{"nothing is wrong", func(*Facts) {}, Working, "", ""},
		{"Segment fails", waits(wait("segment_503", 55, "10:42")), Degraded, "segment",
			"Segment has been failing since 10:42 (HTTP 503). 55 events are retried, the next attempt is at 10:51:00."},
		{"Segment cannot be reached, for two trackings", waits(wait("segment_unreachable", 1, "10:45"), wait("segment_timeout", 2, "10:44")), Degraded, "segment", "since 10:44 (unreachable). 3 events are retried"},
		{"Segment accepted something before it failed", func(f *Facts) {
			f.Log.Waits, f.Log.LastDelivered = []executions.Wait{wait("segment_500", 1, "10:30")}, at("10:40")
		}, Degraded, "segment", "failing since 10:40"},
		{"Segment fails now and then", func(f *Facts) {
			f.Log.Waits, f.Log.LastDelivered = []executions.Wait{wait("segment_500", 1, "10:45")}, now
		}, Working, "segment", "Segment failed for some events (HTTP 500), and accepts others again. 1 event is retried, the next attempt is at 10:51:00."},
		{"Segment fails for an event that is late", func(f *Facts) {
			f.Log.Waits, f.Log.LastDelivered = []executions.Wait{wait("segment_500", 1, "10:30")}, now
		}, Degraded, "segment", "fails for some events (HTTP 500). 1 event is retried"},
		{"Segment rejects the write key", waits(wait("segment_401", 2, "10:42")), Broken, "segment-rejects", "Segment rejects what is sent since 10:42 (HTTP 401)"},
		{"Segment is another server", waits(wait("segment_301", 2, "10:42")), Broken, "segment-rejects", "hub configure --dir here"},
		{"Segment accepts no deletion without a token", waits(wait("api_token_missing", 2, "10:49")), Broken, "deletions-rejected",
			"No user is deleted in Segment since 10:49 (api_token_missing). 2 events are retried, the next attempt is at 10:51:00. Set a token of Segment's Public API that may delete users, with hub configure --dir here."},
		{"Segment is not asked to delete users while messages go to the inbox", waits(wait("inbox", 1, "10:49")), Broken, "deletions-rejected",
			"No user is deleted in Segment since 10:49 (inbox). 1 event is retried, the next attempt is at 10:51:00. To delete the users, set a Segment host and a token"},
		{"the token is revoked, and messages are delivered", func(f *Facts) {
			f.Log.Waits, f.Log.LastDelivered = []executions.Wait{wait("deletion_401", 12, "10:49")}, now
		}, Broken, "deletions-rejected", "since 10:49 (HTTP 401). 12 events are retried"},
		{"the token may not delete", waits(wait("deletion_403", 1, "10:49")), Broken, "deletions-rejected", "(HTTP 403)"},
		{"the Public API is another server", waits(wait("deletion_302", 1, "10:49")), Broken, "deletions-rejected", "requested automatically. hub configure --dir here"},
		{"Segment rejects every deletion", waits(wait("deletion_422", 1, "10:49")), Broken, "deletions-rejected", "it becomes a dead letter when Segment accepts others. hub deletions --dir here"},
		{"Segment rejects one user, and accepts others", func(f *Facts) {
			f.Log.Waits, f.Log.LastDeletion = []executions.Wait{wait("deletion_422", 1, "10:42")}, at("10:45")
		}, Degraded, "deletions-rejected", "Segment rejects the deletion of some users since 10:42 (HTTP 422), and accepts others. 1 event is retried"},
		{"a token is revoked after deletions were accepted", func(f *Facts) {
			f.Log.Waits, f.Log.LastDeletion = []executions.Wait{wait("deletion_401", 1, "10:42")}, at("10:45")
		}, Broken, "deletions-rejected", "No user is deleted in Segment since 10:42"},
		{"the Public API fails, and messages are delivered", func(f *Facts) {
			f.Log.Waits, f.Log.LastDelivered = []executions.Wait{wait("deletion_503", 3, "10:42")}, now
		}, Degraded, "deletions", "Segment's Public API, which deletes users, has been failing since 10:42 (HTTP 503). 3 events are retried"},
		{"the Public API cannot be reached", waits(wait("deletion_unreachable", 1, "10:42")), Degraded, "deletions", "(unreachable)"},
		{"the Public API failed for a deletion, and accepts others", func(f *Facts) {
			f.Log.Waits, f.Log.LastDeletion = []executions.Wait{wait("deletion_503", 1, "10:45")}, now
		}, Working, "deletions", "failed for some events (HTTP 503), and accepts others again"},
		{"the quota of deletions is used up", func(f *Facts) {
			f.Log.Waits, f.Deployed = []executions.Wait{wait("deletion_429", 3, "10:42")}, true
		}, Degraded, "deletions", "hub deadletters redrive --reason deletion_429 --dir here. SQS deletes a dead letter after 14 days: hub export FILE --dir here keeps it."},
		{"Segment fails, and deletions are accepted", func(f *Facts) {
			f.Log.Waits, f.Log.LastDeletion = []executions.Wait{wait("segment_503", 1, "10:45")}, now
		}, Degraded, "segment", "Segment has been failing since 10:45"},
		{"Commerce fails", waits(wait("commerce_503", 2, "10:42")), Degraded, "commerce", "Commerce, which a template asks, has been failing since 10:42 (HTTP 503)"},
		{"Commerce rejects the credentials", waits(wait("commerce_401", 2, "10:42")), Broken, "commerce-rejects", "Commerce rejects the credentials since 10:42"},
		{"a setting is missing", waits(wait("write_key_missing", 2, "10:42")), Broken, "settings-waited-for", "(write_key_missing). 2 events"},
		{"the settings are not valid", func(f *Facts) { f.Settings = "segment/host: no" }, Broken, "settings", "segment/host: no."},
		{"a template fails for every event", waits(wait("template", 2, "10:42")), Broken, "template/order-completed", "The template of order-completed fails since 10:42: the detail. 2 events"},
		{"a template does not compile", func(f *Facts) {
			f.Templates = []BrokenTemplate{{"order-completed", "line 1: unexpected }"}}
			f.Log.Waits = []executions.Wait{wait("template", 2, "10:42")}
		}, Broken, "template/order-completed", "does not compile, so its events are not delivered: line 1: unexpected }. 2 events are retried, the next attempt is at 10:51:00. Fix the template, or restore an older version or the default (hub templates restore order-completed default --dir here). The events are then delivered automatically, for up to 30 hours. hub templates versions order-completed --dir here"},
		{"a template makes invalid messages", func(f *Facts) {
			f.Log.Trackings = []Outcomes{{Tracking: "order-completed", Invalid: 3, FirstInvalid: at("09:00")}}
		}, Broken, "template/order-completed", "Every event of order-completed since 09:00 became a dead letter"},
		{"a template made two invalid messages", func(f *Facts) { f.Log.Trackings = []Outcomes{{Tracking: "order-completed", Invalid: 2}} }, Working, "", ""},
		{"a template drops everything", func(f *Facts) {
			f.Log.Trackings = []Outcomes{{Tracking: "order-completed", Filtered: 20, FirstFiltered: at("09:00")}}
		}, Degraded, "template/order-completed", "made no message of its last 20 events, since 09:00"},
		{"a template drops some", func(f *Facts) { f.Log.Trackings = []Outcomes{{Tracking: "order-completed", Filtered: 19}} }, Working, "", ""},
		{"a bug", waits(wait("internal", 1, "10:42")), Broken, "internal/order-completed", "an error in the program since 10:42"},
		{"events have waited without an attempt", waits(executions.Wait{Count: 3, Oldest: at("10:30")}), Degraded, "late", "3 events are not delivered yet, the oldest since 10:30"},
		{"events were just accepted", waits(executions.Wait{Count: 3, Oldest: at("10:49")}), Working, "", ""},
		{"Segment received less than was sent", finds(received.Warning), Degraded, "received/fewer", "3 are missing. Send them. hub received --dir here"},
		{"Segment received nothing", finds(received.Fault), Broken, "received/fewer", "3 are missing"},
		{"Segment's figures are late", finds(received.Note), Working, "received/fewer", "3 are missing"},
		{"what Segment received is not known", func(f *Facts) { f.Received = &received.Report{Unknown: "there is no token"} }, Working, "", ""},
		{"the disk is full", func(f *Facts) {
			f.Machine = Machine{WriteError: "no space left on device", FreeBytes: 1 << 20, FreeKnown: true}
		}, Broken, "accepting disk", "no space left on device"},
		{"the disk is nearly full", func(f *Facts) { f.Machine = Machine{FreeBytes: 512 << 20, FreeKnown: true} }, Degraded, "disk", "has 512 MiB left"},
		{"the disk is not known", func(f *Facts) { f.Machine = Machine{} }, Working, "", ""},
		{"memory is nearly full", func(f *Facts) { f.Machine = Machine{Memory: 95, MemoryLimit: 100} }, Degraded, "memory", "GOMEMLIMIT"},
		{"the alarms reach no one", func(f *Facts) { f.Alarms = &store.Alarms{Topic: "arn:topic"} }, Degraded, "alarms",
			"their topic has no subscription. Deploy with the option alarmEmail"},
		{"a subscription of the alarms is not confirmed", func(f *Facts) { f.Alarms = &store.Alarms{Pending: 1} }, Degraded, "alarms", "reach no one: 1 subscription is not confirmed."},
		{"one subscription is confirmed", func(f *Facts) { f.Alarms = &store.Alarms{Pending: 1, Confirmed: 1} }, Working, "", ""},
		{"an alarm of two trackings is on", func(f *Facts) {
			f.Alarms = &store.Alarms{Confirmed: 1, Firing: []store.FiringAlarm{{Since: at("10:40"), Run: "hub doctor",
				Firing: runbook.Firing{Alarm: runbook.Age, Trackings: []string{"order-completed", "order-updated"}}}}}
		}, Degraded, "alarm/age", "The alarm age has been on for order-completed, order-updated since 10:40. " + runbook.Age.Means},
		{"webhooks may be lost", func(f *Facts) {
			f.Alarms = &store.Alarms{Confirmed: 1, Firing: []store.FiringAlarm{{Since: at("10:40"), Firing: runbook.Firing{Alarm: runbook.Throttled}}}}
		}, Broken, "alarm/api-429", "The alarm api-429 has been on since 10:40. "},
		{"webhooks are answered 503", func(f *Facts) {
			f.Log.Unavailable, f.Log.LastAccepted = Unavailable{2, at("10:40"), at("10:45"), "the queue does not answer"}, at("10:30")
		}, Broken, "accepting", "2 webhooks were answered 503 since 10:40, and none was accepted after them: the queue does not answer"},
		{"webhooks are accepted again", func(f *Facts) {
			f.Log.Unavailable, f.Log.LastAccepted = Unavailable{2, at("10:40"), at("10:45"), ""}, at("10:46")
		}, Working, "", ""},
		{"Commerce has another secret", func(f *Facts) {
			f.Log.Forged, f.Log.LastAccepted = Forged{3, at("10:00"), at("10:45"), 0}, at("09:59")
		}, Broken, "secret", "hub webhooks sync --dir here"},
		{"another client has a wrong secret", func(f *Facts) {
			f.Log.Forged, f.Log.LastAccepted = Forged{3, at("10:00"), at("10:45"), 0}, at("10:01")
		}, Degraded, "secret", "Others were accepted"},
		{"a few wrong secrets", func(f *Facts) {
			f.Log.Forged, f.Log.LastAccepted = Forged{2, at("10:00"), at("10:45"), 0}, at("10:46")
		}, Working, "", ""},
		{"the last webhooks have a wrong secret", func(f *Facts) {
			f.Log.Forged, f.Log.LastAccepted = Forged{1, at("10:45"), at("10:45"), 0}, at("10:44")
		}, Working, "secret", "The last webhook was rejected because its secret is wrong, at 10:45. If Commerce sent it, its secret was changed there: register the webhooks again."},
		{"several webhooks in a row have a wrong secret", func(f *Facts) {
			f.Log.Forged, f.Log.LastAccepted = Forged{1, at("10:45"), at("10:47"), 3}, at("10:44")
		}, Degraded, "secret", "The last webhooks were rejected because their secret is wrong, the last at 10:47. None was accepted since."},
		{"silence after as many webhooks on each day", func(f *Facts) { f.Log.SameHours, f.Log.LastAccepted = []int{9, 9, 9, 9, 9, 9, 9}, at("08:10") }, Broken, "silent", "9 came in the same hours"},
		{"silence", func(f *Facts) { f.Log.SameHours, f.Log.LastAccepted = lots, at("08:10") }, Broken, "silent", "No webhook came since 08:10. On each of the last 7 days, 5 to 30 came in the same hours"},
		{"silence on one day of the week", func(f *Facts) { f.Log.SameHours, f.Log.LastAccepted = []int{40, 40, 40, 40, 40, 40, 0}, at("08:10") }, Working, "", ""},
		{"silence of a store with few webhooks", func(f *Facts) { f.Log.SameHours, f.Log.LastAccepted = []int{5, 6, 4, 5, 6, 7, 8}, at("08:10") }, Working, "", ""},
		{"silence for more than a day", func(f *Facts) { f.Log.SameHours = lots }, Broken, "silent", "No webhook came since 2026-11-23 10:50"},
		{"a silence that was not compared", func(f *Facts) { f.Log.SameHours, f.Log.LastAccepted = nil, at("10:40") }, Working, "", ""},
		{"dead letters", func(f *Facts) {
			f.DeadLetters, f.Log.Failed, f.Log.FailedFor, f.Log.FirstFailed = 32, 27, "27 message_invalid", at("10:00")
		}, Degraded, "dead-letters",
			"There are 32 dead letters: events that could not be delivered. Of the events that were received in the last 24 hours, 27 became one (27 message_invalid), the first received at 10:00."},
		{"a file that nothing reads", func(f *Facts) { f.Unused = []string{".hub/segment/hots"} }, Working, "unused/.hub/segment/hots", "Nothing reads the file .hub/segment/hots, so it has no effect."},
		{"one dead letter", func(f *Facts) { f.DeadLetters = 1 }, Degraded, "dead-letters", "There is 1 dead letter"},
		{"a tracking is disabled", func(f *Facts) { f.Disabled = []string{"order-updated"} }, Working, "disabled", "order-updated"},
		{"something cannot be read", func(f *Facts) { f.Unread = []string{"no answer"} }, Degraded, "unread/no answer", "could not be checked: no answer."},
		{"Segment gets the write key of the inbox", func(f *Facts) { f.InboxKey = true }, Broken, "inbox-key", "events for Segment are retried. Set the write key of a Segment source"},
		{"a tracking is paused", func(f *Facts) {
			f.Paused = []store.Pause{{Tracking: tracking.OrderCompleted, Since: at("09:00")}}
			f.Log.Waits = []executions.Wait{wait("", 2, "09:01"), wait("segment_503", 1, "08:59")}
		}, Degraded, "paused/order-completed", "The events are kept until it is resumed. Kept: 3 events. Resume it to send the kept events. hub resume order-completed --dir here"},
		{"another tracking is paused", func(f *Facts) {
			f.Paused, f.Log.Waits = []store.Pause{{Tracking: tracking.OrderRefunded, Since: at("09:00")}}, []executions.Wait{wait("segment_503", 1, "08:59")}
		}, Degraded, "segment paused/order-refunded", "Kept: 0 events"},
		{"the worst is first", func(f *Facts) { f.DeadLetters, f.Settings, f.Disabled = 1, "x", []string{"y"} }, Broken, "settings dead-letters disabled", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Facts{Now: now, Flag: " --dir here", HubFlag: " --dir here --addr there"}
			c.given(&f)
			j := Judge(f)
			var keys []string
			said := ""
			for _, p := range j.Problems {
				keys = append(keys, p.Key)
				said += strings.Join([]string{p.Says, p.Do, p.Run}, " ") + "\n"
			}
			if got := strings.Join(keys, " "); j.State != c.state || got != c.keys {
				t.Errorf("it is %s because of %q, want %s because of %q:\n%s", j.State, got, c.state, c.keys, said)
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, said)
			}
		})
	}
}

func TestAJudgementIsOneSentence(t *testing.T) {
	f := Facts{Now: now}
	if got := Judge(f).Says(); got != "Working. Webhooks are accepted and delivered as they arrive." {
		t.Errorf("it says %q", got)
	}
	f.DeadLetters = 1
	if got := Judge(f).Says(); !strings.HasPrefix(got, "Degraded. There is 1 dead letter") {
		t.Errorf("it says %q", got)
	}
	f.Settings = "x"
	if got := Judge(f).Says(); !strings.HasPrefix(got, "Broken: 2 problems. The first: The settings are not complete or not valid") {
		t.Errorf("it says %q", got)
	}
}
