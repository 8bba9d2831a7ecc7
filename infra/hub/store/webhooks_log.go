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

// Registered is a webhook of this store as it is in Commerce.
type Registered struct {
	Tracking  tracking.Tracking
	Name, URL string
	Events    []string
	Enabled   bool
	// Last are Commerce's last attempts to deliver an event, the newest first.
	Last []Delivery
}

// Delivery is an attempt of Commerce to deliver an event, and its result.
type Delivery struct {
	At        time.Time // the zero time if it is not known
	Status    int
	Succeeded bool
	Reason    string // why it failed, in Commerce's words
}

// Registered returns the webhooks of this store in Commerce, each with at most the given
// number of last attempts.
func (s Store) Registered(ctx context.Context, client *commerce.Client, attempts int) ([]Registered, error) {
	at, err := s.atCommerce(ctx, client)
	if err != nil {
		return nil, err
	}
	var all []Registered
	for _, w := range at.webhooks {
		for _, i := range w.registered(at.integrations, at.webhooks) {
			last, err := lastDeliveries(ctx, client, i.ID)
			if err != nil {
				return nil, fmt.Errorf("reading the deliveries of Commerce to %q: %w", i.Name, err)
			}
			all = append(all, Registered{
				Tracking: w.Tracking, Name: printable(i.Name), URL: printable(i.Configuration.URL), Events: i.Observes, Enabled: i.Enabled,
				Last: last[:min(len(last), attempts)],
			})
		}
	}
	return all, nil
}

// logPage is the number of attempts that one call to Commerce reads.
const logPage = 100

// lastDeliveries reads the last attempts, the newest first. Commerce does not document the
// order of the list, so it reads the beginning and the end.
func lastDeliveries(ctx context.Context, client *commerce.Client, id string) ([]Delivery, error) {
	last, total, err := deliveriesFrom(ctx, client, id, 0)
	if err != nil {
		return nil, err
	}
	if total > logPage {
		end, _, err := deliveriesFrom(ctx, client, id, max(logPage, total-logPage)) // no attempt twice
		if err != nil {
			return nil, err
		}
		last = append(last, end...)
	}
	slices.SortStableFunc(last, func(a, b Delivery) int { return b.At.Compare(a.At) })
	return last, nil
}

// deliveriesFrom returns the attempts of one page and the total number of attempts.
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
		// The API reference has the total here. All other lists of Commerce have it in meta.
		Results results `json:"results"`
		Meta    struct {
			Results results `json:"results"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, 0, fmt.Errorf("the answer is not what the API reference describes: %w", err)
	}
	var all []Delivery
	for _, log := range answer.Data {
		all = append(all, deliveryOf(log))
	}
	return all, cmp.Or(answer.Results.Total, answer.Meta.Results.Total), nil
}

func deliveryOf(log commerce.IntegrationLog) Delivery {
	// An invalid time becomes the zero time, which means that it is not known.
	at, _ := time.Parse(time.RFC3339, log.Meta.Timestamps.CreatedAt)
	return Delivery{At: at, Status: log.StatusCode, Succeeded: log.Succeeded, Reason: printable(log.Reason)}
}
