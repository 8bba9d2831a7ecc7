package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/segment"
)

// Plan describes what a backfill would send.
type Plan struct {
	Resources  int            // orders or customers in the period
	Events     map[string]int // messages to send, by the names of the trackings
	Sent       int            // messages that are left out, because they were sent before
	Filtered   int            // facts that the template filters
	Rejected   int            // facts whose messages Segment would drop
	Rejections []Rejection    // the first of the rejected facts
	Payments   int            // orders whose payments have to be read, one request each
	Samples    []Sample       // one for each tracking
}

// Sample is a message that would be sent.
type Sample struct {
	Tracking string
	JSON     []byte // redacted
}

// sampleOf returns the first message of a fact.
func sampleOf(w written) Sample {
	message := w.messages[0].JSON
	text, _ := redact.New(message).JSON(string(message))
	return Sample{w.fact.by.Name, []byte(text)}
}

// Total returns the number of messages.
func (p Plan) Total() (total int) {
	for _, n := range p.Events {
		total += n
	}
	return total
}

// commercePerSecond is the number of requests a second that the client of Commerce sends.
const commercePerSecond = 10

// Takes returns an estimate of how long the backfill will take, at a rate in events a
// second.
func (p Plan) Takes(rate int) time.Duration {
	reading := time.Duration(p.Payments) * time.Second / commercePerSecond
	sending := time.Duration(p.Total()) * time.Second / time.Duration(rate)
	return max(reading, sending).Round(time.Second)
}

// rejectionsListed is the most rejections that are listed.
const rejectionsListed = 10

// add adds facts and their messages to the plan.
func (p *Plan) add(all []written, known KnownFacts) {
	for _, w := range all {
		switch {
		case known.hasSent(w.fact) || known.hasMessage(w):
			p.Sent += len(w.messages)
		case w.invalid != nil:
			p.Rejected++
			if len(p.Rejections) < rejectionsListed {
				p.Rejections = append(p.Rejections, rejection(w.fact, w.invalid.Error()))
			}
		case len(w.messages) == 0:
			p.Filtered++
		default:
			if p.Events[w.fact.by.Name] == 0 {
				p.Samples = append(p.Samples, sampleOf(w))
			}
			p.Events[w.fact.by.Name] += len(w.messages)
		}
	}
}

// Plan reads a period and counts what a backfill of it would send. It leaves out what is known
// to be sent. It calls read with the number of orders or customers that it has read so far.
func (s *Sender) Plan(ctx context.Context, kind Kind, since, until time.Time, known KnownFacts, read func(int)) (Plan, error) {
	plan := Plan{Events: map[string]int{}}
	var batch []*resource
	for r, err := range s.list(ctx, kind, commerce.Period{From: since, To: until}) {
		if err != nil {
			return Plan{}, err
		}
		if batch = append(batch, r); len(batch) < batchLength {
			continue
		}
		if err := s.count(ctx, &plan, known, batch); err != nil {
			return Plan{}, err
		}
		read(plan.Resources)
		batch = nil
	}
	err := s.count(ctx, &plan, known, batch)
	read(plan.Resources)
	return plan, err
}

// count adds the facts of a batch of resources to a plan.
func (s *Sender) count(ctx context.Context, plan *Plan, known KnownFacts, batch []*resource) error {
	facts, err := s.factsOf(ctx, batch)
	if err != nil {
		return err
	}
	all, err := s.write(ctx, facts, false)
	if err != nil {
		return err
	}
	plan.Resources += len(batch)
	plan.Payments += len(s.needPayments(batch, facts))
	plan.add(all, known)
	return nil
}

// batchLength is the number of orders or customers that are read before their facts are
// sent. If a backfill is killed, the next run sends at most this batch again.
const batchLength = 100

// Backfill sends the facts of the orders or customers that were created in the period of
// the position, starting at the position. It leaves out what is known to be sent. After each
// batch it saves the new position and calls progress with it. A run that is killed continues at the last saved position:
// messages that are sent twice have the same messageIds.
func (s *Sender) Backfill(ctx context.Context, p *Position, known KnownFacts, journal *Journal, progress func(Position)) error {
	var batch []*resource
	for r, err := range s.list(ctx, p.Kind, commerce.Period{From: p.from(), To: p.Until}) {
		if err != nil {
			return err
		}
		if p.hasPassed(r) {
			continue
		}
		if batch = append(batch, r); len(batch) < batchLength {
			continue
		}
		if err := s.sendBatch(ctx, p, known, journal, batch); err != nil {
			return err
		}
		progress(*p)
		batch = nil
	}
	if err := s.sendBatch(ctx, p, known, journal, batch); err != nil {
		return err
	}
	progress(*p)
	return p.Forget()
}

