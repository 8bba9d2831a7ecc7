package commerce

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"commerce-segment/shared/apicall"
	"commerce-segment/shared/jsontext"
	"commerce-segment/shared/loggable"
)

// Order is an order (cartsorders.yaml), with its lines.
type Order struct {
	Record
	Status     string // incomplete, processing, complete or cancelled
	Payment    string // unpaid, authorized, paid, refunded, …
	Shipping   string // unfulfilled or fulfilled
	Anonymized bool   // every personal field is replaced by "*"
	CustomerID string // the id of the registered customer; empty for an order of a guest or of an account
	// Items are its lines, as in included.items of a webhook.
	Items []json.RawMessage
}

const ordersPath = "/v2/orders"

// Orders iterates over the orders of a period with their lines, oldest first. It keeps one
// page of them in memory.
//
// It asks for each page by the last timestamp of the page before, not by an offset, as
// Commerce's guide on pagination advises. So it can read more than 10,000 orders, the
// largest offset. If the period is one of updates, an order that is updated meanwhile may
// come twice. An error ends the iteration.
func (c *Client) Orders(ctx context.Context, period Period) iter.Seq2[Order, error] {
	return func(yield func(Order, error) bool) {
		for p, err := range c.pagesOf(ctx, ordersPath, "items", period) {
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

// LatestOrders returns the newest orders, the newest first, at most 100.
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

// Order returns one order with its lines.
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
		return Order{}, unreadable(http.MethodGet, path, apicall.ErrNotAsDescribed)
	}
	return c.withItems(ctx, path, body.Data, body.Included.Items)
}

// OrderIDsByNumber returns the ids of the orders with a number, at most 100: those whose
// order_number it is, with or without a # before it, or else those whose external_ref it is.
// Commerce lets several orders have the same.
func (c *Client) OrderIDsByNumber(ctx context.Context, number string) (ids []string, err error) {
	if !loggable.IsID(number) { // a filter has no way to quote other characters
		return nil, nil
	}
	for _, filter := range []string{"eq(order_number,%s)", "eq(order_number,#%s)", "eq(external_ref,%s)", "eq(external_ref,#%s)"} {
		found, err := c.readPage(ctx, ordersPath, url.Values{"filter": {fmt.Sprintf(filter, number)}, "page[limit]": {strconv.Itoa(pageLimit)}})
		if err != nil {
			return nil, err
		}
		for _, object := range found.Data {
			ids = append(ids, readResource(object).id)
		}
		if len(ids) > 0 {
			break
		}
	}
	return ids, nil
}

func orderPath(id string) string { return ordersPath + "/" + url.PathEscape(id) }

// readOrder returns an order without its lines, and the ids of the lines.
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

// withItems returns an order with its lines, which it takes from included. If a line is
// missing there, it reads all lines of the order from the API, because an order with
// missing lines would be a wrong sale.
func (c *Client) withItems(ctx context.Context, path string, object json.RawMessage, included []json.RawMessage) (Order, error) {
	order, itemIDs, err := readOrder(object)
	if err != nil {
		return Order{}, unreadable(http.MethodGet, path, apicall.ErrNotAsDescribed)
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

// items reads the lines of an order from the API.
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
