package executions

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/deletion"
	"commerce-segment/shared/tracking"
)

// Story is what is known about one order or customer, in sentences.
type Story struct {
	Resource string
	Says     string    // a summary in one sentence
	Chapters []Chapter // one for each webhook or event without one, the oldest first
	Rest     []string  // further remarks and advice
	Commerce []string  // what Commerce has now; Trace does not ask it

	Candidates []string // the ids that begin with the one that was searched for, if there are several
}

// Executions returns the executions of all chapters.
func (s Story) Executions() []Execution {
	all := make([]Execution, len(s.Chapters))
	for i, c := range s.Chapters {
		all[i] = c.Execution
	}
	return all
}

// Chapter describes the outcome of one webhook, or of an event that was sent without one.
type Chapter struct {
	Execution
	Title string // of its tracking
	Says  string
	Do    string // what the operator should do; empty if nothing
	Steps []Step
}

// Step is one log line as a sentence.
type Step struct {
	At     time.Time
	Says   string
	Answer string       // of the destination of an attempt, or to Commerce; empty if there was none
	Took   Milliseconds // 0 if it is not known
}

// Clock returns the time of a step in the time zone of this machine, with milliseconds.
func (s Step) Clock() string { return s.At.Local().Format("2006-01-02 15:04:05.000 MST") }

// Store identifies the store in the commands of a story.
type Store struct {
	Flag     string // as on the command line, with a space before it
	Deployed bool
}

// Search is what was searched for.
type Search struct {
	Resource string
	Number   string // of the order, if it was searched for by that
	Since    time.Duration
	Now      time.Time
	Store    Store
	Sent     Sent // about resources whose ids are or begin with Resource; in any time
}

// name returns what was searched for.
func (s Search) name() string {
	if s.Number != "" {
		return fmt.Sprintf("order %s (%s)", s.Number, s.Resource)
	}
	return s.Resource
}

// Tell returns the story of the executions found for an order, a customer or a webhook.
func (s Search) Tell(found []Execution) Story {
	story := Story{Resource: s.Resource}
	if len(found) == 0 {
		story.Says = s.noWebhooks() + "."
		story.Rest = s.neverSeen()
		return story
	}
	for _, e := range slices.Backward(found) {
		story.Chapters = append(story.Chapters, s.Chapter(e))
	}
	story.Says = s.received(found) + sent(found) + "."
	if missing := missing(found); len(missing) > 0 {
		story.Rest = []string{"No webhook was received for " + strings.Join(missing, ", ") +
			". That is right if it did not happen in Commerce. If it did, look at the delivery logs of the integration in Commerce Manager."}
	}
	if !s.Store.Deployed && slices.ContainsFunc(found, Execution.beginsLater) {
		story.Rest = append(story.Rest, "The earlier steps are not known: an earlier release of the hub received the webhook, or the log of that time was removed or damaged.")
	}
	return story
}

// sent describes which events of a story reached Segment.
func sent(found []Execution) string {
	var titles []string
	for _, e := range slices.Backward(found) {
		if title := titleOf(e.Tracking); e.Outcome == Delivered && !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
	}
	if len(titles) == 0 {
		return ". Nothing was sent to Segment"
	}
	return ". Segment received " + strings.Join(titles, ", ")
}

// missing returns the trackings without a webhook, each with its events. It considers only
// trackings about the same kind of resource that every store has.
func missing(found []Execution) (names []string) {
	came := map[string]bool{}
	kinds := map[string]bool{}
	for _, e := range found {
		came[e.Tracking] = true
		kinds[e.ResourceType()] = true
	}
	for _, t := range tracking.All() {
		if kinds[t.Resource()] && !came[t.Name] && !t.Optional {
			names = append(names, fmt.Sprintf("%s (%s)", t.Title, strings.Join(t.Observable(), " or ")))
		}
	}
	return names
}

