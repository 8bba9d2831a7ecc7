package relay

import (
	"context"
	"errors"
	"slices"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/jsonata/value"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/shared/turn"
)

// The time that is reserved at the end of the caller's deadline.
const (
	// settleWithin is for settling: an event that runs into the deadline must still be
	// scheduled for its retry.
	settleWithin = time.Second
	// reportWithin is for returning the handles that must stay, if settling hangs. A
	// function that is stopped before it returns them gets the whole batch again,
	// including the delivered events.
	reportWithin = 200 * time.Millisecond
)

// deleteWithin limits a request to delete the users of fresh events.
const deleteWithin = 5 * time.Second

// maxPending is the size of messages, in bytes, that may wait for the rest of their batch.
// A usual batch has some thousand bytes.
const maxPending = 4 << 20

// Deliver delivers a batch to Segment and settles each item. It returns the handles of
// the items that must stay on the spool. All other items are done.
func (r *Relay) Deliver(ctx context.Context, items []Item) (keep []string) {
	keep, _ = r.Attempt(ctx, items)
	return keep
}

// Attempt is Deliver. It also returns what the outcomes say about other events.
func (r *Relay) Attempt(ctx context.Context, items []Item) (keep []string, outlook Outlook) {
	deliveries := r.process(ctx, items)
	for _, d := range deliveries {
		outlook = max(outlook, d.outlook())
	}
	ctx, cancel := WithoutLast(ctx, reportWithin)
	defer cancel()
	for _, d := range deliveries {
		if !r.settle(ctx, d) {
			keep = append(keep, d.item.Handle)
		}
	}
	return keep, outlook
}

// Outlook is what the outcomes of a batch say about other events. The greatest of its items decides.
type Outlook int

const (
	// OwnFaults means that each item failed because of itself, its template or a setting, and
	// without a request to Segment. Others may succeed.
	OwnFaults Outlook = iota
	// Outage means that Segment or something else that all events need did not work.
	Outage
	// Success means that an item was delivered or skipped: then the cause for which others are
	// retried may be gone.
	Success
)

// outlook returns the Outlook of one delivery.
func (d *delivery) outlook() Outlook {
	switch o := d.outcome; {
	case o.kind == delivered, o.kind == skipped:
		return Success
	case len(d.messages) > 0, o.kind == retrying && !o.operator:
		return Outage
	default:
		return OwnFaults
	}
}

// delivery is one attempt to deliver an item, and the results so far.
type delivery struct {
	item      Item
	asking    asking // shared by the batch
	started   time.Time
	webhook   commerce.Webhook
	total     string // of the order, for the log; set together with webhook
	fact      segment.Fact
	eventTime time.Time        // set together with messages
	written   []map[string]any // the output of the template
	messages  []segment.Message
	calls     []segment.Calls // set together with messages; nil if these are requests to delete users
	sale      sale            // set together with messages
	leftOut   LeftOut
	outcome   outcome
	// regulations are the ids of Segment's requests to delete users, if the tracking makes any.
	regulations []string

	// The result of settling, for the log.
	retryIn   time.Duration // the delay until the next attempt; 0 if the queue decides it
	settleErr error         // why the outcome could not be put into effect
}

// process prepares each item and sends the messages of all items to Segment. It returns
// the deliveries with their outcomes. The batch is one request, unless its messages are
// very large.
func (r *Relay) process(ctx context.Context, items []Item) []*delivery {
	ctx, cancel := WithoutLast(ctx, settleWithin)
	defer cancel()

	deliveries := make([]*delivery, len(items))
	for i, item := range items {
		deliveries[i] = &delivery{item: item, started: time.Now()}
	}
	config, err := r.Configuration.Current(ctx)
	if err != nil {
		for _, d := range deliveries {
			d.outcome = retry("settings", err)
		}
		return deliveries
	}
	asking := r.asking(config.Commerce)
	var pending []*delivery
	size := 0
	for _, d := range deliveries {
		d.asking = asking
		d.outcome = r.prepare(ctx, config, d)
		pending, size = append(pending, d), size+d.size()
		if size > maxPending {
			r.send(ctx, config.Segment, pending)
			pending, size = nil, 0
		}
	}
	r.send(ctx, config.Segment, pending)
	return deliveries
}

