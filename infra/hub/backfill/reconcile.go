package backfill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// Outcome is what became of a webhook that came.
type Outcome int

// The fates. Of several webhooks about the same fact the greatest counts.
const (
	DeadLettered Outcome = iota + 1 // it is a dead letter
	Skipped                         // it was not to be sent
	Pending                         // it waits for another attempt
	Delivered                       // Segment took it
)

// Arrival is a webhook that came.
type Arrival struct {
	Tracking, Event, Resource string
	Outcome                   Outcome
	MessageIDs                []string // what it became
}

// ArrivalLog knows what became of the webhooks that came.
type ArrivalLog interface {
	// Arrivals gives those since a moment, and from when on they are complete.
	Arrivals(ctx context.Context, since time.Time) (all []Arrival, complete time.Time, err error)
}

// Tally is how the facts of a tracking compare with what was delivered.
type Tally struct {
	Delivered, Pending, Skipped, DeadLettered int // as the store's log has it
	SentFromHere                              int // sent by an earlier backfill or reconciliation
	Filtered                                  int // of which the template makes nothing
	Rejected                                  int // of which it makes what Segment would drop
	Missing                                   int
	// Unclear have not come, as far as is known, and may have happened before the
	// period: Commerce does not keep when.
	Unclear int
}

// Missing is a fact whose webhook has not come.
type Missing struct {
	Kind               Kind
	Tracking, Resource string
	Event              string
	Happened           time.Time
	Messages           int
}

// Comparison is what Commerce has beside what was delivered.
type Comparison struct {
	// Since and Until are the period that could be compared.
	Since, Until time.Time
	Tallies      map[string]*Tally // by the names of the trackings
	Missing      []Missing
}

// Events is how many messages are missing.
func (c *Comparison) Events() (total int) {
	for _, m := range c.Missing {
		total += m.Messages
	}
	return total
}

// TooEarlyError says that of a period nothing is known of the webhooks.
type TooEarlyError struct{ Known, Until time.Time }

func (e *TooEarlyError) Error() string {
	return fmt.Sprintf("there is nothing to compare yet: what is known of webhooks goes back to %s only, and the time to compare ends at %s. Compare again later",
		e.Known.UTC().Format(time.RFC3339), e.Until.UTC().Format(time.RFC3339))
}

// early is how long before a fact its webhook may seem to have come, by another clock.
const early = 5 * time.Minute

// comparing is a comparison while it is made.
type comparing struct {
	*Sender
	*Comparison
	outcomes map[string]Outcome
	ids      map[string]bool // messageIds of what Segment took
	sent     map[string]bool
	seen     map[string]bool // facts that are missing: an order may be listed twice
}

// Compare compares what Commerce has of a period with what was delivered. The callback
// hears how many orders and customers are read. It reads when an order was paid only
// where nothing is known of the webhook.
func (s *Sender) Compare(ctx context.Context, kinds []Kind, since, until time.Time, ledger ArrivalLog, journal *Journal, read func(int)) (*Comparison, error) {
	arrivals, complete, err := ledger.Arrivals(ctx, since.Add(-early))
	if err != nil {
		return nil, err
	}
	sent, err := journal.read()
	if err != nil {
		return nil, err
	}
	if complete.After(since) {
		since = complete
	}
	if !since.Before(until) {
		return nil, &TooEarlyError{Known: complete, Until: until}
	}
	c := comparing{
		Sender:     s,
		Comparison: &Comparison{Since: since, Until: until, Tallies: map[string]*Tally{}},
		outcomes:   outcomesOf(arrivals), ids: idsOf(arrivals), sent: sent, seen: map[string]bool{},
	}
	for _, o := range s.observers {
		c.Tallies[o.Name] = &Tally{}
	}
	count := 0
	for _, kind := range kinds {
		if !s.sends(kind) {
			continue
		}
		if err := c.compare(ctx, kind, func() { count++; read(count) }); err != nil {
			return nil, err
		}
	}
	return c.Comparison, nil
}

// outcomesOf returns the fates by the keys of the facts. An update that reported a partial
// refund did not report the full refund, nor another partial one: its messages show
// which one it reported.
func outcomesOf(arrivals []Arrival) map[string]Outcome {
	outcomes := make(map[string]Outcome, len(arrivals))
	for _, a := range arrivals {
		if isPart := a.Tracking == tracking.OrderRefunded.Name && a.Event == "order.updated"; isPart && (a.Outcome == Delivered || a.Outcome == Skipped) {
			continue
		}
		k := key(a.Tracking, a.Resource)
		outcomes[k] = max(outcomes[k], a.Outcome)
	}
	return outcomes
}

// idsOf returns the ids of the messages that Segment accepted.
func idsOf(arrivals []Arrival) map[string]bool {
	ids := map[string]bool{}
	for _, a := range arrivals {
		for _, id := range a.MessageIDs {
			if a.Outcome == Delivered {
				ids[id] = true
			}
		}
	}
	return ids
}

// candidates is the time of what has to be looked at. Whatever happened to an order in the
// period has changed it then, or later; of a customer only the creation is told.
func (c comparing) candidates(kind Kind) commerce.Period {
	if kind == Customers {
		return commerce.Period{From: c.Since, To: c.Until}
	}
	return commerce.Period{Of: commerce.Updated, From: c.Since}
}

