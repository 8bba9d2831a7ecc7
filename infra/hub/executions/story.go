package executions

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// Story is all that is known of one order or customer, in sentences.
type Story struct {
	Resource string
	Says     string    // the whole of it in one sentence
	Chapters []Chapter // a webhook each, the oldest first
	Rest     []string  // what else there is to say, and to do
}

// Chapter is what became of one webhook.
type Chapter struct {
	Execution
	Title string // of its tracking
	Says  string
	Do    string // what the operator is to do; empty for nothing
	Steps []Step
}

// Step is one log line, in words.
type Step struct {
	At   time.Time
	Says string
}

// Clock is the moment of a step.
func (s Step) Clock() string { return clockFine(s.At) }

// Store says for the commands in a story which store they are about.
type Store struct {
	Flag     string // as on the command line, with a space before it
	Deployed bool
}

// Search is what a story is told of.
type Search struct {
	Resource string
	Since    time.Duration
	Now      time.Time
	Store    Store
}

// Tell tells the story of what was found about an order, a customer or a webhook.
func (s Search) Tell(found []Execution) Story {
	story := Story{Resource: s.Resource}
	if len(found) == 0 {
		story.Says = fmt.Sprintf("In %s no webhook came that is known to be about %s.", Lookback(s.Since), s.Resource)
		story.Rest = s.neverSeen()
		return story
	}
	for _, e := range slices.Backward(found) {
		story.Chapters = append(story.Chapters, s.chapter(e))
	}
	story.Says = fmt.Sprintf("In %s %s came about %s%s.", Lookback(s.Since), words.Count(len(found), "webhook"), s.Resource, sent(found))
	if missing := missing(found); len(missing) > 0 {
		story.Rest = []string{"No webhook came for " + strings.Join(missing, ", ") +
			". That is as it should be unless it has happened in Commerce; if it has, look at that integration's delivery logs there."}
	}
	if !s.Store.Deployed && slices.ContainsFunc(found, Execution.beginsLater) {
		story.Rest = append(story.Rest, "The earlier steps are not known: the hub keeps its log in memory, and was started again since, or has replaced the lines with newer ones.")
	}
	return story
}

// sent says what of a story reached Segment.
func sent(found []Execution) string {
	var titles []string
	for _, e := range slices.Backward(found) {
		if title := titleOf(e.Tracking); e.Outcome == Delivered && !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
	}
	if len(titles) == 0 {
		return ", and Segment was told nothing of it"
	}
	return ", and Segment was told " + strings.Join(titles, ", ")
}

// missing are the trackings for which nothing came, of those that are about the same
// kind of thing, each with the event that it waits for.
func missing(found []Execution) (names []string) {
	about := func(t tracking.Tracking) string { kind, _, _ := strings.Cut(t.Observes[0], "."); return kind }
	came := map[string]bool{}
	kinds := map[string]bool{}
	for _, e := range found {
		came[e.Tracking] = true
		if t, err := tracking.ByName(e.Tracking); err == nil {
			kinds[about(t)] = true
		}
	}
	for _, t := range tracking.All() {
		if kinds[about(t)] && !came[t.Name] {
			names = append(names, fmt.Sprintf("%s (%s)", t.Title, strings.Join(t.Observable(), " or ")))
		}
	}
	return names
}

// neverSeen says what it may mean that nothing is known, and what to do.
func (s Search) neverSeen() []string {
	rest := []string{
		"Commerce may have sent none: look at the delivery logs of the integration in Commerce Manager. They say whether it called, and what it was answered. " +
			"If it did not call, the integration is disabled, or does not have that event.",
		"It may have been refused before anybody looked whose it was: hub executions --outcome rejected" + s.Store.Flag + " lists those.",
	}
	rest = append(rest, fmt.Sprintf("If it has happened in Commerce all the same: hub reconcile --since %s%s finds what is missing and says why it seems lost, "+
		"and with --send it tells Segment exactly that.", lookbackFlag(s.Since), s.Store.Flag))
	if s.Store.Deployed {
		return append(rest, "It may have come earlier: look further back with --since 30d. The logs are kept for 30 days unless the store was deployed with another logRetentionDays.")
	}
	return append(rest, "It may have come before this hub was started: it remembers nothing of the time before.")
}

// beginsLater reports whether the log has no longer the line with which Commerce's call
// was answered.
func (e Execution) beginsLater() bool { return e.Lines[0].Kind != kindAccept }

func titleOf(name string) string {
	t, err := tracking.ByName(name)
	if err != nil {
		return name // of another release
	}
	return t.Title
}

func (s Search) chapter(e Execution) Chapter {
	c := Chapter{Execution: e, Title: titleOf(e.Tracking)}
	c.Says, c.Do = s.conclusion(e)
	for _, line := range e.Lines {
		c.Steps = append(c.Steps, Step{line.Time, line.words()})
	}
	return c
}

