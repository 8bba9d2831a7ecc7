package backfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"commerce-segment/shared/apicall"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// Options configure a Sender.
type Options struct {
	Commerce *commerce.Client
	Segment  *segment.Client
	// Configs are the store's settings, by the names of the trackings.
	Configs map[string]relay.Config
	Kinds   []Kind
	Only    []string // names of trackings; empty means all that are enabled
	// To names the only integrations that receive the messages. If it is empty, the
	// Segment source decides.
	To   []string
	Rate int // events a second
	// Disabled includes trackings that are disabled, for a report that sends nothing.
	Disabled bool
}

// The default and the maximum of Options.Rate. Segment asks for fewer than 1,000 requests
// a second, and its destinations may accept far fewer.
const (
	DefaultRate = 200
	MaxRate     = 1000
)

// Sender sends facts to Segment, rendered with the templates of the store.
type Sender struct {
	commerce  *commerce.Client
	segment   *segment.Client
	endpoint  segment.Endpoint
	observers []*observer
	to        []string
	pace      *apicall.RateLimiter // of events
}

// observer is an enabled tracking with its settings in the store.
type observer struct {
	tracking.Tracking
	enabled    bool
	events     []string
	template   *template.Template
	source     string // of the template
	currencies money.Decimals
	// skipsOptionalCalls means that optional calls of $commerce are not made, and are undefined.
	skipsOptionalCalls bool
}

// NewSender compiles the templates. It returns an error if the options or the settings do
// not allow sending.
func NewSender(o Options) (*Sender, error) {
	if o.Rate < 1 || o.Rate > MaxRate {
		return nil, fmt.Errorf("the rate of %d events a second is not valid: choose one from 1 to %d", o.Rate, MaxRate)
	}
	s := &Sender{commerce: o.Commerce, segment: o.Segment, to: o.To, pace: &apicall.RateLimiter{Interval: time.Second / time.Duration(o.Rate)}}
	all := Trackings(o.Kinds...)
	for _, name := range o.Only {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%s cannot be backfilled: Commerce does not record changes, or the tracking is not about %s. Choose from %s",
				name, joinKinds(o.Kinds), strings.Join(all, ", "))
		}
	}
	for _, kind := range o.Kinds {
		for _, row := range sendable(kind) {
			config := o.Configs[row.Name]
			if len(o.Only) > 0 && !slices.Contains(o.Only, row.Name) || !config.Enabled && !o.Disabled {
				continue
			}
			if strings.TrimSpace(config.Segment.WriteKey) == "" {
				return nil, errors.New("there is no write key, and every messageId is derived from it: set segment/write-key to the write key of the Segment source")
			}
			compiled, err := template.Compile(row.Name, config.Template)
			if err != nil {
				return nil, err
			}
			s.endpoint = config.Segment // the same for all trackings
			s.observers = append(s.observers, &observer{
				Tracking: row, enabled: config.Enabled, events: config.Events,
				template: compiled.WithCurrencies(config.Currencies), source: config.Template, currencies: config.Currencies,
			})
		}
	}
	if len(s.observers) == 0 {
		return nil, fmt.Errorf("no enabled tracking can be backfilled: enable one of %s", strings.Join(all, ", "))
	}
	return s, nil
}

func joinKinds(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, " and ")
}

// Trackings returns the names of the trackings that are sent.
func (s *Sender) Trackings() []string {
	names := make([]string, len(s.observers))
	for i, o := range s.observers {
		names[i] = o.Name
	}
	return names
}

// sends reports whether a tracking about a kind of resource is sent.
func (s *Sender) sends(kind Kind) bool {
	return slices.ContainsFunc(s.observers, func(o *observer) bool {
		return slices.Contains(Trackings(kind), o.Name)
	})
}

// list returns the orders or the customers of a period, oldest first. It holds one page of
// them in memory.
func (s *Sender) list(ctx context.Context, kind Kind, period commerce.Period) iter.Seq2[*resource, error] {
	return func(yield func(*resource, error) bool) {
		if kind == Customers {
			for customer, err := range s.commerce.Customers(ctx, period) {
				if !yield(&resource{Record: customer.Record}, err) || err != nil {
					return
				}
			}
			return
		}
		for order, err := range s.commerce.Orders(ctx, period) {
			if !yield(&resource{Record: order.Record, order: &order}, err) || err != nil {
				return
			}
		}
	}
}