// prepare makes the messages of one delivery. An error or a panic ends only this
// delivery, not the batch. Afterwards only the messages are kept: their input takes much
// more memory, and a batch would hold it for each event.
func (r *Relay) prepare(ctx context.Context, config Config, d *delivery) (o outcome) {
	ctx, end := turn.Scope(ctx)
	defer end()
	defer func() { d.webhook, d.written = d.webhook.WithoutInput(), nil }()
	defer recoverInto(&o)
	steps := []func(context.Context, Config, *delivery) outcome{
		r.open, r.authenticate, r.parse, r.observe, r.complete, r.write, r.identify,
	}
	for _, step := range steps {
		if o = step(ctx, config, d); o.kind != undecided {
			return o
		}
	}
	return o
}

// ErrVersion means that another release of this program wrote the envelope, and only
// that release can open it.
var ErrVersion = errors.New("written by another release")

// open checks whether the spool could open the envelope. An envelope of another release
// stays on the spool until that release runs again. It must not become a dead letter: that
// would wrap its text in an envelope of this release, and no release could read the event.
func (r *Relay) open(_ context.Context, _ Config, d *delivery) outcome {
	switch err := d.item.Err; {
	case errors.Is(err, ErrVersion):
		return retry("envelope_version", err).forOperator()
	case err != nil:
		return fail("envelope_unreadable", err)
	default:
		return outcome{}
	}
}

// reasonForged is the reason of a dead letter whose key is forged.
const reasonForged = "forged"

// authenticate verifies the key of an event that could not be verified when it was
// accepted. If the key matches no current secret, the event becomes a dead letter: it was
// accepted, and perhaps the configured secret is wrong. If the key is genuine, the event
// is verified from then on, also as a dead letter: the secret may have been rotated before
// the operator replays it.
func (r *Relay) authenticate(ctx context.Context, _ Config, d *delivery) outcome {
	if d.item.Envelope.Presented == nil {
		return outcome{}
	}
	switch verdict, err := r.verify(ctx, *d.item.Envelope.Presented); verdict {
	case commerce.Genuine:
		d.item.Envelope.Presented = nil
		return outcome{}
	case commerce.Forged:
		return fail(reasonForged, errForged)
	default:
		if err != nil {
			return retry("unverified", err)
		}
		return retry("unverified", errUnverified).forOperator()
	}
}

var (
	errForged     = errors.New("its key matches none of the webhook secrets that are set now")
	errUnverified = errors.New("no webhook secret is set to compare its key with: set commerce/webhook-secret")
	errNoWriteKey = errors.New("no write key is set: set segment/write-key to the write key of the Segment source")
)

// parse reads the webhook. A large one waits for its turn.
func (r *Relay) parse(ctx context.Context, config Config, d *delivery) outcome {
	if err := turn.TakeForBody(ctx, len(d.item.Envelope.Body)); err != nil {
		return retry("out_of_time", err)
	}
	webhook, err := commerce.Parse(d.item.Envelope.Body)
	if err != nil {
		return fail(rejectionCode(err), err)
	}
	d.webhook, d.total = webhook, totalOf(webhook, config.Currencies)
	return outcome{}
}

// observe skips an event if the tracking is disabled or does not observe it.
func (r *Relay) observe(_ context.Context, config Config, d *delivery) outcome {
	switch {
	case !config.Enabled:
		return skip("disabled")
	case !slices.Contains(config.Events, d.webhook.Event):
		return skip("not_observed")
	default:
		return outcome{}
	}
}

// complete makes the fact of the webhook. It skips an update of an order that reports no
// refund, if the tracking is about refunds.
func (r *Relay) complete(ctx context.Context, config Config, d *delivery) outcome {
	d.fact = FactOf(r.Tracking, d.webhook, config.Segment.WriteKey, d.item.Envelope.Received)
	happened, err := Complete(ctx, &d.fact, d.webhook, d.asking.lookup)
	switch {
	case err != nil:
		return lookupOutcome(ctx, err, "commerce_unreadable")
	case !happened:
		return skip("not_refunded")
	default:
		return outcome{}
	}
}

