package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/tracking"
)

// Registered is a webhook of this store's as Commerce has it.
type Registered struct {
	Tracking  tracking.Tracking
	Name, URL string
	Events    []string
	Enabled   bool
	// Last are Commerce's last attempts to deliver an event to it, the newest first.
	Last []Delivery
}

// Delivery is an attempt of Commerce's, and what it saw of the answer.
type Delivery struct {
	At        time.Time // the zero time where Commerce does not say
	Status    int
	Succeeded bool
	Reason    string // why it counts as failed, in Commerce's words
}

// Registered are the webhooks of this store's that Commerce has, each with its last
// attempts, so many at most.
func (s Store) Registered(ctx context.Context, client *commerce.Client, base string, attempts int) ([]Registered, error) {
	webhooks, integrations, err := s.atCommerce(ctx, client, base)
	if err != nil {
		return nil, err
	}
	var all []Registered
	for _, w := range webhooks {
		for _, i := range w.registered(integrations, webhooks) {
			last, err := lastDeliveries(ctx, client, i.ID)
			if err != nil {
				return nil, fmt.Errorf("reading what Commerce delivered to %q: %w", i.Name, err)
			}
			all = append(all, Registered{
				Tracking: w.Tracking, Name: printable(i.Name), URL: printable(i.Configuration.URL), Events: i.Observes, Enabled: i.Enabled,
				Last: last[:min(len(last), attempts)],
			})
		}
	}
	return all, nil
}

const logPage = 100

// lastDeliveries reads the newest attempts, the newest first. In which order Commerce
// lists them is not described, so it reads both ends of the list.
func lastDeliveries(ctx context.Context, client *commerce.Client, id string) ([]Delivery, error) {
	last, total, err := deliveriesFrom(ctx, client, id, 0)
	if err != nil {
		return nil, err
	}
	if total > logPage {
		end, _, err := deliveriesFrom(ctx, client, id, max(logPage, total-logPage)) // none twice
		if err != nil {
			return nil, err
		}
		last = append(last, end...)
	}
	slices.SortStableFunc(last, func(a, b Delivery) int { return b.At.Compare(a.At) })
	return last, nil
}

// deliveriesFrom reads one page, and how many attempts there are at all.
func deliveriesFrom(ctx context.Context, client *commerce.Client, id string, offset int) ([]Delivery, int, error) {
	query := url.Values{"page[limit]": {strconv.Itoa(logPage)}, "page[offset]": {strconv.Itoa(offset)}}
	body, err := client.Get(ctx, "/v2/integrations/"+url.PathEscape(id)+"/logs?"+query.Encode())
	if err != nil {
		return nil, 0, err
	}
	type results struct {
		Total int `json:"total"`
	}
	var answer struct {
		Data []commerce.IntegrationLog `json:"data"`
		// The description has it here, and every other list of Commerce's in meta.
		Results results `json:"results"`
		Meta    struct {
			Results results `json:"results"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, 0, fmt.Errorf("it is not what the API describes: %w", err)
	}
	var all []Delivery
	for _, log := range answer.Data {
		all = append(all, deliveryOf(log))
	}
	return all, cmp.Or(answer.Results.Total, answer.Meta.Results.Total), nil
}

func deliveryOf(log commerce.IntegrationLog) Delivery {
	// Whatever is no time leaves the zero time, which means that it is not known.
	at, _ := time.Parse(time.RFC3339, log.Meta.Timestamps.CreatedAt)
	return Delivery{At: at, Status: log.StatusCode, Succeeded: log.Succeeded, Reason: printable(log.Reason)}
}
