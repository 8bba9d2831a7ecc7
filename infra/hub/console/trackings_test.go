package console

import (
	"maps"
	"net/url"
	"slices"
	"testing"

	"commerce-segment/shared/tracking"
)

func TestTheConfigurationsAreSaved(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(url.Values)
		status  int
		changes map[string]string
		says    string
	}{
		{"as it was", func(url.Values) {}, 200, nil, "Nothing has changed."},
		{"one is disabled", func(f url.Values) { f.Del("enabled-order-updated") }, 200, map[string]string{"tracking/order-updated/enabled": "false"}, "Open the page Finish"},
		{"another event", func(f url.Values) { f.Set("events-order-completed", "order.fulfilled") }, 200, map[string]string{"tracking/order-completed/events": "order.fulfilled"}, "within 75 seconds"},
		{"an additional event", func(f url.Values) { f.Add("events-customer-updated", "customer.deleted") }, 200,
			map[string]string{"tracking/customer-updated/events": "customer.updated,customer.deleted"}, "Saved."},
		{"no event", func(f url.Values) { f.Del("events-customer-updated") }, 422, nil, "customer-updated observes no event"},
		{"no event, and disabled", func(f url.Values) { f.Del("events-customer-updated"); f.Del("enabled-customer-updated") }, 200,
			map[string]string{"tracking/customer-updated/enabled": "false"}, "Saved."},
		{"two events for a tracking that observes one", func(f url.Values) { f.Add("events-order-completed", "order.fulfilled") }, 422, nil, "it observes exactly one event"},
		{"an empty form", func(f url.Values) { clear(f) }, 400, nil, "nothing was saved"},
		{"an event of another tracking", func(f url.Values) { f.Set("events-order-completed", "order.created") }, 422, nil, "cannot observe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := browse(t, nil)
			form := b.trackingsForm()
			want := b.set()
			maps.Copy(want, c.changes)
			c.change(form)
			status, page := b.post("/trackings", form)
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			wants(t, page, c.says)
			if got := b.set(); !maps.Equal(got, want) {
				t.Errorf("the settings are\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// trackingsForm returns the form of the page Configurations with the default settings.
func (b *browser) trackingsForm() url.Values {
	b.t.Helper()
	form := b.form("/trackings", "/trackings")
	for _, tr := range tracking.All() {
		if !tr.Optional {
			form.Set("enabled-"+tr.Name, "true")
		}
		form["events-"+tr.Name] = tr.Observes
	}
	return form
}

// Two users may have the page open at the same time, or one user in two windows.
func TestConfigurationsThatAnotherUserChangedStay(t *testing.T) {
	for _, c := range []struct {
		name   string
		theirs map[string]string
		mine   func(url.Values)
		status int
		want   map[string]string
		says   []string
	}{
		{"another tracking", map[string]string{"tracking/order-updated/enabled": "false"},
			func(f url.Values) { f.Set("events-order-completed", "order.fulfilled") }, 200,
			map[string]string{"tracking/order-updated/enabled": "false", "tracking/order-completed/events": "order.fulfilled"}, []string{"Saved."}},
		{"another setting of the same", map[string]string{"tracking/order-completed/events": "order.fulfilled"},
			func(f url.Values) { f.Del("enabled-order-completed") }, 200,
			map[string]string{"tracking/order-completed/enabled": "false", "tracking/order-completed/events": "order.fulfilled"}, []string{"Saved."}},
		{"the same to the same", map[string]string{"tracking/order-updated/enabled": "false"},
			func(f url.Values) { f.Del("enabled-order-updated") }, 200,
			map[string]string{"tracking/order-updated/enabled": "false"}, []string{"Nothing has changed."}},
		{"the same to another", map[string]string{"tracking/order-completed/events": "order.fulfilled", "tracking/order-updated/enabled": "false"},
			func(f url.Values) { f.Set("events-order-completed", "order.authorized") }, 409,
			map[string]string{"tracking/order-updated/enabled": "false", "tracking/order-completed/events": "order.fulfilled"},
			[]string{"another user changed the marked settings", "current value: order.fulfilled", `value="order.authorized" checked`, `name="enabled-order-updated" value="true">`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := browse(t, nil)
			form := b.trackingsForm()
			for name, value := range c.theirs {
				if err := b.store.Put(t.Context(), name, value); err != nil {
					t.Fatal(err)
				}
			}
			c.mine(form)
			status, page := b.post("/trackings", form)
			if status != c.status {
				t.Errorf("answered %d, want %d", status, c.status)
			}
			wants(t, page, c.says...)
			if got := b.set(); !maps.Equal(got, c.want) {
				t.Errorf("the settings are\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

func TestSavingAgainOverwritesAnotherUsersChange(t *testing.T) {
	b := browse(t, nil)
	form := b.trackingsForm()
	if err := b.store.Put(t.Context(), "tracking/order-completed/events", "order.fulfilled"); err != nil {
		t.Fatal(err)
	}
	form.Set("events-order-completed", "order.authorized")
	b.post("/trackings", form)
	maps.Copy(form, b.form("/trackings", "/trackings")) // as on the page with the conflict
	status, page := b.post("/trackings", form)
	wants(t, page, "Saved.")
	if got := b.set()["tracking/order-completed/events"]; status != 200 || got != "order.authorized" {
		t.Errorf("answered %d, and it is %s", status, got)
	}
}

func TestThePageConfigurationsShowsTheSettings(t *testing.T) {
	_, page := browse(t, map[string]string{"tracking/order-updated/enabled": "false", "tracking/order-completed/events": "order.fulfilled"}).get("/trackings")
	wants(t, page, "Orders", "Customers", `name="enabled-order-completed" value="true" checked`, `name="enabled-order-updated" value="true">`,
		`type="radio" name="events-order-completed" value="order.fulfilled" checked`, `type="radio" name="events-order-completed" value="order.paid">`,
		`type="checkbox" name="events-customer-updated" value="customer.deleted">`, "While messages go to the inbox of a hub, Segment is not asked.", "A track call “Order Completed”, once for each order.",
		"when the order changes in any way", "when the order of a guest is anonymized")
}

func TestEveryObservableEventHasADescription(t *testing.T) {
	for _, tr := range tracking.All() {
		if missing := slices.IndexFunc(tr.Observable(), func(event string) bool { return timeOf(tr, event) == "" }); missing >= 0 {
			t.Errorf("%s: %s has no description", tr.Name, tr.Observable()[missing])
		}
	}
}
