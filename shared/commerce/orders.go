package commerce

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"

	"commerce-segment/shared/jsontext"
)

// Order is an order (cartsorders.yaml), with its lines.
type Order struct {
	Record
	Status     string // incomplete, processing, complete or cancelled
	Payment    string // unpaid, authorized, paid, refunded, …
	Shipping   string // unfulfilled or fulfilled
	Anonymized bool   // every personal field is replaced by "*"
	CustomerID string // the registered customer's; empty for a guest's order or an account's
	// Items are its lines, as Commerce writes them in a webhook's included.items.
	Items []json.RawMessage
}

const ordersPath = "/v2/orders"

// Orders lists the orders of a period with their lines, oldest first, with one
// page of them in memory.
//
// It goes on from the last moment it has seen rather than from an offset, as
// Commerce's guide on pagination advises, so that it gets past the 10,000 orders
// at which offsets end. An order that is updated meanwhile may come twice where
// the period is one of updates. An error ends the list.
func (c *Client) Orders(ctx context.Context, period Period) iter.Seq2[Order, error] {
	return func(yield func(Order, error) bool) {
		for p, err := range c.chronicle(ctx, ordersPath, "items", period) {
			if err != nil {
				yield(Order{}, err)
				return
			}
			for _, object := range p.Data {
				order, err := c.withItems(ctx, ordersPath, object, p.Included.Items)
				if !yield(order, err) || err != nil {
					return
				}
			}
		}
	}
}

// LatestOrders reads the orders that were placed last, the newest first, at most 100.
func (c *Client) LatestOrders(ctx context.Context, count int) ([]Order, error) {
	p, err := c.latest(ctx, ordersPath, "items", count)
	if err != nil {
		return nil, err
	}
	orders := make([]Order, len(p.Data))
	for i, object := range p.Data {
		if orders[i], err = c.withItems(ctx, ordersPath, object, p.Included.Items); err != nil {
			return nil, err
		}
	}
	return orders, nil
}

// Order reads one order with its lines.
func (c *Client) Order(ctx context.Context, id string) (Order, error) {
	path := orderPath(id)
	answer, err := c.Get(ctx, path+"?include=items")
	if err != nil {
		return Order{}, err
	}
	var body struct {
		Data     json.RawMessage `json:"data"`
		Included struct {
			Items []json.RawMessage `json:"items"`
		} `json:"included"`
	}
	if err := json.Unmarshal(answer, &body); err != nil {
		return Order{}, unreadable(http.MethodGet, path, notAsDescribed)
	}
	return c.withItems(ctx, path, body.Data, body.Included.Items)
}

func orderPath(id string) string { return ordersPath + "/" + url.PathEscape(id) }

// readOrder reads what is used of an order, and the ids of its lines.
func readOrder(object json.RawMessage) (order Order, itemIDs []string, err error) {
	type reference struct {
		ID string `json:"id"`
	}
	var fields struct {
		Status        string `json:"status"`
		Payment       string `json:"payment"`
		Shipping      string `json:"shipping"`
		Anonymized    bool   `json:"anonymized"`
		Relationships struct {
			Items struct {
				Data []reference `json:"data"`
			} `json:"items"`
		} `json:"relationships"`
	}
	if err := json.Unmarshal(object, &fields); err != nil {
		return Order{}, nil, err
	}
	record, err := readRecord(object)
	for _, item := range fields.Relationships.Items.Data {
		itemIDs = append(itemIDs, item.ID)
	}
	return Order{
		Record: record, Status: fields.Status, Payment: fields.Payment, Shipping: fields.Shipping,
		Anonymized: fields.Anonymized, CustomerID: readResource(object).customer,
	}, itemIDs, err
}

// withItems reads an order, with its lines out of those that came with it. Where
// some are missing it reads them all anew: an order that lacks lines without saying
// so would be a wrong sale.
func (c *Client) withItems(ctx context.Context, path string, object json.RawMessage, included []json.RawMessage) (Order, error) {
	order, itemIDs, err := readOrder(object)
	if err != nil {
		return Order{}, unreadable(http.MethodGet, path, notAsDescribed)
	}
	byID := make(map[string]json.RawMessage, len(included))
	for _, item := range included {
		byID[jsontext.Text(jsontext.Member(item, "id"))] = item
	}
	for _, id := range itemIDs {
		item, ok := byID[id]
		if !ok {
			order.Items, err = c.items(ctx, order.ID)
			return order, err
		}
		order.Items = append(order.Items, item)
	}
	return order, nil
}

// items reads the lines of an order by themselves.
func (c *Client) items(ctx context.Context, orderID string) ([]json.RawMessage, error) {
	var items []json.RawMessage
	for item, err := range list[json.RawMessage](ctx, c, orderPath(orderID)+"/items") {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}
