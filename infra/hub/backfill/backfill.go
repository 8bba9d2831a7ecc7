package backfill

import (
	"context"
	"errors"
	"slices"
	"time"

	"commerce-segment/shared/commerce"
)

// Plan is what a backfill would send.
type Plan struct {
	Resources int            // orders or customers in the period
	Events    map[string]int // messages, by the names of the trackings
	Filtered  int            // facts of which the template makes nothing
	Rejected  int            // facts of which it makes what Segment would drop
	Refusals  []Refusal      // the first of them
	Payments  int            // orders whose movements of money have to be read
	Samples   []Sample       // one of each tracking
}

// Sample is a message that would be sent.
type Sample struct {
	Tracking string
	JSON     []byte // without what is personal
}

// Total is how many messages there are.
func (p Plan) Total() (total int) {
	for _, n := range p.Events {
		total += n
	}
	return total
}

// commercePerSecond is how many requests a second the client of Commerce makes.
const commercePerSecond = 10

// Takes is about how long sending will take.
func (p Plan) Takes(rate int) time.Duration {
	reading := time.Duration(p.Payments) * time.Second / commercePerSecond
	sending := time.Duration(p.Total()) * time.Second / time.Duration(rate)
	return max(reading, sending).Round(time.Second)
}

// refusalsKept bounds the refusals that are told in full.
const refusalsKept = 10

// add counts what was written.
func (p *Plan) add(all []written) {
	for _, w := range all {
		switch {
		case w.invalid != nil:
			p.Rejected++
			if len(p.Refusals) < refusalsKept {
				p.Refusals = append(p.Refusals, refusal(w.fact, w.invalid.Error()))
			}
		case len(w.messages) == 0:
			p.Filtered++
		default:
			if p.Events[w.fact.by.Name] == 0 {
				p.Samples = append(p.Samples, Sample{w.fact.by.Name, redact(w.messages[0].JSON)})
			}
			p.Events[w.fact.by.Name] += len(w.messages)
		}
	}
}

// Plan reads a period and counts what a backfill of it would send. The callback hears
// how many orders or customers are read.
func (s *Sender) Plan(ctx context.Context, kind Kind, since, until time.Time, read func(int)) (Plan, error) {
	plan := Plan{Events: map[string]int{}}
	var batch []*resource
	for r, err := range s.list(ctx, kind, commerce.Period{From: since, To: until}) {
		if err != nil {
			return Plan{}, err
		}
		if batch = append(batch, r); len(batch) < batchLength {
			continue
		}
		if err := s.count(ctx, &plan, batch); err != nil {
			return Plan{}, err
		}
		read(plan.Resources)
		batch = nil
	}
	err := s.count(ctx, &plan, batch)
	read(plan.Resources)
	return plan, err
}

// count adds to a plan what some resources cause.
func (s *Sender) count(ctx context.Context, plan *Plan, batch []*resource) error {
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
	plan.add(all)
	return nil
}

// batchLength is how many orders or customers are read before what they cause is sent.
// It is what is told again where a backfill is killed.
const batchLength = 100

// Backfill tells what has happened to the orders or customers that were created in a
// period, from where the position is. The position moves behind what Segment has taken,
// and is kept each time; the callback hears of it. Whoever is killed begins again at
// the last position that was kept: what is told twice has the same messageIds.
func (s *Sender) Backfill(ctx context.Context, p *Position, journal *Journal, progress func(Position)) error {
	var batch []*resource
	for r, err := range s.list(ctx, p.Kind, commerce.Period{From: p.from(), To: p.Until}) {
		if err != nil {
			return err
		}
		if p.isBehind(r) {
			continue
		}
		if batch = append(batch, r); len(batch) < batchLength {
			continue
		}
		if err := s.sendBatch(ctx, p, journal, batch); err != nil {
			return err
		}
		progress(*p)
		batch = nil
	}
	if err := s.sendBatch(ctx, p, journal, batch); err != nil {
		return err
	}
	progress(*p)
	return p.Forget()
}

// sendBatch sends what has happened to some resources, and moves the position behind them.
func (s *Sender) sendBatch(ctx context.Context, p *Position, journal *Journal, batch []*resource) error {
	facts, err := s.factsOf(ctx, batch)
	if err != nil {
		return err
	}
	sent, refused, err := s.send(ctx, journal, facts)
	if err != nil {
		return err
	}
	p.Sent += sent
	p.Rejected += len(refused)
	p.Refusals = slices.Concat(p.Refusals, refused)
	p.Refusals = p.Refusals[:min(len(p.Refusals), refusalsKept)]
	for _, r := range batch {
		p.pass(r)
	}
	return p.keep()
}

// send sends facts, and writes down those that it has sent to wherever the source sends.
func (s *Sender) send(ctx context.Context, journal *Journal, facts []fact) (sent int, refused []Refusal, err error) {
	all, err := s.write(ctx, facts, true)
	if err != nil {
		return 0, nil, err
	}
	sent, refused, left, err := s.deliver(ctx, all)
	if len(s.to) > 0 {
		return sent, refused, err
	}
	return sent, refused, errors.Join(err, journal.add(sentOf(all, refused, left)))
}

// sentOf are the keys of the facts of which Segment has taken all that was written.
func sentOf(all []written, refused []Refusal, left []fact) []string {
	not := map[string]bool{}
	for _, r := range refused {
		not[key(r.Tracking, r.Resource)] = true
	}
	for _, f := range left {
		not[f.key()] = true
	}
	var keys []string
	for _, w := range all {
		if k := w.fact.key(); len(w.messages) > 0 && !not[k] {
			keys = append(keys, k)
		}
	}
	return keys
}