// write evaluates the template. Its errors quote nothing from the event.
func (r *Relay) write(ctx context.Context, config Config, d *delivery) outcome {
	var input *value.Object
	compiled, err := r.templates.compile(r.Tracking.Name, config.Template)
	if err == nil {
		input, err = d.webhook.Input()
	}
	if err == nil {
		compiled = compiled.WithCommerce(d.asking.lookup).WithOptional(d.asking.optional, d.leftOut.Add)
		d.written, err = compiled.WithCurrencies(config.Currencies).Apply(ctx, input)
	}
	switch {
	case errors.Is(err, template.ErrInput):
		return fail("input", err)
	case err != nil, ctx.Err() != nil:
		return lookupOutcome(ctx, err, "template")
	case len(d.written) == 0:
		return skip("filtered")
	default:
		return outcome{}
	}
}

// identify makes Segment messages from the output of the template. It needs the write
// key: a hash of it is part of the message ids.
func (r *Relay) identify(_ context.Context, config Config, d *delivery) outcome {
	if config.Segment.WriteKey == "" {
		return retry("write_key_missing", errNoWriteKey).forOperator()
	}
	messages, err := segment.NewMessages(d.fact, d.written)
	if err != nil {
		return fail("message_invalid", err)
	}
	d.messages, d.eventTime, d.sale = messages, d.fact.Time(), saleOf(d.written)
	if r.Tracking.Call != tracking.Delete {
		d.calls = segment.CallsOf(messages, config.Template)
	}
	return outcome{}
}

// send sends the messages of all undecided deliveries in one request. Each delivery gets
// the worst outcome of its messages. Afterwards only the ids of the messages are kept.
func (r *Relay) send(ctx context.Context, to segment.Endpoint, deliveries []*delivery) {
	deliveries = slices.DeleteFunc(slices.Clone(deliveries), func(d *delivery) bool { return d.outcome.kind != undecided })
	if len(deliveries) == 0 {
		return
	}
	if ctx.Err() != nil { // the batch took too long before Segment could be asked
		for _, d := range deliveries {
			d.outcome, d.messages = retry("out_of_time", ctx.Err()), withoutJSON(d.messages)
		}
		return
	}
	if deliveries[0].item.Fresh { // so are all of a batch
		if o, open := r.breaker.open(time.Now()); open {
			for _, d := range deliveries {
				d.outcome, d.messages = o, withoutJSON(d.messages)
				d.item.Receives-- // this is no attempt
			}
			return
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.freshWithin(time.Now()))
		defer cancel()
	}
	var batch []segment.Message
	for _, d := range deliveries {
		batch = append(batch, d.messages...)
	}
	answers, panicked := r.deliverBatch(ctx, to, batch)
	for _, d := range deliveries {
		if panicked.kind != undecided {
			d.outcome = panicked
			continue
		}
		d.outcome, d.regulations = worst(answers[:len(d.messages)]), regulationsOf(answers[:len(d.messages)])
		answers = answers[len(d.messages):]
	}
	for _, d := range deliveries {
		d.messages = withoutJSON(d.messages)
	}
}

// freshWithin returns the time limit of a request for fresh events. A request to delete users
// takes longer than others, and a second one counts twice in Segment's quota.
func (r *Relay) freshWithin(now time.Time) time.Duration {
	if r.Tracking.Call == tracking.Delete {
		return deleteWithin
	}
	return r.breaker.within(now)
}

// regulationsOf returns the ids of the regulations in the answers to the messages of an event,
// each once.
func regulationsOf(answers []segment.Outcome) (ids []string) {
	for _, answer := range answers {
		if answer.Regulation != "" && !slices.Contains(ids, answer.Regulation) {
			ids = append(ids, loggable.ID(answer.Regulation))
		}
	}
	return ids
}

// withoutJSON removes from messages all but their ids.
func withoutJSON(messages []segment.Message) []segment.Message {
	for i := range messages {
		messages[i] = segment.Message{ID: messages[i].ID}
	}
	return messages
}

// deliverBatch calls Deliver of the Segment client. If that panics, it returns an outcome
// for the whole batch.
func (r *Relay) deliverBatch(ctx context.Context, to segment.Endpoint, batch []segment.Message) (answers []segment.Outcome, panicked outcome) {
	defer recoverInto(&panicked)
	answers = r.Segment.Deliver(ctx, to, batch)
	r.breaker.observe(answers, time.Now())
	return answers, outcome{}
}

// size returns the size of the delivery's messages, in bytes.
func (d *delivery) size() (size int) {
	for _, m := range d.messages {
		size += len(m.JSON)
	}
	return size
}

// WithoutLast returns the context with its deadline moved earlier by margin. A context
// without a deadline gets none.
func WithoutLast(ctx context.Context, margin time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-margin))
}
