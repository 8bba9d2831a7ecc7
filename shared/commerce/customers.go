package commerce

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"

	"commerce-segment/shared/apicall"
)

// Customer is a registered customer. Commerce's guide describes customers, and none of
// its OpenAPI descriptions does.
type Customer struct {
	Record
	Name, Email string
}

const customersPath = "/v2/customers"

// Customers iterates over the customers of a period, oldest first, as Orders does.
func (c *Client) Customers(ctx context.Context, period Period) iter.Seq2[Customer, error] {
	return func(yield func(Customer, error) bool) {
		for p, err := range c.pagesOf(ctx, customersPath, "", period) {
			if err != nil {
				yield(Customer{}, err)
				return
			}
			for _, object := range p.Data {
				customer, err := readCustomer(object)
				if err != nil {
					err = unreadable(http.MethodGet, customersPath, apicall.ErrNotAsDescribed)
				}
				if !yield(customer, err) || err != nil {
					return
				}
			}
		}
	}
}

// LatestCustomers returns the newest customers, the newest first, at most 100.
func (c *Client) LatestCustomers(ctx context.Context, count int) ([]Customer, error) {
	p, err := c.latest(ctx, customersPath, "", count)
	if err != nil {
		return nil, err
	}
	customers := make([]Customer, len(p.Data))
	for i, object := range p.Data {
		if customers[i], err = readCustomer(object); err != nil {
			return nil, unreadable(http.MethodGet, customersPath, apicall.ErrNotAsDescribed)
		}
	}
	return customers, nil
}

// Customer returns one customer.
func (c *Client) Customer(ctx context.Context, id string) (Customer, error) {
	path := customersPath + "/" + url.PathEscape(id)
	var object json.RawMessage
	if err := c.read(ctx, path, &object); err != nil {
		return Customer{}, err
	}
	customer, err := readCustomer(object)
	if err != nil {
		return Customer{}, unreadable(http.MethodGet, path, apicall.ErrNotAsDescribed)
	}
	return customer, nil
}

func readCustomer(object json.RawMessage) (Customer, error) {
	var fields struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	}
	if err := json.Unmarshal(object, &fields); err != nil {
		return Customer{}, err
	}
	record, err := readRecord(object)
	return Customer{Record: record, Name: fields.Name, Email: fields.Email}, err
}