// written is a fact and its messages.
type written struct {
	fact     fact
	messages []segment.Message
	invalid  *segment.InvalidError // why Segment would drop it
	leftOut  relay.LeftOut         // optional calls of $commerce without an answer
}

// write renders the messages of facts. If dated is false, it neither reads the event times
// nor lets the templates call Commerce, which would take requests for each order. Only a
// partial refund always needs such a call.
func (s *Sender) write(ctx context.Context, facts []fact, dated bool) ([]written, error) {
	if dated {
		if err := s.dateAll(ctx, facts); err != nil {
			return nil, err
		}
	}
	all := make([]written, len(facts))
	for i, f := range facts {
		var fetch template.Fetch
		if dated || f.isPartialRefund() {
			fetch = relay.Lookup(s.commerce, lookupWithin)
		}
		var leftOut relay.LeftOut
		messages, err := s.render(ctx, f, fetch, leftOut.Add)
		all[i] = written{fact: f, messages: messages, leftOut: leftOut}
		if errors.As(err, &all[i].invalid) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.event, loggable.ID(f.resource.ID), err)
		}
	}
	return all, nil
}

// lookupWithin limits the time of a template's calls to Commerce for one fact. It is longer
// than in a function, so that a short outage does not stop a backfill.
const lookupWithin = time.Minute

// atOnce is the number of requests for transactions that run at the same time. The client
// limits their rate.
const atOnce = 8

// dateAll sets the times of facts. It reads the transactions of an order once.
func (s *Sender) dateAll(ctx context.Context, facts []fact) error {
	if err := s.readAllPayments(ctx, s.needPayments(nil, facts)); err != nil {
		return err
	}
	for i := range facts {
		if facts[i].needsPayments() {
			facts[i].date()
		}
	}
	return nil
}

// render returns the messages of one fact, as the relay renders a live webhook. leftOut is that of
// WithOptional of a template.
func (s *Sender) render(ctx context.Context, f fact, fetch template.Fetch, leftOut func(error)) ([]segment.Message, error) {
	body, err := f.webhook()
	if err != nil {
		return nil, err
	}
	webhook, err := commerce.Parse(body)
	if err != nil {
		return nil, err
	}
	if f.isPartialRefund() { // the resource may have changed again since the refund
		webhook.UpdatedAt = commerce.RefundOf(f.resource.payments).When()
	}
	business := relay.FactOf(f.by.Tracking, webhook, s.endpoint.WriteKey, time.Time{})
	business.EventTime = f.happened
	if happened, err := relay.Complete(ctx, &business, webhook, fetch); err != nil || !happened {
		return nil, err
	}
	input, err := webhook.Input()
	if err != nil {
		return nil, err
	}
	by := f.by.template.WithCommerce(fetch).WithOptional(fetch, leftOut)
	if f.by.skipsOptionalCalls {
		by = by.WithOptional(nil, nil)
	}
	messages, err := by.Apply(ctx, input)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		s.restrict(message)
	}
	return segment.NewMessages(business, messages)
}

// webhook returns the body of the fact's webhook, with the current state of the resource.
func (f fact) webhook() ([]byte, error) {
	type included struct {
		Items []json.RawMessage `json:"items"`
	}
	var body struct {
		Event   string `json:"triggered_by"`
		Payload struct {
			Data     json.RawMessage `json:"data"`
			Included *included       `json:"included,omitempty"`
		} `json:"payload"`
	}
	body.Event = f.event
	body.Payload.Data = f.resource.JSON
	if order := f.resource.order; order != nil && len(order.Items) > 0 {
		body.Payload.Included = &included{order.Items}
	}
	return json.Marshal(body)
}

// restrict limits a message to the chosen integrations. It keeps the options that the
// template writes for them.
func (s *Sender) restrict(message map[string]any) {
	if len(s.to) == 0 {
		return
	}
	integrations, _ := message["integrations"].(map[string]any)
	restricted := map[string]any{"All": false}
	for _, name := range s.to {
		restricted[name] = true
		if own, ok := integrations[name].(map[string]any); ok {
			restricted[name] = own
		}
	}
	message["integrations"] = restricted
}
