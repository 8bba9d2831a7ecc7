package tracking_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/tracking"
)

// A tracking without its folder is never deployed, and a folder without its
// tracking has no settings.
func TestTheCatalogueAndTheFunctionsAreTheSame(t *testing.T) {
	var names []string
	for _, row := range tracking.All() {
		names = append(names, row.Name)
	}
	entries, err := os.ReadDir("../../functions")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "testdata" {
			folders = append(folders, entry.Name())
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, folders) {
		t.Errorf("the catalogue has %q\n  functions/ has %q", names, folders)
	}
}

func TestTheCatalogueIsConsistent(t *testing.T) {
	names, titles := map[string]bool{}, map[string]bool{}
	for _, row := range tracking.All() {
		t.Run(row.Name, func(t *testing.T) {
			if names[row.Name] || titles[row.Title] {
				t.Errorf("%q or %q is in the catalogue twice", row.Name, row.Title)
			}
			names[row.Name], titles[row.Title] = true, true
			if want := strings.ReplaceAll(strings.ToLower(row.Title), " ", "-"); row.Name != want {
				t.Errorf("the name of %q is %q, want %q", row.Title, row.Name, want)
			}
			if row.Once && len(row.Observes) != 1 {
				t.Errorf("happens once and observes %q: a second event counts it twice", row.Observes)
			}
			if row.Once && len(row.AsWell) > 0 {
				t.Errorf("happens once and may observe %q as well: a second event counts it twice", row.AsWell)
			}
			if err := row.CheckEvents(row.Observes); err != nil {
				t.Errorf("its default is not allowed: %v", err)
			}
			if !slices.Contains([]tracking.Call{tracking.Track, tracking.Identify, tracking.Delete}, row.Call) {
				t.Errorf("is a %q call", row.Call)
			}
			for _, event := range row.Observable() {
				// The user of a guest's order is the order.
				isGuest := row.Call == tracking.Delete && strings.HasPrefix(event, "order.")
				if !isGuest && !strings.HasPrefix(event, row.Resource()+".") {
					t.Errorf("observes %q, want an event of the resource %s", event, row.Resource())
				}
				if loggable.Event(event) != event {
					t.Errorf("observes %q, which Commerce does not have", event)
				}
			}
		})
	}
}

// Merchants rely on this table: a change of a row changes what deployed stores send. Every
// other tracking is optional, so that a new release does not send more.
func TestTheTrackingsOfEveryStoreAreTheDocumentedSeven(t *testing.T) {
	want := []struct {
		name   string
		events string // observes / instead / as well
		once   bool
		call   tracking.Call
	}{
		{"checkout-started", "order.created / order.authorized / ", true, tracking.Track},
		{"order-completed", "order.paid / order.fulfilled order.authorized / ", true, tracking.Track},
		{"order-updated", "order.updated /  / ", false, tracking.Track},
		{"order-refunded", "order.refunded order.updated /  / ", false, tracking.Track},
		{"order-cancelled", "order.cancelled /  / ", true, tracking.Track},
		{"customer-created", "customer.created /  / ", true, tracking.Identify},
		{"customer-updated", "customer.updated /  / customer.deleted", false, tracking.Identify},
	}
	all := slices.DeleteFunc(tracking.All(), func(row tracking.Tracking) bool { return row.Optional })
	if len(all) != len(want) {
		t.Fatalf("there are %d trackings, want %d", len(all), len(want))
	}
	for i, row := range all {
		events := strings.Join(row.Observes, " ") + " / " + strings.Join(row.Instead, " ") + " / " + strings.Join(row.AsWell, " ")
		if row.Name != want[i].name || events != want[i].events || row.Once != want[i].once || row.Call != want[i].call {
			t.Errorf("got  %s: %s, once %v, %s\nwant %+v", row.Name, events, row.Once, row.Call, want[i])
		}
	}
}

func TestByName(t *testing.T) {
	for _, row := range tracking.All() {
		if got, err := tracking.ByName(row.Name); err != nil || got.Title != row.Title {
			t.Errorf("%s: got %q, %v", row.Name, got.Title, err)
		}
	}
	for _, unknown := range []string{"", "no-such-tracking", "Order Completed", "ORDER-COMPLETED"} {
		_, err := tracking.ByName(unknown)
		if err == nil {
			t.Errorf("there is a tracking %q", unknown)
			continue
		}
		for _, row := range tracking.All() {
			if !strings.Contains(err.Error(), row.Name) {
				t.Errorf("%v\ndoes not list %s", err, row.Name)
			}
		}
	}
}

func TestAtCreation(t *testing.T) {
	for event, want := range map[string]bool{
		"order.created": true, "customer.created": true,
		"order.paid": false, "order.updated": false, "customer.deleted": false, "created": false,
	} {
		if got := tracking.AtCreation(event); got != want {
			t.Errorf("%s: %v, want %v", event, got, want)
		}
	}
}

func TestCheckEvents(t *testing.T) {
	for _, test := range []struct {
		name    string
		row     tracking.Tracking
		events  string
		message string // a part of the error; empty if the events are allowed
	}{
		{"the default is fine", tracking.OrderCompleted, "order.paid", ""},
		{"an event instead of the default is fine", tracking.OrderCompleted, "order.fulfilled", ""},
		{"another event instead of the default is fine", tracking.CheckoutStarted, "order.authorized", ""},
		{"an event in addition to the default is fine", tracking.CustomerUpdated, "customer.updated customer.deleted", ""},
		{"the order of the two does not matter", tracking.CustomerUpdated, "customer.deleted customer.updated", ""},
		{"the default without the additional event is fine", tracking.CustomerUpdated, "customer.updated", ""},
		{"no event is an error that says how to disable the tracking", tracking.OrderCompleted, "",
			"order-completed observes no event: name at least one of order.paid, order.fulfilled, order.authorized, or disable the tracking"},
		{"an event of another tracking is an error that lists the events of this one", tracking.OrderCompleted, "order.updated",
			`order-completed cannot observe "order.updated": it can observe order.paid, order.fulfilled, order.authorized`},
		{"an event in another case is an error", tracking.OrderCompleted, "Order.Paid", `cannot observe "Order.Paid"`},
		{"the same event twice is an error", tracking.OrderUpdated, "order.updated order.updated", `observes "order.updated" twice: name it once`},
		{"two events of a tracking that happens once are an error with the reason", tracking.OrderCompleted, "order.paid order.fulfilled",
			"exactly one event, not order.paid and order.fulfilled: Segment forgets a messageId after about a day"},
		{"an additional event without the default is an error", tracking.CustomerUpdated, "customer.deleted",
			`customer-updated can observe "customer.deleted" only together with "customer.updated": name both`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.row.CheckEvents(strings.Fields(test.events))
			switch {
			case test.message == "" && err != nil:
				t.Error(err)
			case test.message != "" && (err == nil || !strings.Contains(err.Error(), test.message)):
				t.Errorf("got %v\nwant …%s…", err, test.message)
			}
		})
	}
}