// neverSeen returns the possible reasons if no webhook was found, and what to do.
func (s Search) neverSeen() []string {
	rest := []string{
		"Perhaps Commerce sent no webhook: the delivery logs of the integration in Commerce Manager show what was sent, and the answers. " +
			"If there is none, the integration is disabled, or does not have this event.",
		"Perhaps the webhook was rejected before it was read: hub executions --outcome rejected" + s.Store.Flag + " lists those.",
	}
	rest = append(rest, fmt.Sprintf("If it did happen in Commerce, hub reconcile --since %s%s finds what is missing in Segment and the probable reason, "+
		"and sends it with --send.", lookbackFlag(s.Since), s.Store.Flag))
	if s.Store.Deployed {
		return append(rest, "Perhaps it was received earlier: search further back with --since 30d. The logs are kept for 30 days, or for the logRetentionDays of the deployment.")
	}
	return append(rest, "Perhaps it was received earlier: search further back with --since 30d. A hub keeps the log for 30 days, or for the time in hub run --keep.")
}

// beginsLater reports whether the log no longer has the line about the webhook's acceptance.
func (e Execution) beginsLater() bool { return e.Lines[0].Kind != kindAccept && !e.WithoutWebhook() }

// ResourceType returns the type of the resource that the execution is about, such as "order". It is
// empty if that is not known.
func (e Execution) ResourceType() string {
	if resource, _, isEvent := strings.Cut(e.Event, "."); isEvent {
		return resource
	}
	if t, err := tracking.ByName(e.Tracking); err == nil {
		return t.Resource()
	}
	return ""
}

// titleOf returns the title of a tracking.
func titleOf(name string) string {
	t, err := tracking.ByName(name)
	if err != nil {
		return name // of another release
	}
	return t.Title
}

// Chapter describes an execution.
func (s Search) Chapter(e Execution) Chapter {
	c := Chapter{Execution: e, Title: titleOf(e.Tracking)}
	c.Says, c.Do = s.conclusion(e)
	for i, line := range e.Lines {
		if i > 0 && line.Kind == kindDeliver && e.Lines[i-1].isLast() {
			// Only the hub on this machine logs a replay.
			c.Steps = append(c.Steps, Step{At: line.Time, Says: "The dead letter was replayed before the next attempt."})
		}
		c.Steps = append(c.Steps, Step{line.Time, line.words(), line.answer(), line.Took})
	}
	return c
}

// notTriedAfter is the time without an attempt that needs an explanation.
const notTriedAfter = 2 * time.Minute

// conclusion describes the outcome of a webhook, and what the operator should do.
func (s Search) conclusion(e Execution) (says, do string) {
	title, last := titleOf(e.Tracking), e.Lines[len(e.Lines)-1]
	if e.WithoutWebhook() {
		return sending(e)
	}
	switch e.Outcome {
	case Delivered:
		if len(last.Regulations) > 0 {
			return fmt.Sprintf("Segment accepted the request to delete the user at %s%s, as regulation %s.", words.Clock(last.Time), after(e), chars.Line(strings.Join(last.Regulations, ", "))),
				"Run hub deletions" + s.Store.Flag + " to see whether Segment has deleted the user."
		}
		return fmt.Sprintf("%s was sent to Segment at %s%s, as messageId %s.%s", title, words.Clock(last.Time), after(e), messageIDs(e), last.leftOut()), s.Store.fixLeftOut(last)
	case Skipped:
		return fmt.Sprintf("%s was not sent, as intended: %s.", title, skippedFor(e)), ""
	case Failed:
		return fmt.Sprintf("%s was not sent. It is a dead letter: %s.", title, because(e)),
			fmt.Sprintf("Fix this reason, then run hub deadletters redrive --tracking %s --reason %s%s.", e.Tracking, e.Reason, s.Store.Flag)
	case Rejected:
		return fmt.Sprintf("%s was not sent. The webhook was rejected: %s.", title, because(e)),
			"The event is lost unless Commerce sends it again: look at the integration's delivery logs in Commerce Manager."
	case Retrying:
		return fmt.Sprintf("%s is not sent yet. %s: %s.%s", title, last.attempt(), because(e), nextOf(last)), s.Store.Fix(e.Reason)
	default:
		says = fmt.Sprintf("%s is not sent yet. It is on the queue, and no attempt is complete.", title)
		if last.Kind == kindReplay {
			says = fmt.Sprintf("%s is not sent yet. Its dead letter was replayed, and no attempt is complete since then.", title)
		}
		if s.Now.Sub(last.Time) > notTriedAfter {
			do = "This takes too long: check the function's errors, throttles and concurrency."
		}
		return says, do
	}
}