// notTriedAfter is when somebody should ask why an event has not been tried.
const notTriedAfter = 2 * time.Minute

// conclusion says how a webhook stands, and what the operator is to do.
func (s Search) conclusion(e Execution) (says, do string) {
	title, last := titleOf(e.Tracking), e.Lines[len(e.Lines)-1]
	switch e.Outcome {
	case Delivered:
		return fmt.Sprintf("%s was sent to Segment at %s%s, as messageId %s.", title, Clock(last.Time), after(e), messageIDs(e)), ""
	case Skipped:
		return fmt.Sprintf("%s was not sent, on purpose: %s.", title, skippedFor(e)), ""
	case Failed:
		return fmt.Sprintf("%s was not sent, and is among the dead letters: %s.", title, because(e)),
			fmt.Sprintf("Mend what it names, then hub deadletters redrive --tracking %s --reason %s%s.", e.Tracking, e.Reason, s.Store.Flag)
	case Rejected:
		return fmt.Sprintf("%s was not sent: Commerce was answered %s.", title, because(e)),
			"The event is lost unless Commerce posts it again: look at the integration's delivery logs in Commerce Manager."
	case Retrying:
		return fmt.Sprintf("%s was not sent yet: attempt %d of %d ended with %s.%s", title, last.Receives, spool.MaxReceives, because(e), nextOf(last)), s.Store.Mend(e.Reason)
	default:
		says = fmt.Sprintf("%s was not sent yet: it is on the queue, and no attempt has ended.", title)
		if s.Now.Sub(e.Received) > notTriedAfter {
			do = "That takes longer than it should: look at the function's errors, throttles and concurrency."
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

// after says how long a delivery took.
func after(e Execution) string {
	text := ""
	if e.Delay != nil {
		text = fmt.Sprintf(", %s after it happened", e.Delay)
	}
	if e.Attempts > 1 {
		text += fmt.Sprintf(", at attempt %d", e.Attempts)
	}
	return text
}

func nextOf(last Line) string {
	if next := last.returns(); !next.IsZero() {
		return fmt.Sprintf(" The next is due at %s.", Clock(next))
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
		return "the template gives nothing for it"
	case "not_refunded":
		return "no part of the order was refunded just then, as far as Commerce can be asked"
	default:
		return because(e)
	}
}

// Mend says what somebody must do for an event to flow that waits for that reason;
// empty where nothing.
func (s Store) Mend(reason string) string {
	switch reason {
	case "template":
		return "Mend the template: events then flow by themselves."
	case "write_key_missing", "unverified", "settings":
		return "Set what is missing with hub configure" + s.Flag + ": events then flow by themselves."
	case "segment_400", "segment_413":
		return "Segment took nothing that was sent with it. Look at segment/write-key, segment/host and segment/path: events flow by themselves once they are right. If they are, it is the message: it is put among the dead letters once others are taken with it."
	case "segment_401", "segment_403", "segment_404", "segment_405":
		return "Look at segment/write-key, segment/host and segment/path: events flow by themselves once they are right."
	case "commerce_400", "commerce_401", "commerce_403":
		return "Set the application key of Commerce anew with hub configure" + s.Flag + ", one that may read what the template asks for: events then flow by themselves."
	case "envelope_version":
		return "Deploy the release that wrote it."
	case "internal":
		return "It is a bug of this program: its log line has the stack."
	default:
		return ""
	}
}

// words says what a line says.
func (l Line) words() string {
	if l.Kind == kindAccept {
		return l.acceptance()
	}
	switch l.Outcome {
	case "delivered":
		return fmt.Sprintf("Attempt %d: Segment took it.", l.Receives)
	case "retrying":
		text := fmt.Sprintf("Attempt %d did not succeed: %s.", l.Receives, l.why())
		if l.RetryIn != "" {
			text += fmt.Sprintf(" Again in %s.", l.RetryIn)
		}
		return text
	case "skipped":
		return fmt.Sprintf("Attempt %d: nothing to send: %s.", l.Receives, l.why())
	default:
		if l.Unsettled != "" {
			return fmt.Sprintf("Attempt %d: it should be among the dead letters (%s), but could not be put there: %s.", l.Receives, l.why(), l.Unsettled)
		}
		return fmt.Sprintf("Attempt %d: put among the dead letters: %s.", l.Receives, l.why())
	}
}

func (l Line) why() string { return because(Execution{Reason: l.Reason, Detail: l.Detail}) }

func (l Line) acceptance() string {
	called := "Commerce called"
	if l.Event != "" {
		called += fmt.Sprintf(" with %s, webhook %s, its attempt %d", l.Event, l.WebhookID, l.Attempt)
	}
	if l.Outcome == string(Accepted) {
		return called + ". It was answered 202: the event is safe."
	}
	return fmt.Sprintf("%s. It was answered %s.", called, because(Execution{Reason: l.Outcome, Detail: l.Detail}))
}