// compare looks at the orders or the customers.
func (c comparing) compare(ctx context.Context, kind Kind, read func()) error {
	var batch []*resource
	var unknown []fact
	look := func() error {
		facts, err := c.factsOf(ctx, batch)
		if err != nil {
			return err
		}
		batch = nil
		if unknown = append(unknown, slices.DeleteFunc(facts, c.isKnown)...); len(unknown) < batchLength {
			return nil
		}
		defer func() { unknown = nil }()
		return c.judge(ctx, kind, unknown)
	}
	for r, err := range c.list(ctx, kind, c.candidates(kind)) {
		if err != nil {
			return err
		}
		read()
		if batch = append(batch, r); len(batch) < batchLength {
			continue
		}
		if err := look(); err != nil {
			return err
		}
	}
	if err := look(); err != nil {
		return err
	}
	return c.judge(ctx, kind, unknown)
}

// isKnown counts a fact whose webhook has come, or which was sent from here.
func (c comparing) isKnown(f fact) bool {
	tally := c.Tallies[f.by.Name]
	outcome := c.outcomes[key(f.by.Name, f.resource.ID)]
	if f.isPart() && (outcome == Delivered || outcome == Skipped) {
		outcome = 0 // of another part: see judge
	}
	switch outcome {
	case Delivered:
		tally.Delivered++
	case Pending:
		tally.Pending++
	case Skipped:
		tally.Skipped++
	default:
		if c.sent[f.key()] {
			tally.SentFromHere++
			return true
		}
		if outcome != DeadLettered {
			return false
		}
		tally.DeadLettered++
	}
	return true
}

// judge finds out which facts, of whose webhooks nothing is known, are missing.
func (c comparing) judge(ctx context.Context, kind Kind, unknown []fact) error {
	all, err := c.write(ctx, unknown, true)
	if err != nil {
		return err
	}
	for _, w := range all {
		tally := c.Tallies[w.fact.by.Name]
		within, clear := c.within(w.fact)
		switch {
		case clear && !within, c.seen[w.fact.key()]:
		case w.fact.isPart() && slices.ContainsFunc(w.messages, func(m segment.Message) bool { return c.ids[m.ID] }):
			tally.Delivered++
		case w.invalid != nil:
			tally.Rejected++
		case len(w.messages) == 0:
			tally.Filtered++
		case !clear:
			tally.Unclear++
		default:
			tally.Missing++
			c.seen[w.fact.key()] = true
			c.Missing = append(c.Missing, Missing{
				Kind: kind, Tracking: w.fact.by.Name, Resource: w.fact.resource.ID, Event: w.fact.event,
				Happened: w.fact.time(), Messages: len(w.messages),
			})
		}
	}
	return nil
}

// within says whether a fact happened in the period, and whether that is clear. Of what
// Commerce does not date it is clear where all that is possible is within.
func (c comparing) within(f fact) (within, clear bool) {
	latest := f.time()
	earliest := latest
	if !f.isExact() {
		earliest, _ = time.Parse(time.RFC3339, f.resource.CreatedAt) // else the zero time
	}
	switch {
	case latest.Before(c.Since) || !earliest.Before(c.Until):
		return false, true
	case !earliest.Before(c.Since) && latest.Before(c.Until):
		return true, true
	}
	return false, false
}

// Send sends what is missing, and writes it down. The callback hears how many facts are
// sent. Whoever is killed compares again: what was sent is in the journal, or has the
// same messageIds.
func (s *Sender) Send(ctx context.Context, missing []Missing, journal *Journal, progress func(int)) (sent int, refused []Refusal, err error) {
	done := 0
	for part := range slices.Chunk(missing, batchLength) {
		facts, err := s.find(ctx, part)
		if err != nil {
			return sent, refused, err
		}
		n, no, err := s.send(ctx, journal, facts)
		sent += n
		refused = append(refused, no...)
		if err != nil {
			return sent, refused, err
		}
		done += len(part)
		progress(done)
	}
	return sent, refused, nil
}

// find reads anew what the missing facts are about: a comparison keeps only their names.
func (s *Sender) find(ctx context.Context, missing []Missing) ([]fact, error) {
	found := make([]fact, len(missing))
	finding, ctx := errgroup.WithContext(ctx)
	finding.SetLimit(atOnce)
	for i, m := range missing {
		finding.Go(func() error {
			r, err := s.resource(ctx, m.Kind, m.Resource)
			if err != nil {
				return err
			}
			by := slices.IndexFunc(s.observers, func(o *observer) bool { return o.Name == m.Tracking })
			found[i] = fact{by: s.observers[by], event: m.Event, resource: r}
			return nil
		})
	}
	return found, finding.Wait()
}

// resource reads one order or customer.
func (s *Sender) resource(ctx context.Context, kind Kind, id string) (*resource, error) {
	if kind == Customers {
		customer, err := s.commerce.Customer(ctx, id)
		return &resource{Record: customer.Record}, err
	}
	order, err := s.commerce.Order(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the order %s again: %w", id, err)
	}
	return &resource{Record: order.Record, order: &order}, nil
}
