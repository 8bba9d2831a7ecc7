// Package tracking is the catalogue: the table of the trackings that the whole program uses.
//
// The name of a tracking is the name of the folder of its Lambda function. It is also in
// its route (POST /webhooks/<name>), its template (templates/<name>.jsonata) and the names
// of its parameters.
package tracking

import (
	"fmt"
	"slices"
	"strings"
)

// Call is the kind of Segment call that a tracking makes.
type Call string

// The kinds of Segment call in the catalogue.
const (
	Track    Call = "track"
	Identify Call = "identify"
	// Delete asks Segment to delete a user. It is a call of the Public API, and not of the API
	// that receives the others.
	Delete Call = "delete"
)

// Tracking is one row of the catalogue: which Commerce events become which
// Segment call.
type Tracking struct {
	// Name is the key of the row, for example "order-completed".
	Name string
	// Title is the name for people, and the event name of a track call, for example
	// "Order Completed".
	Title string
	// Call is the kind of Segment call that the default template makes.
	Call Call
	// Observes lists the Commerce events that are observed by default.
	Observes []string
	// Instead lists events that may be observed instead of the default one.
	Instead []string
	// AsWell lists events that may be observed in addition to the default one.
	AsWell []string
	// Once means that it happens at most once to a resource: an order is completed once,
	// but can be updated many times.
	Once bool
	// InParts means that it can happen several times to an order, in parts. Only refunds
	// do. Commerce has an event for a full refund only. For a partial one it only sends
	// that the order was updated. The transactions of the order show whether an update is
	// a partial refund, and of how much.
	InParts bool
	// Optional means that it is switched off until a store asks for it: on a machine it is
	// disabled by default, and a deployment has it only if its option trackings names it.
	Optional bool
}

// catalogue has the rows in the order in which they are shown.
var catalogue []Tracking

// add adds a row to the catalogue, and returns it.
func add(row Tracking) Tracking {
	catalogue = append(catalogue, row)
	return row
}

// The trackings.
var (
	CheckoutStarted = add(Tracking{
		Name: "checkout-started", Title: "Checkout Started", Call: Track,
		Observes: []string{"order.created"}, Instead: []string{"order.authorized"},
		Once: true,
	})
	OrderCompleted = add(Tracking{
		Name: "order-completed", Title: "Order Completed", Call: Track,
		Observes: []string{"order.paid"}, Instead: []string{"order.fulfilled", "order.authorized"},
		Once: true,
	})
	OrderUpdated = add(Tracking{
		Name: "order-updated", Title: "Order Updated", Call: Track,
		Observes: []string{"order.updated"},
	})
	OrderRefunded = add(Tracking{
		Name: "order-refunded", Title: "Order Refunded", Call: Track,
		Observes: []string{"order.refunded", "order.updated"},
		InParts:  true,
	})
	OrderCancelled = add(Tracking{
		Name: "order-cancelled", Title: "Order Cancelled", Call: Track,
		Observes: []string{"order.cancelled"},
		Once:     true,
	})
	CustomerCreated = add(Tracking{
		Name: "customer-created", Title: "Customer Created", Call: Identify,
		Observes: []string{"customer.created"},
		Once:     true,
	})
	CustomerUpdated = add(Tracking{
		Name: "customer-updated", Title: "Customer Updated", Call: Identify,
		Observes: []string{"customer.updated"}, AsWell: []string{"customer.deleted"},
	})
	OrderFulfilled = add(Tracking{
		Name: "order-fulfilled", Title: "Order Fulfilled", Call: Track,
		Observes: []string{"order.fulfilled"},
		Once:     true, Optional: true,
	})
	SubscriptionCreated = add(Tracking{
		Name: "subscription-created", Title: "Subscription Created", Call: Track,
		Observes: []string{"subscription.created"},
		Once:     true, Optional: true,
	})
	SubscriptionCancelled = add(Tracking{
		Name: "subscription-cancelled", Title: "Subscription Cancelled", Call: Track,
		Observes: []string{"subscription.canceled"}, Instead: []string{"subscription.pending_cancel"},
		Once: true, Optional: true,
	})
	CustomerDeleted = add(Tracking{
		Name: "customer-deleted", Title: "Customer Deleted", Call: Delete,
		Observes: []string{"customer.deleted"}, AsWell: []string{"order.updated"},
		Optional: true,
	})
	AccountCreated = add(Tracking{
		Name: "account-created", Title: "Account Created", Call: Track,
		Observes: []string{"account.created"},
		Once:     true, Optional: true,
	})
)

// All returns the catalogue in the order in which it is shown.
func All() []Tracking { return slices.Clone(catalogue) }

// Optional returns the names of the trackings that a store has only if it asks for them.
func Optional() (names []string) {
	for _, t := range catalogue {
		if t.Optional {
			names = append(names, t.Name)
		}
	}
	return names
}

// ByName returns the tracking with a name. The error lists all names.
func ByName(name string) (Tracking, error) {
	names := make([]string, len(catalogue))
	for i, t := range catalogue {
		if t.Name == name {
			return t, nil
		}
		names[i] = t.Name
	}
	return Tracking{}, fmt.Errorf("there is no tracking %q: the trackings are %s", name, strings.Join(names, ", "))
}

// Resource returns the type of the resource that the tracking is about, as Commerce's events
// name it: order, customer, subscription.
func (t Tracking) Resource() string {
	resource, _, _ := strings.Cut(t.Observes[0], ".")
	return resource
}

// Observable returns every Commerce event that the tracking can be set to observe.
func (t Tracking) Observable() []string {
	return slices.Concat(t.Observes, t.Instead, t.AsWell)
}

// AtCreation reports whether an event is the creation of a resource. Then the event time is
// the resource's created_at. The event time of any other event is the updated_at.
func AtCreation(event string) bool { return strings.HasSuffix(event, ".created") }

// AtDeletion reports whether an event is the deletion of a resource. It happens once, and
// the resource has no timestamps any more.
func AtDeletion(event string) bool { return strings.HasSuffix(event, ".deleted") }

// CheckEvents returns an error if the tracking cannot observe these Commerce events.
//
// A tracking that happens once observes exactly one event. Segment drops a repeated
// messageId for about a day only. There may be more time between the events paid and
// fulfilled of an order, so observing both would count the order twice.
func (t Tracking) CheckEvents(events []string) error {
	if len(events) == 0 {
		return fmt.Errorf("%s observes no event: name at least one of %s, or disable the tracking",
			t.Name, strings.Join(t.Observable(), ", "))
	}
	for i, event := range events {
		if !slices.Contains(t.Observable(), event) {
			return fmt.Errorf("%s cannot observe %q: it can observe %s",
				t.Name, event, strings.Join(t.Observable(), ", "))
		}
		if slices.Contains(events[:i], event) {
			return fmt.Errorf("%s observes %q twice: name it once", t.Name, event)
		}
	}
	if t.Once && len(events) > 1 {
		return fmt.Errorf("%s happens once to an order or a customer, so it observes exactly one event, not %s: "+
			"Segment forgets a messageId after about a day and would count the second one again",
			t.Name, strings.Join(events, " and "))
	}
	for _, event := range t.AsWell {
		if slices.Contains(events, event) && !slices.Contains(events, t.Observes[0]) {
			return fmt.Errorf("%s can observe %q only together with %q: name both", t.Name, event, t.Observes[0])
		}
	}
	return nil
}
