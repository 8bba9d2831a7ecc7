package main

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/commerce"
)

// call is one of the client's calls.
type call struct {
	name string
	make func(context.Context) error
}

// calls returns the calls that the descriptions have, in an order in which the fake store
// has the resources that they need. The client unauthorized has a wrong secret.
func calls(c, unauthorized *commerce.Client, store *commercetest.Server) []call {
	now := time.Now().Add(-time.Hour)
	period := commerce.Period{From: now.Add(-24 * time.Hour), To: now.Add(24 * time.Hour)}
	orderID := store.AddOrder(order(), item())
	store.AddTransaction(orderID, commercetest.Object{
		"gateway": "manual", "amount": 10000, "refunded_amount": 0, "currency": "USD",
		"transaction-type": "purchase", "status": "complete", "reference": "manual",
	})
	var integration commerce.Integration
	return []call{
		{"create a webhook", func(ctx context.Context) (err error) {
			integration, err = c.CreateWebhook(ctx, commerce.NewWebhook{
				Name: "Order completed", Description: "Sends completed orders to Segment", Enabled: true, Observes: []string{"order.paid"},
				Configuration: commerce.WebhookConfiguration{URL: "https://hooks.example.com/webhooks/order-completed", SecretKey: "secret"},
			})
			if err == nil && integration.ID == "" {
				return errors.New("it has no id")
			}
			store.AddLog(integration.ID, 202, "")
			store.AddLog(integration.ID, 500, "")
			return err
		}},
		{"list integrations", func(ctx context.Context) error { return some(c.Integrations(ctx)) }},
		{"switch one off", func(ctx context.Context) error {
			_, err := c.UpdateIntegration(ctx, integration.ID, commerce.IntegrationChange{Enabled: new(false)})
			return err
		}},
		{"change all of one", func(ctx context.Context) error {
			_, err := c.UpdateIntegration(ctx, integration.ID, commerce.IntegrationChange{
				Name: new("New"), Description: new("New"), Enabled: new(true), Observes: []string{"order.fulfilled"},
				Configuration: &commerce.WebhookConfiguration{URL: "https://hooks.example.com/new", SecretKey: "new"},
			})
			return err
		}},
		{"list logs", func(ctx context.Context) error { return some(c.IntegrationLogs(ctx, integration.ID)) }},
		{"list jobs", func(ctx context.Context) error { return some(c.IntegrationJobs(ctx, integration.ID)) }},
		{"change one not there", func(ctx context.Context) error {
			_, err := c.UpdateIntegration(ctx, "00000000-0000-4000-8000-ffffffffffff", commerce.IntegrationChange{Enabled: new(true)})
			return except(err, http.StatusNotFound)
		}},
		{"with a wrong secret", func(ctx context.Context) error {
			return except(some(unauthorized.Integrations(ctx)), http.StatusUnauthorized)
		}},
		{"delete an integration", func(ctx context.Context) error { return c.DeleteIntegration(ctx, integration.ID) }},
		{"list orders", func(ctx context.Context) error { return some(c.Orders(ctx, commerce.Period{})) }},
		{"list orders created", func(ctx context.Context) error { return some(c.Orders(ctx, period)) }},
		{"list orders updated", func(ctx context.Context) error {
			return some(c.Orders(ctx, commerce.Period{Of: commerce.Updated, From: period.From}))
		}},
		{"read an order", func(ctx context.Context) error { _, err := c.Order(ctx, orderID); return err }},
		{"list transactions", func(ctx context.Context) error { _, err := c.Transactions(ctx, orderID); return err }},
		{"list lines", func(ctx context.Context) error { _, err := c.Get(ctx, "/v2/orders/"+orderID+"/items"); return err }},
	}
}

// undescribed returns the calls that are in none of the descriptions. They go to the fake
// store.
func undescribed(c *commerce.Client, store *commercetest.Server) []call {
	customerID := store.AddCustomer(commercetest.Object{"name": "Ron Swanson", "email": "ron@example.com", "password": true})
	return []call{
		{"list customers", func(ctx context.Context) error { return some(c.Customers(ctx, commerce.Period{})) }},
		{"read a customer", func(ctx context.Context) error { _, err := c.Customer(ctx, customerID); return err }},
		{"list currencies", func(ctx context.Context) error { return some(c.Currencies(ctx)) }},
		{"the application key", func(ctx context.Context) error { _, err := c.ApplicationKey(ctx); return err }},
	}
}

// some reads a list to its end. It returns an error if the list is empty.
func some[T any](list iter.Seq2[T, error]) error {
	count := 0
	for _, err := range list {
		if err != nil {
			return err
		}
		count++
	}
	if count == 0 {
		return errors.New("nothing is listed")
	}
	return nil
}

// except returns nil for an error with the expected status, and for no error, because the
// answers that Prism makes itself are no errors.
func except(err error, status int) error {
	var answered *commerce.APIError
	if errors.As(err, &answered) && answered.Status == status {
		return nil
	}
	return err
}

// order returns an order with all fields that the description requires.
func order() commercetest.Object {
	address := commercetest.Object{
		"first_name": "Jack", "last_name": "Macdowall", "company_name": "Macdowalls", "phone_number": "123456789",
		"line_1": "1 Sunny Street", "line_2": "", "city": "Los Angeles", "postcode": "92802", "county": "Orange",
		"region": "CA", "country": "US", "instructions": "Leave in porch",
	}
	return commercetest.Object{
		"status": "complete", "payment": "paid", "shipping": "unfulfilled", "anonymized": false,
		"customer":        commercetest.Object{"name": "Ron Swanson", "email": "ron@example.com"},
		"billing_address": address, "shipping_address": address,
	}
}

func item() commercetest.Object {
	price := commercetest.Object{"amount": 10000, "currency": "USD", "includes_tax": false}
	return commercetest.Object{
		"quantity": 1, "product_id": "4f28f222-aa5b-442c-9ce9-c223dc7cf15a", "name": "Spam Fritters", "sku": "spam-fritters-0716",
		"unit_price": price, "value": price,
	}
}
