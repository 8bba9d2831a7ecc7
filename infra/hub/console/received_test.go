package console

import (
	"html"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/executions/disk"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/received/receivedtest"
	"commerce-segment/infra/publicapitest"
	"commerce-segment/shared/settings"
)

// sends sets a store up for Segment's Public API, and logs what a test sends.
func sends(t *testing.T, c *Console, set func(*receivedtest.World)) {
	t.Helper()
	t.Cleanup(c.Stop)
	w := receivedtest.New(t, c.Store)
	set(w)
	c.Machine.Executions().(*disk.Store).Add(w.Lines)
}

// showsSoon asks for a page until it says something.
func (b *browser) showsSoon(path, says string) (page string) {
	b.t.Helper()
	hubtest.Eventually(b.t, path+" says "+says, func() bool {
		_, page = b.get(path)
		page = html.UnescapeString(page)
		return strings.Contains(page, says)
	})
	return page
}

func TestThePageExplainsEachDifference(t *testing.T) {
	for _, test := range receivedtest.Cases {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			s, c := browseInbox(t)
			sends(t, c, test.Make)
			page := s.showsSoon("/revenue", test.Says)
			if test.Severity == "" {
				wants(t, page, `<a href="./connections">`)
				lacks(t, page, "pill is-")
				return
			}
			wants(t, page, `<span class="pill is-`+test.Severity+`">`)
			s.showsSoon("/", `href="./revenue#received">What Segment received</a>`)
			s.showsSoon("/doctor", test.Says[1:]) // the check segment begins its sentences with a small letter
		})
	}
}

func TestAnotherComparisonBeginsAfterACommandHasChangedTheToken(t *testing.T) {
	s, c := browseInbox(t)
	var w *receivedtest.World
	sends(t, c, func(world *receivedtest.World) {
		w = world
		w.Set(settings.SegmentAPIToken, settings.BindSecret(w.Segment.URL, "revoked"))
	})
	s.showsSoon("/revenue", "Segment answered 401")
	w.Set(settings.SegmentAPIToken, settings.BindSecret(w.Segment.URL, publicapitest.Token))
	s.showsSoon("/revenue", "No message was sent to Segment")
}

// What Segment did to the messages of a template is said where the template is edited.
func TestATemplateShowsWhatSegmentDroppedOfItsEvents(t *testing.T) {
	s, c := browseInbox(t)
	sends(t, c, func(w *receivedtest.World) {
		w.Send(3, receivedtest.Order, 9)
		w.Segment.FilteredAtSource(w.Source, "track", receivedtest.Order, "Schema: event blocked", w.At(3), 4)
		w.Receive(3, receivedtest.Order, 5)
	})
	page := s.showsSoon("/templates/order-completed", "Segment blocked 4 messages of Order Completed at the source. Reason: Schema: event blocked.")
	wants(t, page, `<a href="./revenue#received">`)
	_, other := s.get("/templates/order-updated")
	lacks(t, other, "Segment blocked", "What Segment did with the messages")
}

func TestTheOverviewSaysHowMuchSegmentReceived(t *testing.T) {
	s, c := browseInbox(t)
	sends(t, c, func(w *receivedtest.World) {
		w.Send(3, receivedtest.Order, 231)
		w.Receive(3, receivedtest.Order, 230)
	})
	s.showsSoon("/", `<a href="./revenue#received">Segment received 230 of 231 sent messages in the last 24 hours.</a> <small>Compared `)
}

// brokenMachine is a hub whose log cannot be read without a panic.
type brokenMachine struct{ Machine }

func TestAnErrorOfTheComparisonDoesNotEndTheHub(t *testing.T) {
	c := Console{Machine: brokenMachine{}, Log: slog.New(slog.DiscardHandler)}
	if r := c.readLatest(t.Context()); r.Known() || !strings.Contains(r.Says(), "the program has an error") {
		t.Errorf("it says %q", r.Says())
	}
}

// A day has what was received, next to the revenue that was sent.
func TestTheRevenueOfADayHasWhatSegmentReceived(t *testing.T) {
	s := openShop(t)
	now := time.Now()
	noon := time.Date(now.Year(), now.Month(), now.Day()-2, 12, 0, 0, 0, time.Local)
	hours := 0
	sends(t, s.console, func(w *receivedtest.World) {
		hours = int(w.At(0).Sub(noon) / time.Hour)
		w.Lines = nil
		w.Send(hours+40, receivedtest.Order, 1)
		w.Send(hours, receivedtest.Order, 3)
		w.Receive(hours, receivedtest.Order, 2)
	})
	s.addSale(noon)
	page := s.comparesRevenue(url.Values{"since": {"4d"}})
	wants(t, page, "<th>Received, all currencies</th>", `data-label="Received, all currencies" class="number">2 of 3<`)
	_, csv := s.get("/revenue.csv?of=days")
	wants(t, csv, ",reasons,messages_sent,messages_received\n", ",3,2\n")
}
