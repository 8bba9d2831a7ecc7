package backfill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
)

// Outcome is the outcome of a webhook that arrived.
type Outcome int

// The outcomes. Among several webhooks for the same fact the greatest value is used.
const (
	DeadLettered Outcome = iota + 1 // it failed and is a dead letter
	Skipped                         // it was intentionally not sent
	Pending                         // it is queued or retrying
	Delivered                       // Segment accepted it
)

// Arrival is a webhook that arrived.
type Arrival struct {
	Tracking, Event, Resource string
	Outcome                   Outcome
	Reason                    string    // of Skipped
	EventTime                 time.Time // of Delivered; zero if it is not known
	MessageIDs                []string  // of the messages that were sent
	// Revenue and Currency are those of the message that was sent. Revenue is empty if the
	// log does not have it.
	Revenue, Currency string
}

// ArrivalLog has the outcomes of the webhooks that arrived.
type ArrivalLog interface {
	// Arrivals returns the webhooks since a time, and the time since which the log is
	// complete.
	Arrivals(ctx context.Context, since time.Time) (all []Arrival, complete time.Time, err error)
}

// OutcomeCounts counts the facts of a tracking by their outcomes.
type OutcomeCounts struct {
	Delivered, Pending, Skipped, DeadLettered int // according to the store's log
	SentFromHere                              int // sent by an earlier backfill or reconciliation
	Filtered                                  int // not sent, because the template filters them
	Rejected                                  int // not sent, because Segment would drop their messages
	Missing                                   int // their webhooks did not arrive
	// Unclear counts facts whose webhooks did not arrive and that may have happened
	// outside the period: Commerce does not record when they happened.
	Unclear int
}

// Missing is a fact whose webhook did not arrive.
type Missing struct {
	Kind               Kind
	Tracking, Resource string
	Event              string
	Happened           time.Time
	Messages           int
}

// Comparison compares the facts in Commerce with the webhooks that arrived.
type Comparison struct {
	// Since and Until limit the period that was compared.
	Since, Until time.Time
	Outcomes     map[string]*OutcomeCounts // by the names of the trackings
	Missing      []Missing
}

// Events returns the number of missing messages.
func (c *Comparison) Events() (total int) {
	for _, m := range c.Missing {
		total += m.Messages
	}
	return total
}

// TooEarlyError means that the log of webhooks does not cover any part of the period.
type TooEarlyError struct{ LogBegins, Until time.Time }

func (e *TooEarlyError) Error() string {
	return fmt.Sprintf("there is nothing to compare yet: the log of webhooks begins at %s, and the period ends at %s. Compare again later",
		words.Moment(e.LogBegins), words.Moment(e.Until))
}

// comparing is the state of a comparison.
type comparing struct {
	*Sender
	*Comparison
	KnownFacts
	seen map[string]bool // the keys of missing facts: an order may be listed twice
}

// Compare compares the facts of a period in Commerce with what is known since its beginning. It
// calls read with the number of orders and customers that it has read so far. It reads the
// time of a payment only if the webhook did not arrive.
func (s *Sender) Compare(ctx context.Context, kinds []Kind, since, until time.Time, known KnownFacts, read func(int)) (*Comparison, error) {
	if known.LogBegins.After(since) {
		since = known.LogBegins
	}
	if !since.Before(until) {
		return nil, &TooEarlyError{LogBegins: known.LogBegins, Until: until}
	}
	c := comparing{
		Sender:     s,
		Comparison: &Comparison{Since: since, Until: until, Outcomes: map[string]*OutcomeCounts{}},
		KnownFacts: known, seen: map[string]bool{},
	}
	for _, o := range s.observers {
		c.Outcomes[o.Name] = &OutcomeCounts{}
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

// listed returns the period of the resources to read. An order with an event in the period
// was updated then or later; for a customer only the creation is compared.
func (c comparing) listed(kind Kind) commerce.Period {
	if kind == Customers {
		return commerce.Period{From: c.Since, To: c.Until}
	}
	return commerce.Period{Of: commerce.Updated, From: c.Since}
}

// compare compares the facts of the orders or of the customers.
func (c comparing) compare(ctx context.Context, kind Kind, read func()) error {
	var batch []*resource
	var unknown []fact
	compareBatch := func() error {
		facts, err := c.factsOf(ctx, batch)
		if err != nil {
			return err
		}
		batch = nil
		if unknown = append(unknown, slices.DeleteFunc(facts, c.countKnown)...); len(unknown) < batchLength {
			return nil
		}
		defer func() { unknown = nil }()
		return c.countUnknown(ctx, kind, unknown)
	}
	for r, err := range c.list(ctx, kind, c.listed(kind)) {
		if err != nil {
			return err
		}
		read()
		if batch = append(batch, r); len(batch) < batchLength {
			continue
		}
		if err := compareBatch(); err != nil {
			return err
		}
	}
	if err := compareBatch(); err != nil {
		return err
	}
	return c.countUnknown(ctx, kind, unknown)
}

// countKnown counts a fact whose webhook arrived, or that an earlier run has sent. It reports
// whether the fact is one of these.
func (c comparing) countKnown(f fact) bool {
	counts := c.Outcomes[f.by.Name]
	switch outcome := c.outcome(f); outcome {
	case Delivered:
		counts.Delivered++
	case Pending:
		counts.Pending++
	case Skipped:
		counts.Skipped++
	default:
		if c.journal[f.key()] {
			counts.SentFromHere++
			return true
		}
		if outcome != DeadLettered {
			return false
		}
		counts.DeadLettered++
	}
	return true
}

// countUnknown counts facts that are not known from webhooks or earlier runs, and lists
// the missing ones.
func (c comparing) countUnknown(ctx context.Context, kind Kind, unknown []fact) error {
	all, err := c.write(ctx, unknown, true)
	if err != nil {
		return err
	}
	for _, w := range all {
		counts := c.Outcomes[w.fact.by.Name]
		within, clear := c.within(w.fact)
		switch {
		case clear && !within, c.seen[w.fact.key()]:
		case c.hasMessage(w):
			counts.Delivered++
		case w.invalid != nil:
			counts.Rejected++
		case len(w.messages) == 0:
			counts.Filtered++
		case !clear:
			counts.Unclear++
		default:
			counts.Missing++
			c.seen[w.fact.key()] = true
			c.Missing = append(c.Missing, Missing{
				Kind: kind, Tracking: w.fact.by.Name, Resource: w.fact.resource.ID, Event: w.fact.event,
				Happened: w.fact.time(), Messages: len(w.messages),
			})
		}
	}
	return nil
}

// within reports whether a fact happened in the period, and whether that is clear. If
// Commerce does not record the event time, it is clear only if all possible times are
// inside the period, or all are outside.
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

// Send sends missing facts and adds them to the journal. It calls progress with the number
// of facts that it has processed. After a run that was killed, the user compares again:
// facts that were sent are in the journal, or are sent again with the same messageIds.
func (s *Sender) Send(ctx context.Context, missing []Missing, journal *Journal, progress func(int)) (total Result, err error) {
	done := 0
	for part := range slices.Chunk(missing, batchLength) {
		facts, err := s.find(ctx, part)
		if err != nil {
			return total, err
		}
		result, err := s.send(ctx, journal, executions.KindReconcile, facts, KnownFacts{})
		total.Sent += result.Sent
		total.Lacking += result.Lacking
		total.Rejected = append(total.Rejected, result.Rejected...)
		if err != nil {
			return total, err
		}
		done += len(part)
		progress(done)
	}
	return total, nil
}

// find reads the resources of missing facts again: a comparison keeps only their ids.
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

// resource reads an order or a customer.
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