// sendBatch sends the facts of a batch of resources, moves the position past them and
// saves it.
func (s *Sender) sendBatch(ctx context.Context, p *Position, known KnownFacts, journal *Journal, batch []*resource) error {
	facts, err := s.factsOf(ctx, batch)
	if err != nil {
		return err
	}
	result, err := s.send(ctx, journal, executions.KindBackfill, slices.DeleteFunc(facts, known.hasSent), known)
	if err != nil {
		return err
	}
	p.Sent += result.Sent
	p.Lacking += result.Lacking
	p.Rejected += len(result.Rejected)
	p.Rejections = slices.Concat(p.Rejections, result.Rejected)
	p.Rejections = p.Rejections[:min(len(p.Rejections), rejectionsListed)]
	for _, r := range batch {
		p.pass(r)
	}
	return p.save()
}

// Result is what became of facts.
type Result struct {
	Sent     int // messages
	Lacking  int // sent messages that lack optional fields
	Rejected []Rejection
}

// LackingFields says how many sent messages lack optional fields; empty if none does.
func LackingFields(messages int) string {
	if messages == 0 {
		return ""
	}
	return fmt.Sprintf("Optional fields are missing in %s of these, because Commerce did not answer a call of their template.", words.Count(messages, "message"))
}

// send sends facts, without the partial refunds that are known to be sent, and adds what became of
// each to the journal. The kind is that of the journal's lines.
func (s *Sender) send(ctx context.Context, journal *Journal, kind string, facts []fact, known KnownFacts) (result Result, err error) {
	all, err := s.write(ctx, facts, true)
	if err != nil {
		return result, err
	}
	all = slices.DeleteFunc(all, known.hasMessage)
	sent, rejected, left, err := s.deliver(ctx, all)
	result.Sent, result.Rejected = sent, rejected
	about := executions.Line{Time: time.Now().UTC(), Kind: kind, By: journal.by}
	if len(s.to) > 0 {
		about.Detail = "only to " + strings.Join(s.to, " and ")
	}
	entries := entriesOf(about, all, rejected, left)
	for i := range entries {
		if len(s.to) > 0 { // they are still to be sent to the other integrations
			entries[i].key = ""
		}
		if line := entries[i].line; line.LeftOut > 0 {
			result.Lacking += line.Messages
		}
	}
	return result, errors.Join(err, journal.add(entries))
}

// idsInLine is how many messageIds a line of the journal lists.
const idsInLine = 10

// entriesOf returns the entries of the facts whose messages Segment has accepted, all of them,
// or rejected. The line about has what they have in common.
func entriesOf(about executions.Line, all []written, rejected []Rejection, left []fact) (entries []entry) {
	reasons := map[string]string{}
	for _, r := range rejected {
		reasons[key(r.Tracking, r.Resource)] = r.Reason
	}
	unsent := map[string]bool{}
	for _, f := range left {
		unsent[f.key()] = true
	}
	for _, w := range all {
		k, line := w.fact.key(), about
		reason, isRejected := reasons[key(w.fact.by.Name, loggable.ID(w.fact.resource.ID))]
		if unsent[k] || !isRejected && len(w.messages) == 0 {
			continue
		}
		line.Tracking, line.Event, line.Resource = w.fact.by.Name, w.fact.event, w.fact.resource.ID
		if w.fact.isExact() {
			line.EventTime = w.fact.time()
		}
		if isRejected {
			k, line.Outcome, line.Reason = "", string(executions.Rejected), reason
		} else {
			line.Outcome, line.Messages = string(executions.Delivered), len(w.messages)
			line.LeftOut, line.LeftOutReason = w.leftOut.Calls, w.leftOut.Reason
			line.Calls = segment.CallsOf(w.messages, w.fact.by.source)
			if s := revenueIn(w.messages, ""); s.reason == "" {
				line.Revenue, line.Currency = json.Number(s.revenue.String()), loggable.Currency(s.currency)
			}
			for _, m := range w.messages[:min(len(w.messages), idsInLine)] {
				line.MessageIDs = append(line.MessageIDs, m.ID)
			}
		}
		entries = append(entries, entry{k, line})
	}
	return entries
}
