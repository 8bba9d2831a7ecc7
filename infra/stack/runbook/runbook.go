// Package runbook has the words of the alarms of a deployed store: what each one means, and
// what to do. They are written only here. The stack takes them for the descriptions of the
// alarms and for the dashboard, the hub shows them while an alarm is on, and a test compares
// the table in infra/docs/operate.md with them.
package runbook

import (
	"fmt"
	"strings"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/tracking"
)

// Alarm is what a person on call reads about an alarm.
type Alarm struct {
	// Kind is the name of the alarm below the name of the stack. If there is one for each
	// tracking, the name of the tracking is before it.
	Kind        string
	PerTracking bool
	// Loses is set if webhooks may be lost while the alarm is on.
	Loses bool
	Means string // what has happened, as sentences
	Do    string // as sentences
	run   string // the command that helps: see Run
}

// The alarms of the whole store.
var (
	Failed = Alarm{Kind: "failed",
		Means: "Events have just become dead letters: they could not be delivered. The alarm is raised each time.",
		Do:    "Fix what the list says, and replay them. Dead letters are kept for 14 days.",
		run:   "hub deadletters list --prefix PREFIX"}
	Blocked = Alarm{Kind: "blocked",
		Means: "Events are retried until an operator fixes the cause: a template fails, the write key, the webhook secret or the token that deletes users is missing, Segment rejects the write key or the token, or Commerce rejects the credentials. Nothing is lost for 30 hours.",
		Do:    "Fix what the command says. The events are then delivered automatically.",
		run:   "hub status --prefix PREFIX"}
	Late = Alarm{Kind: "late",
		Means: "Events are retried for more than 15 minutes: Segment, or Commerce if a template asks it, is down or slow, or its address is wrong. Nothing is lost for 30 hours.",
		Do:    "If it is down, nothing: the events are delivered automatically when it answers again. Otherwise correct the address.",
		run:   "hub status --prefix PREFIX"}
	Silent = Alarm{Kind: "silent",
		Means: "No webhook was accepted for as many hours as the option silenceHours of the deployment says.",
		Do:    "Check that the webhooks in Commerce are enabled, have this store's address, and what Commerce was answered. If the store is only quiet, set more hours.",
		run:   "hub webhooks list --prefix PREFIX"}
	Forged = Alarm{Kind: "forged",
		Means: "Webhooks with a wrong secret were rejected in three or more 5-minute periods of the last 24 hours. They come from Commerce after a change of the secret, or from any other client.",
		Do:    "Let the command compare the secret in Commerce with the store's. If it changes nothing, others sent them, and you need to do nothing.",
		run:   "hub webhooks sync --prefix PREFIX"}
	Unverified = Alarm{Kind: "unverified",
		Means: "Webhooks were accepted without a check of their secret, in three or more 5-minute periods of the last 24 hours: there is no webhook secret, or Parameter Store did not answer. They are checked before delivery, and nothing is lost.",
		Do:    "If the secret is missing, set it.",
		run:   "hub configure --prefix PREFIX"}
	TooLarge = Alarm{Kind: "too-large", Loses: true,
		Means: "A webhook was too large to be stored, even compressed, and is lost.",
		Do:    "Find it in the list. The log of the function has its size.",
		run:   "hub executions --outcome rejected --prefix PREFIX"}
	Throttled = Alarm{Kind: "api-429", Loses: true,
		Means: "API Gateway answered webhooks with 429 before a function received them. They are lost unless Commerce sends them again. The account's limit of requests a second in this region is reached, by this API or by another.",
		Do:    "Ask AWS for a higher limit: the command says how.",
		run:   "hub doctor --prefix PREFIX"}
	ServerErrors = Alarm{Kind: "api-5xx", Loses: true,
		Means: "The API answered Commerce with 5xx: these webhooks may be lost.",
		Do:    "Look at the log of the API, then at the log of the function that it names.",
		run:   "aws logs tail /aws/vendedlogs/apis/STACK --since 1h"}
)

