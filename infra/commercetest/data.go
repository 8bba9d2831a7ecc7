package commercetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// AddOrder adds an order with its lines to the store, and returns its id. It adds an id, a
// type and timestamps if they are missing.
func (s *Server) AddOrder(order Object, items ...Object) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	order = s.complete(order, "order")
	var references []Object
	for _, item := range items {
		item = s.complete(item, "order_item")
		s.items[item["id"].(string)] = item
		references = append(references, Object{"type": "item", "id": item["id"]})
	}
	if len(references) > 0 {
		relationships := Object{"items": Object{"data": references}}
		if others, ok := order["relationships"].(Object); ok {
			maps.Copy(relationships, others)
		}
		order["relationships"] = relationships
	}
	s.orders = append(s.orders, copied(order))
	return order["id"].(string)
}

// AddTransaction adds a transaction to an order, and returns its id.
func (s *Server) AddTransaction(orderID string, transaction Object) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	transaction = s.complete(transaction, "transaction")
	s.transactions[orderID] = append(s.transactions[orderID], transaction)
	return transaction["id"].(string)
}

// AddCustomer adds a customer to the store, and returns the id.
func (s *Server) AddCustomer(customer Object) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	customer = s.complete(customer, "customer")
	s.customers = append(s.customers, customer)
	return customer["id"].(string)
}

// AddCurrency adds a currency to the store, or changes the one with that code.
func (s *Server) AddCurrency(code string, decimals int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.currencies = slices.DeleteFunc(s.currencies, func(currency Object) bool { return currency["code"] == code })
	s.currencies = append(s.currencies, s.complete(Object{
		"code": code, "decimal_places": decimals, "format": code + " {price}", "decimal_point": ".", "thousand_separator": ",",
		"exchange_rate": 1, "default": len(s.currencies) == 0, "enabled": true,
	}, "currency"))
}

// AddAnswer makes the store answer a GET of a path with that JSON.
func (s *Server) AddAnswer(path string, body []byte) {
	s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // fails if the client has closed the connection
	})
}

// AddLog adds an attempt to deliver an event to the logs of an integration, with its own
// job. Status is the answer of the webhook's endpoint.
func (s *Server) AddLog(integrationID string, status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := Object{
		"id": s.newID(), "type": "integration", "attempt": 1, "succeeded": status >= 200 && status <= 299,
		"status_code": status, "body": body,
		"meta": Object{"timestamps": Object{"created_at": stamp(time.Now())}},
		"relationships": Object{
			"integration": Object{"data": Object{"type": "integration", "id": integrationID}},
			"job":         Object{"data": Object{"type": "integration-job", "id": s.newID()}},
		},
	}
	if log["succeeded"] == false {
		log["error_detail"] = "Received a status code outside of 2xx range - treating webhook as a fail"
	}
	s.logs = append(s.logs, log)
}

// Integrations returns the integrations of the store in the order of their creation.
func (s *Server) Integrations() []Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.integrations)
}

// complete returns a copy of a resource with the fields that every resource has.
func (s *Server) complete(resource Object, kind string) Object {
	now := stamp(time.Now())
	whole := Object{
		"id": s.newID(), "type": kind,
		"meta": Object{"timestamps": Object{"created_at": now, "updated_at": now}},
	}
	maps.Copy(whole, resource)
	return copied(whole)
}

// stamp returns a time in Commerce's format.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// copied returns a deep copy of a JSON value.
func copied[T any](value T) T {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%v cannot be written as JSON: %v", value, err))
	}
	var twin T
	if err := json.Unmarshal(text, &twin); err != nil {
		panic(err)
	}
	return twin
}

// at returns the value at a path of names in an object, or nil.
func at(value any, names ...string) any {
	for _, name := range names {
		object, _ := value.(Object)
		value = object[name]
	}
	return value
}
