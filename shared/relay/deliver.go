package relay

import (
	"context"
	"errors"
	"slices"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// What is kept back of the caller's deadline.
const (
	// settleWithin is for settling, so that an event which ran into the deadline is
	// still postponed on its schedule.
	settleWithin = time.Second
	// reportWithin is for saying what must stay, where settling hangs: who is cut
	// off has said nothing, and the delivered ones come back as well.
	reportWithin = 200 * time.Millisecond
)

// Deliver takes a batch through to Segment and settles each item. It returns
// the handles of the items that must stay on the spool; all others are done.
func (r *Relay) Deliver(ctx context.Context, items []Item) (keep []string) {
	parcels := r.carry(ctx, items)
	ctx, cancel := withoutLast(ctx, reportWithin)
	defer cancel()
	for _, p := range parcels {
		if !r.settle(ctx, p) {
			keep = append(keep, p.item.Handle)
		}
	}
	return keep
}

// parcel is an item on its way to Segment, with what is known of it so far.
type parcel struct {
	item     Item
	lookup   template.Fetch // of its batch
	started  time.Time
	webhook  commerce.Webhook
	fact     segment.Fact
	happened time.Time // the event time, once there are messages
	written  []map[string]any
	messages []segment.Message
	outcome  outcome

	// What settling it came to, for the log.
	retryIn   time.Duration // until it comes back; 0 where the queue decides that
	unsettled error         // why the outcome could not be put into effect
}

// carry takes items to Segment, in one request unless they have a great many messages, and
// says of each how it ended.
func (r *Relay) carry(ctx context.Context, items []Item) []*parcel {
	ctx, cancel := withoutLast(ctx, settleWithin)
	defer cancel()

	parcels := make([]*parcel, len(items))
	for i, item := range items {
		parcels[i] = &parcel{item: item, started: time.Now()}
	}
	config, err := r.Configuration.Current(ctx)
	if err != nil {
		for _, p := range parcels {
			p.outcome = retry("settings", err)
		}
		return parcels
	}
	lookup := r.lookup(config.Commerce)
	var loaded []*parcel
	size := 0
	for _, p := range parcels {
		p.lookup = lookup
		p.outcome = r.prepare(ctx, config, p)
		loaded, size = append(loaded, p), size+p.size()
		if size > maxLoad {
			r.send(ctx, config.Segment, loaded)
			loaded, size = nil, 0
		}
	}
	r.send(ctx, config.Segment, loaded)
	return parcels
}

// maxLoad is how many bytes of messages wait for the others of their batch. A usual batch
// has some thousand.
const maxLoad = 4 << 20

// size returns the bytes of a parcel's messages.
func (p *parcel) size() (size int) {
	for _, m := range p.messages {
		size += len(m.JSON)
	}
	return size
}

// withoutLast is the context with its deadline, if it has one, that much earlier.
func withoutLast(ctx context.Context, margin time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}

// prepare takes one parcel up to the messages that are to be sent. Whatever
// happens to it, a panic too, happens to it alone. Only the messages are kept: what they
// are made of takes much more memory, and would be there for each one of a batch.
func (r *Relay) prepare(ctx context.Context, config Config, p *parcel) (o outcome) {
	defer func() { p.webhook, p.written = p.webhook.WithoutInput(), nil }()
	defer recoverInto(&o)
	steps := []func(context.Context, Config, *parcel) outcome{
		r.open, r.authenticate, r.parse, r.observe, r.complete, r.write, r.identify,
	}
	for _, step := range steps {
		if o = step(ctx, config, p); o.fate != underway {
			return o
		}
	}
	return o
}

// ErrVersion means that another release of this program wrote an envelope, and
// that only such a release can open it.
var ErrVersion = errors.New("written by another release")

// open looks whether the spool could open the envelope. One of another release
// stays on the spool as it is, until that release is back: a burial would wrap its
// text as the body of an envelope of this one, which no release opens as an event.
func (r *Relay) open(_ context.Context, _ Config, p *parcel) outcome {
	switch err := p.item.Err; {
	case errors.Is(err, ErrVersion):
		return retry("envelope_version", err).forOperator()
	case err != nil:
		return fail("envelope_unreadable", err)
	default:
		return outcome{}
	}
}

// reasonForged is why an event is buried whose key proves to be forged.
const reasonForged = "forged"

// authenticate verifies the key of an event that could not be verified when it
// came in. One that is not genuine by the secret of today goes to the dead letters:
// Commerce was told that it is safe, and it may be the secret that is mistyped. One
// that is genuine stays so if it is buried for another reason: the secret it came with
// may be rotated away before somebody puts it back on the queue.
func (r *Relay) authenticate(ctx context.Context, _ Config, p *parcel) outcome {
	if p.item.Envelope.Presented == nil {
		return outcome{}
	}
	switch verdict, why := r.verify(ctx, *p.item.Envelope.Presented); verdict {
	case commerce.Genuine:
		p.item.Envelope.Presented = nil
		return outcome{}
	case commerce.Forged:
		return fail(reasonForged, errForged)
	default:
		if why != nil {
			return retry("unverified", why)
		}
		return retry("unverified", errUnverified).forOperator()
	}
}

var (
	errForged     = errors.New("its key is none of the webhook secrets that are set now")
	errUnverified = errors.New("no webhook secret is set to compare its key with: set commerce/webhook-secret")
	errNoWriteKey = errors.New("no write key is set: set segment/write-key to the one of the Segment source")
)

// parse reads the webhook.
func (r *Relay) parse(_ context.Context, _ Config, p *parcel) outcome {
	webhook, err := commerce.Parse(p.item.Envelope.Body)
	if err != nil {
		return fail(refusalCode(err), err)
	}
	p.webhook = webhook
	return outcome{}
}

// observe skips what the operator does not want to hear of.
func (r *Relay) observe(_ context.Context, config Config, p *parcel) outcome {
	switch {
	case !config.Enabled:
		return skip("disabled")
	case !slices.Contains(config.Events, p.webhook.Event):
		return skip("not_observed")
	default:
		return outcome{}
	}
}

// complete finds the fact of the webhook, and skips an update of an order without one.
func (r *Relay) complete(ctx context.Context, config Config, p *parcel) outcome {
	p.fact = FactOf(r.Tracking, p.webhook, config.Segment.WriteKey, p.item.Envelope.Received)
	happened, err := Complete(ctx, &p.fact, p.webhook, p.lookup)
	switch {
	case err != nil:
		return ofLookup(ctx, err, "commerce_unreadable")
	case !happened:
		return skip("not_refunded")
	default:
		return outcome{}
	}
}

// ofLookup classifies an error that may come from Commerce. reason is for any other
// error.
func ofLookup(ctx context.Context, err error, reason string) outcome {
	var lookup *lookupError
	switch {
	case ctx.Err() != nil: // perhaps by the fault of another one in the batch
		return retry("out_of_time", err)
	case errors.As(err, &lookup):
		o := lookup.outcome
		o.detail = detailOf(err)
		return o
	default:
		return retry(reason, err).forOperator()
	}
}

// write has the template write the messages. Its errors quote nothing of the event.
func (r *Relay) write(ctx context.Context, config Config, p *parcel) outcome {
	var input *value.Object
	compiled, err := r.templates.compile(r.Tracking.Name, config.Template)
	if err == nil {
		input, err = p.webhook.Input()
	}
	if err == nil {
		p.written, err = compiled.WithCommerce(p.lookup).WithCurrencies(config.Currencies).Apply(ctx, input)
	}
	switch {
	case errors.Is(err, template.ErrInput):
		return fail("input", err)
	case err != nil, ctx.Err() != nil:
		return ofLookup(ctx, err, "template")
	case len(p.written) == 0:
		return skip("filtered")
	default:
		return outcome{}
	}
}

// identify makes Segment messages of what the template wrote. It needs the write
// key, which salts their ids.
func (r *Relay) identify(_ context.Context, config Config, p *parcel) outcome {
	if config.Segment.WriteKey == "" {
		return retry("write_key_missing", errNoWriteKey).forOperator()
	}
	messages, err := segment.NewMessages(p.fact, p.written)
	if err != nil {
		return fail("message_invalid", err)
	}
	p.messages, p.happened = messages, p.fact.Time()
	return outcome{}
}

// FactOf is the business fact behind a webhook, from which its messages get their
// identity. Received is when Commerce posted it.
func FactOf(t tracking.Tracking, w commerce.Webhook, writeKey string, received time.Time) segment.Fact {
	fact := segment.Fact{
		Tracking:   t,
		Event:      w.Event,
		WebhookID:  w.ID,
		ResourceID: w.ResourceID,
		CreatedAt:  w.CreatedAt,
		UpdatedAt:  w.UpdatedAt,
		CustomerID: w.CustomerID,
		WriteKey:   writeKey,
		Received:   received,
	}
	if !t.Once && !t.InParts { // the others are told apart by less: see Complete
		fact.Content = w.Content()
	}
	return fact
}

// send delivers the messages of all the parcels that are still underway, in one
// request, and gives each parcel the worst of what became of its own. Of its messages
// only the ids are kept.
func (r *Relay) send(ctx context.Context, to segment.Endpoint, parcels []*parcel) {
	parcels = slices.DeleteFunc(slices.Clone(parcels), func(p *parcel) bool { return p.outcome.fate != underway })
	if len(parcels) == 0 {
		return
	}
	var batch []segment.Message
	for _, p := range parcels {
		batch = append(batch, p.messages...)
	}
	answers, failed := r.deliverBatch(ctx, to, batch)
	for _, p := range parcels {
		if failed.fate != underway {
			p.outcome = failed
			continue
		}
		p.outcome = worst(answers[:len(p.messages)])
		answers = answers[len(p.messages):]
	}
	for _, p := range parcels {
		for i := range p.messages {
			p.messages[i].JSON = nil
		}
	}
}

// deliverBatch is the Segment client's Deliver, with a panic turned into the
// outcome of the whole batch.
func (r *Relay) deliverBatch(ctx context.Context, to segment.Endpoint, batch []segment.Message) (answers []segment.Outcome, failed outcome) {
	defer recoverInto(&failed)
	return r.Segment.Deliver(ctx, to, batch), outcome{}
}
