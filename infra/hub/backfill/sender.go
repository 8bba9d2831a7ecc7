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

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/loggable"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
)

// Options say what to tell, and to whom.
type Options struct {
	Commerce *commerce.Client
	Segment  *segment.Client
	// Configs are the store's settings, by the names of the trackings.
	Configs map[string]relay.Config
	Kinds   []Kind
	Only    []string // names of trackings; empty means all that are enabled
	// To names the integrations that Segment is to pass the messages on to, and no
	// other; empty leaves that to the source.
	To   []string
	Rate int // events a second
}

// The bounds of Options.Rate. Segment asks for fewer than 1,000 requests a second, and
// what is behind it may take much less.
const (
	DefaultRate = 200
	MaxRate     = 1000
)

// Sender tells Segment of facts, as the store's templates write them.
type Sender struct {
	commerce  *commerce.Client
	segment   *segment.Client
	endpoint  segment.Endpoint
	observers []*observer
	to        []string
	pace      pace
}

// observer is a tracking as the store has it.
type observer struct {
	tracking.Tracking
	events   []string
	template *template.Template
}

// NewSender compiles the templates, and says what keeps the trackings from being told.
func NewSender(o Options) (*Sender, error) {
	if o.Rate < 1 || o.Rate > MaxRate {
		return nil, fmt.Errorf("a rate of %d events a second: choose one from 1 to %d", o.Rate, MaxRate)
	}
	t := &Sender{commerce: o.Commerce, segment: o.Segment, to: o.To, pace: pace{perSecond: o.Rate}}
	all := Trackings(o.Kinds...)
	for _, name := range o.Only {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%s cannot be told afterwards: Commerce does not keep what was changed, or it is not about %s. What can is %s",
				name, joinKinds(o.Kinds), strings.Join(all, ", "))
		}
	}
	for _, kind := range o.Kinds {
		for _, row := range sendable[kind] {
			config := o.Configs[row.Name]
			if len(o.Only) > 0 && !slices.Contains(o.Only, row.Name) || !config.Enabled {
				continue
			}
			if strings.TrimSpace(config.Segment.WriteKey) == "" {
				return nil, errors.New("there is no write key, of which every messageId is made: set segment/write-key to the one of the Segment source")
			}
			compiled, err := template.Compile(row.Name, config.Template)
			if err != nil {
				return nil, err
			}
			t.endpoint = config.Segment // the same for all trackings
			t.observers = append(t.observers, &observer{Tracking: row, events: config.Events, template: compiled.WithCurrencies(config.Currencies)})
		}
	}
	if len(t.observers) == 0 {
		return nil, fmt.Errorf("no tracking is enabled that could be told: enable one of %s", strings.Join(all, ", "))
	}
	return t, nil
}

func joinKinds(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, " and ")
}

// Trackings are the names of those that are told.
func (s *Sender) Trackings() []string {
	names := make([]string, len(s.observers))
	for i, o := range s.observers {
		names[i] = o.Name
	}
	return names
}

// sends says whether a tracking of a kind is told.
func (s *Sender) sends(kind Kind) bool {
	return slices.ContainsFunc(s.observers, func(o *observer) bool {
		return slices.Contains(Trackings(kind), o.Name)
	})
}

// list gives the orders or the customers of a period, oldest first, with one page of
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

// written is what a fact became.
type written struct {
	fact     fact
	messages []segment.Message
	invalid  *segment.InvalidError // why Segment would drop it
}

// write makes the messages of facts. Only where they are to be sent it finds out when
// each happened, and lets the templates ask Commerce: that takes requests for each order.
// (What was refunded of an order in part a template must always ask.)
func (s *Sender) write(ctx context.Context, facts []fact, dated bool) ([]written, error) {
	if dated {
		if err := s.dateAll(ctx, facts); err != nil {
			return nil, err
		}
	}
	all := make([]written, len(facts))
	for i, f := range facts {
		var asks template.Fetch
		if dated || f.isPart() {
			asks = relay.Lookup(s.commerce, lookupWithin)
		}
		messages, err := s.render(ctx, f, asks)
		all[i] = written{fact: f, messages: messages}
		if errors.As(err, &all[i].invalid) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", f.event, loggable.ID(f.resource.ID), err)
		}
	}
	return all, nil
}

// lookupWithin is how long a template may ask Commerce about one fact. Nobody waits for
// the answer as a function does: an outage that is over by then ends no backfill.
const lookupWithin = time.Minute

// atOnce is how many requests for the movements of money are on their way at once. The
// client spreads them.
const atOnce = 8

// dateAll dates facts. Those of one order share what is read.
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

// render makes the messages of one fact, as the relay does of a live webhook.
func (s *Sender) render(ctx context.Context, f fact, asks template.Fetch) ([]segment.Message, error) {
	body, err := f.webhook()
	if err != nil {
		return nil, err
	}
	webhook, err := commerce.Parse(body)
	if err != nil {
		return nil, err
	}
	if f.isPart() { // the update that told of it is long past
		webhook.UpdatedAt = commerce.RefundOf(f.resource.payments).When()
	}
	business := relay.FactOf(f.by.Tracking, webhook, s.endpoint.WriteKey, time.Time{})
	business.EventTime = f.happened
	if happened, err := relay.Complete(ctx, &business, webhook, asks); err != nil || !happened {
		return nil, err
	}
	input, err := webhook.Input()
	if err != nil {
		return nil, err
	}
	messages, err := f.by.template.WithCommerce(asks).Apply(ctx, input)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		s.restrict(message)
	}
	return segment.NewMessages(business, messages)
}

// webhook is the body of the webhook that told of a fact when it happened, made of what
// the resource is now.
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

// restrict keeps a message within the integrations that are asked for. What the template
// tells one of these stays.
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