// The alarms that each tracking has.
var (
	DeadLetters = Alarm{Kind: "dead-letters", PerTracking: true,
		Means: "There are dead letters: events that could not be delivered. The alarm stays on while there are any; failed is raised at each new one.",
		Do:    "Fix what the list says, and replay them. They are kept for 14 days after they failed, or after they arrived if they used up all attempts.",
		run:   "hub deadletters list --prefix PREFIX"}
	Age = Alarm{Kind: "age", PerTracking: true,
		Means: "Events have been queued for more than 15 minutes without an attempt to deliver them: the tracking is paused, or its function does not run or is too slow. Segment is not the cause.",
		Do:    "Resume the tracking if it is paused. Otherwise look at the errors, the throttles and the concurrency of the function.",
		run:   "hub doctor --prefix PREFIX"}
	Waiting = Alarm{Kind: "waiting", PerTracking: true,
		Means: "Events that are retried have had hardly any attempt for more than an hour. If late or blocked is on, too many wait to attempt all of them. Otherwise the tracking is paused, the rule of EventBridge that calls its function every minute is disabled, or the function is too busy with accepted events.",
		Do:    "If late or blocked is on, do what it says. Otherwise resume the tracking, enable the rule, or set a higher deliveryConcurrency. The command makes the function attempt the events now.",
		run:   "hub retry --prefix PREFIX --tracking TRACKING"}
	Errors = Alarm{Kind: "errors", PerTracking: true, Loses: true,
		Means: "The function timed out or crashed. Events that it was delivering are delivered again automatically. A webhook that it was accepting may be lost.",
		Do:    "Look at its log.",
		run:   "aws logs tail /aws/lambda/STACK-TRACKING --since 1h"}
	Throttles = Alarm{Kind: "throttles", PerTracking: true, Loses: true,
		Means: "Lambda did not run the function, because the account's limit of concurrent executions is reached. Webhooks may be lost; events are delivered later.",
		Do:    "Ask AWS for a higher limit: the command says how.",
		run:   "hub doctor --prefix PREFIX"}
)

// All returns all alarms, in the order in which a person on call reads them.
func All() []Alarm {
	return []Alarm{DeadLetters, Failed, Blocked, Late, Age, Waiting, Silent, Forged, Unverified, TooLarge, Throttled, ServerErrors, Errors, Throttles}
}

// Name returns the name of the alarm of a tracking below the name of the stack. An alarm of
// the whole store has no tracking.
func (a Alarm) Name(t tracking.Tracking) string {
	if a.PerTracking {
		return t.Name + "-" + a.Kind
	}
	return a.Kind
}

// Run returns the command that helps. It works as it is if the tracking is one.
func (a Alarm) Run(prefix, tracking string) string {
	return strings.NewReplacer("PREFIX", prefix, "STACK", outputs.StackName(prefix), "TRACKING", tracking).Replace(a.run)
}

// Description returns the text of the alarm of a tracking in CloudWatch.
func (a Alarm) Description(prefix string, t tracking.Tracking) string {
	return fmt.Sprintf("%s %s Run: %s", a.Means, a.Do, a.Run(prefix, t.Name))
}

// Firing is an alarm that is on.
type Firing struct {
	Alarm
	Names     []string // of the alarms in CloudWatch
	Trackings []string // for which it is on; none for one of the whole store
}

// Run returns the command that helps, for the first tracking.
func (f Firing) Run(prefix string) string {
	first := ""
	if len(f.Trackings) > 0 {
		first = f.Trackings[0]
	}
	return f.Alarm.Run(prefix, first)
}

// Names returns the names of all alarms of a stack. An alarm that is an option has its name
// too.
func Names(stack string) (names []string) {
	eachName(func(name string, _ Alarm, _ string) { names = append(names, stack+"-"+name) })
	return names
}

// Find returns the alarms of a stack that are on, by their names.
func Find(stack string, isOn func(name string) bool) (found []Firing) {
	eachName(func(name string, a Alarm, tracking string) {
		if name = stack + "-" + name; !isOn(name) {
			return
		}
		if len(found) == 0 || found[len(found)-1].Kind != a.Kind {
			found = append(found, Firing{Alarm: a})
		}
		last := &found[len(found)-1]
		last.Names = append(last.Names, name)
		if a.PerTracking {
			last.Trackings = append(last.Trackings, tracking)
		}
	})
	return found
}

// eachName calls a function with the name of each alarm below the name of the stack.
func eachName(call func(name string, a Alarm, tracking string)) {
	for _, a := range All() {
		if !a.PerTracking {
			call(a.Kind, a, "")
			continue
		}
		for _, t := range tracking.All() {
			call(a.Name(t), a, t.Name)
		}
	}
}

// Table returns the alarms as a table in Markdown. In a name … stands for the tracking, and in
// a command TRACKING.
func Table(prefix string) string {
	var table strings.Builder
	table.WriteString("| alarm | means | do |\n|---|---|---|\n")
	for _, a := range All() {
		name := a.Kind
		if a.PerTracking {
			name = "…-" + a.Kind
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s `%s` |\n", name, a.Means, a.Do, a.Run(prefix, "TRACKING"))
	}
	return table.String()
}