// messageIDs lists the ids, and says how many more there are.
func messageIDs(e Execution) string {
	list := strings.Join(e.MessageIDs, ", ")
	if more := e.Messages - len(e.MessageIDs); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// after describes how long a delivery took.
func after(e Execution) string {
	text := ""
	if e.Delay != nil {
		text = fmt.Sprintf(", %s after the event", e.Delay)
	}
	if e.Attempts > 1 {
		text += fmt.Sprintf(", at attempt %d", e.Attempts)
	}
	return text
}

// leftOut describes what was left out of a message; empty if nothing was.
func (l Line) leftOut() string {
	if l.LeftOut == 0 {
		return ""
	}
	return fmt.Sprintf(" Fields were left out of it: %s of $commerce had no answer (%s).", words.Count(l.LeftOut, "optional call"), l.LeftOutReason)
}

// fixLeftOut returns what the operator must do so that fields are no longer left out; empty if
// nothing.
func (s Store) fixLeftOut(l Line) string {
	switch l.LeftOutReason {
	case "commerce_not_connected":
		if s.Deployed {
			return "Set the credentials of the Commerce API with hub configure" + s.Flag + ". The function may read them if its template in templates/ calls $commerce when you run make deploy."
		}
		return "Set the credentials of the Commerce API with hub configure" + s.Flag + "."
	case "commerce_400", "commerce_401", "commerce_403":
		return "Set an application key of Commerce that may read what the template asks for, with hub configure" + s.Flag + "."
	case "commerce_calls":
		return "The template makes more than ten optional calls of $commerce for one event: ask for several things at once, with a filter in the query."
	default:
		return ""
	}
}

func nextOf(last Line) string {
	if next := last.returns(); !next.IsZero() {
		return fmt.Sprintf(" Next attempt at %s.", words.Clock(next))
	}
	return ""
}

func because(e Execution) string {
	if e.Detail == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s (%s)", e.Reason, strings.TrimRight(e.Detail, "."))
}

func skippedFor(e Execution) string {
	switch e.Reason {
	case "disabled":
		return "the tracking is disabled"
	case "not_observed":
		return "the tracking does not observe " + e.Event
	case "filtered":
		return "the template makes no message of it"
	case "not_refunded":
		return "Commerce shows no refund at that time"
	default:
		return because(e)
	}
}

// Fix returns what the operator must do so that an event that is retried for this reason is
// delivered; empty if nothing.
func (s Store) Fix(reason string) string {
	switch reason {
	case "template":
		return "Fix the template. The events are then delivered automatically."
	case "write_key_missing", "unverified", "settings":
		return "Set the missing values with hub configure" + s.Flag + ". The events are then delivered automatically."
	case "segment_400", "segment_413":
		return "Segment rejected all messages of the request. Check segment/write-key, segment/host and segment/path. When they are right, the events are delivered automatically. If they are right already, the cause is this message: it becomes a dead letter when Segment accepts others."
	case "segment_401", "segment_403", "segment_404", "segment_405":
		return "Check segment/write-key, segment/host and segment/path. When they are right, the events are delivered automatically."
	case deletion.Inbox:
		return "To delete the users, set a Segment host and a token of Segment's Public API that may delete users, with hub configure" + s.Flag + ". The deletions are then requested automatically."
	case deletion.QuotaUsedUp:
		return "Segment accepts 600 requests a minute and 110,000 users a month. The event is retried for 30 hours, and then it is a dead letter. For a higher quota ask Segment's support. In the next month send it again: hub deadletters redrive --reason " + reason + s.Flag + "." + s.deadLettersEnd()
	case "commerce_400", "commerce_401", "commerce_403":
		return "Set an application key of Commerce that may read what the template asks for, with hub configure" + s.Flag + ". The events are then delivered automatically."
	case "envelope_version":
		return "Deploy the release that wrote the event."
	case "internal":
		return "This is a bug in the program: its log line has the stack trace."
	}
	switch {
	case deletion.IsRejection(reason):
		return "Segment rejected every user of the request. It accepts no deletion while it replays data: then the deletions are requested automatically when the replay has ended. Otherwise check the regulationType in the template, and the id of the user: it becomes a dead letter when Segment accepts others."
	case deletion.NeedsOperator(reason):
		return "Set a token of Segment's Public API that may delete users, with hub configure" + s.Flag + ". The deletions are then requested automatically."
	default:
		return ""
	}
}

// deadLettersEnd says how to keep a dead letter of a deployed store longer than SQS does.
func (s Store) deadLettersEnd() string {
	if !s.Deployed {
		return ""
	}
	return " SQS deletes a dead letter after 14 days: hub export FILE" + s.Flag + " keeps it."
}

// words returns a line as a sentence.
func (l Line) words() string {
	switch {
	case l.Kind == kindAccept:
		return l.acceptance()
	case l.Kind == kindReplay:
		return "The dead letter was replayed: it is on the queue again."
	case l.withoutWebhook():
		return l.sendingStep()
	}
	switch l.Outcome {
	case "delivered":
		return fmt.Sprintf("Attempt %d: Segment accepted it.%s", l.Receives, l.leftOut())
	case "retrying":
		text := fmt.Sprintf("%s: %s.", l.attempt(), l.why())
		if l.RetryIn != "" {
			text += fmt.Sprintf(" Next attempt in %s.", l.RetryIn)
		}
		return text
	case "skipped":
		return fmt.Sprintf("Attempt %d: nothing to send: %s.", l.Receives, l.why())
	default:
		if l.Unsettled != "" {
			return fmt.Sprintf("Attempt %d: it is to become a dead letter (%s), but that failed: %s.", l.Receives, l.why(), l.Unsettled)
		}
		return fmt.Sprintf("Attempt %d: it became a dead letter: %s.", l.Receives, l.why())
	}
}

// answer returns the answer of Segment or Commerce to an attempt, or that of the hub to Commerce.
func (l Line) answer() string {
	switch {
	case l.Kind == kindAccept && l.Outcome == string(Accepted):
		return "HTTP 202"
	case l.Kind == kindDeliver && l.Outcome == string(Delivered):
		return "accepted"
	case l.Kind == kindDeliver && l.Receives > 0:
		return AnswerOf(l.Reason)
	default:
		return ""
	}
}

// AnswerOf returns the answer that a reason names: HTTP 503 for segment_503, timeout for
// segment_timeout. It returns an empty text if the reason is not about an answer.
func AnswerOf(reason string) string {
	from, answer, _ := strings.Cut(reason, "_")
	switch {
	case from != "segment" && from != "commerce" && from != "deletion":
		return ""
	case strings.Trim(answer, "0123456789") == "":
		return "HTTP " + answer
	default:
		return strings.ReplaceAll(answer, "_", " ")
	}
}

// attempt says that an attempt failed, or that there was none because those before it had.
func (l Line) attempt() string {
	if l.Receives == 0 {
		return "It was not attempted"
	}
	return fmt.Sprintf("Attempt %d failed", l.Receives)
}

func (l Line) why() string { return because(Execution{Reason: l.Reason, Detail: l.Detail}) }

func (l Line) acceptance() string {
	called := "Webhook received"
	if l.Event != "" {
		called += fmt.Sprintf(": %s, webhook %s, attempt %d of Commerce", l.Event, l.WebhookID, l.Attempt)
	}
	if l.Outcome == string(Accepted) {
		return called + ". Answered with 202: the event is stored."
	}
	return fmt.Sprintf("%s. Rejected: %s.", called, because(Execution{Reason: l.Outcome, Detail: l.Detail}))
}
