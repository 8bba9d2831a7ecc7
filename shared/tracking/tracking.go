// Package tracking is the catalogue: the one table of the seven trackings that
// everything else reads.
//
// A tracking's name is its Lambda function's folder, its route
// (POST /webhooks/<name>), its template (templates/<name>.jsonata) and the
// middle of its parameters' names.
package tracking

import (
	"fmt"
	"slices"
	"strings"
)

// Call is the kind of Segment call that a tracking makes.
type Call string

// The two kinds of Segment call in the catalogue.
const (
	Track    Call = "track"
	Identify Call = "identify"
)

// Tracking is one row of the catalogue: which Commerce events become which
// Segment call.
type Tracking struct {
	// Name is the key of the row, for example "order-completed".
	Name string
	// Title is what people call it, and the event name of a track call, for
	// example "Order Completed".
	Title string
	// Call is the kind of Segment call that the default template writes.
	Call Call
	// Observes lists the Commerce events that are observed unless the
	// settings say otherwise.
	Observes []string
	// Instead lists events that may be observed in place of the default one.
	Instead []string
	// AsWell lists events that may be observed beside the default one.
	AsWell []string
	// Once says that a resource does this at most once in its life: an order
	// is completed once, and updated again and again.
	Once bool
	// InParts means that an order can do this several times, in parts, when it is
	// refunded. Commerce has an event for the full refund only. For a part it only
	// reports that the order was updated: the transactions of the order show whether an
	// update is a partial refund, and of how much.
	InParts bool
}

// The seven trackings.
var (
	CheckoutStarted = Tracking{
		Name: "checkout-started", Title: "Checkout Started", Call: Track,
		Observes: []string{"order.created"}, Instead: []string{"order.authorized"},
		Once: true,
	}
	OrderCompleted = Tracking{
		Name: "order-completed", Title: "Order Completed", Call: Track,
		Observes: []string{"order.paid"}, Instead: []string{"order.fulfilled", "order.authorized"},
		Once: true,
	}
	OrderUpdated = Tracking{
		Name: "order-updated", Title: "Order Updated", Call: Track,
		Observes: []string{"order.updated"},
	}
	OrderRefunded = Tracking{
		Name: "order-refunded", Title: "Order Refunded", Call: Track,
		Observes: []string{"order.refunded", "order.updated"},
		InParts:  true,
	}
	OrderCancelled = Tracking{
		Name: "order-cancelled", Title: "Order Cancelled", Call: Track,
		Observes: []string{"order.cancelled"},
		Once:     true,
	}
	CustomerCreated = Tracking{
		Name: "customer-created", Title: "Customer Created", Call: Identify,
		Observes: []string{"customer.created"},
		Once:     true,
	}
	CustomerUpdated = Tracking{
		Name: "customer-updated", Title: "Customer Updated", Call: Identify,
		Observes: []string{"customer.updated"}, AsWell: []string{"customer.deleted"},
	}
)

// All returns the catalogue in the order in which people know it.
func All() []Tracking {
	return []Tracking{
		CheckoutStarted, OrderCompleted, OrderUpdated, OrderRefunded, OrderCancelled,
		CustomerCreated, CustomerUpdated,
	}
}

// ByName returns the tracking of that name. Its error lists the names there are.
func ByName(name string) (Tracking, error) {
	all := All()
	names := make([]string, len(all))
	for i, t := range all {
		if t.Name == name {
			return t, nil
		}
		names[i] = t.Name
	}
	return Tracking{}, fmt.Errorf("there is no tracking %q: the trackings are %s", name, strings.Join(names, ", "))
}

// Observable lists every Commerce event that the tracking can be set to observe.
func (t Tracking) Observable() []string {
	return slices.Concat(t.Observes, t.Instead, t.AsWell)
}

// AtCreation says that an event is a resource's creation, so that the fact's own
// time is the resource's created_at. Any other event happened at its updated_at.
func AtCreation(event string) bool { return strings.HasSuffix(event, ".created") }

// AtDeletion says that an event is a resource's end: it happens once, and the
// resource has no timestamps any more.
func AtDeletion(event string) bool { return strings.HasSuffix(event, ".deleted") }

// CheckEvents says why the tracking cannot observe these Commerce events, or
// nil where it can.
//
// A tracking that happens once observes exactly one event. Segment drops a
// repeated messageId for about a day only, and an order's paid and fulfilled
// lie further apart than that: observing both would count the order twice.
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
			return fmt.Errorf("%s observes %q only beside %q: name both", t.Name, event, t.Observes[0])
		}
	}
	return nil
}
