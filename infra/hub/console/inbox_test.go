package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/shared/settings"
)

// machineWithInbox is a hub with an inbox.
type machineWithInbox struct {
	machineWith
	batches *database.List
}

func (m machineWithInbox) Inbox() *database.List                   { return m.batches }
func (m machineWithInbox) Waiting() int                            { return 0 }
func (m machineWithInbox) Dead() int                               { return 0 }
func (m machineWithInbox) Notes(context.Context) ([]string, error) { return nil, nil }

// browseInbox opens the console of a hub whose inbox has these batches.
func browseInbox(t *testing.T, batches ...string) (*browser, *Console) {
	t.Helper()
	list, err := database.OpenList(filepath.Join(t.TempDir(), "inbox.db"), "the inbox", database.Limits{Bytes: 64 << 20, Age: time.Hour}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { list.Close() })
	var entries []database.Entry
	for _, batch := range batches {
		entries = append(entries, database.Entry{At: time.Now(), Body: []byte(batch)})
	}
	if err := list.Add(entries...); err != nil {
		t.Fatal(err)
	}
	c := open(t)
	c.Machine = machineWithInbox{machineWith{lines: newLog(t)}, list}
	return browseAt(t, c, nil), c
}

// track returns a message of an SDK.
func track(n int) string {
	return fmt.Sprintf(`{"type":"track","event":"Event %d","userId":"u-%d","messageId":"m-%d","properties":{"email":"mara@example.com","n":%d}}`, n, n, n, n)
}

func TestTheInboxListsTheNewestMessagesFirstInPages(t *testing.T) {
	var batches []string
	for n := 0; n < 120; n += 2 {
		batches = append(batches, fmt.Sprintf(`{"batch":[%s,%s]}`, track(n), track(n+1)))
	}
	batches = append(batches, `{"path":"/v1/i","batch":[{"userId":"alone"}]}`, `{"batch":[]}`, `{"batch":[1,null,"x"]}`)
	b, _ := browseInbox(t, batches...)
	next, seen := "/inbox/messages", []string{}
	for range 3 {
		_, page := b.get(next)
		for _, row := range strings.Split(page, "<tr>")[2:] {
			_, name, _ := strings.Cut(row, `<a href="`)
			_, name, _ = strings.Cut(name, ">")
			name, _, _ = strings.Cut(name, "<")
			seen = append(seen, name)
		}
		if len(page) > 200_000 {
			t.Errorf("the page has %d bytes", len(page))
		}
		_, next, _ = strings.Cut(page, `<a href="./inbox/messages?before=`)
		next, _, _ = strings.Cut(next, `"`)
		next = "/inbox/messages?before=" + next
	}
	want := []string{"unknown", "unknown", "unknown", "identify"}
	for n := 119; n >= 0; n-- {
		want = append(want, fmt.Sprintf("Event %d", n))
	}
	if got := strings.Join(seen, ","); got != strings.Join(want, ",") {
		t.Errorf("it lists %s", got)
	}
}

func TestTheInboxIsSearchedForATextInAnyLetterCase(t *testing.T) {
	var batches []string
	for n := range 200 {
		batches = append(batches, `{"batch":[`+track(n)+`]}`)
	}
	b, _ := browseInbox(t, batches...)
	for text, want := range map[string][]string{"EVENT 17\"": {"Event 17<"}, "u-5\"": {"Event 5<"}, "m-199": {"Event 199<"}} {
		_, page := b.get("/inbox/messages?q=" + url.QueryEscape(text))
		wants(t, page, want...)
		if rows := strings.Count(page, "<tr>"); rows != 2 {
			t.Errorf("%s finds %d rows", text, rows-1)
		}
	}
	_, page := b.get("/inbox/messages?q=event")
	wants(t, page, "&q=event", "Event 199<", "Event 150<")
	_, page = b.get("/inbox/messages?q=nothing")
	wants(t, page, "No message contains “nothing”")
	if status, _ := b.get("/inbox/messages?before=x"); status != 400 {
		t.Errorf("a wrong place is answered %d", status)
	}
}

func TestAMessageOfTheInboxHidesPersonalValuesUntilTheyAreAskedFor(t *testing.T) {
	b, _ := browseInbox(t, `{"batch":[{"type":"identify","userId":"jo@example.org","traits":{"name":"Mara Lind","shippingAddress":{"city":"Portland"}},"context":{"ip":"203.0.113.9"},"note":"for mara lind",
		"properties":{"customer_name":"Kim Vale","name":"Pat Roe","coupon":"KIM-VALE-10","shipping":{"line_1":"3 Birch Court","city":"Leeds","postcode":97205},"products":[{"name":"Camp stove","sku":"STOVE-1"}]}},`+track(1)+`]}`)
	_, page := b.get("/inbox/messages")
	wants(t, page, `href="./inbox/messages/1/0">identify<`, `href="./inbox/messages/1/1">Event 1<`, "•••")
	for _, text := range []string{"jo@example.org", "mara@example.com"} {
		_, found := b.get("/inbox/messages?q=" + url.QueryEscape(text[:len(text)-1]))
		if strings.Contains(found, text) {
			t.Errorf("a search shows %s", text)
		}
		if strings.Contains(page, text) {
			t.Errorf("the list shows %s", text)
		}
	}
	values := []string{"jo@example.org", "Mara Lind", "Portland", "203.0.113.9", "for mara lind", "Kim Vale", "Pat Roe", "3 Birch Court", "Leeds", "97205"}
	_, page = b.get("/inbox/messages/1/0")
	wants(t, page, "Personal values are hidden.", "•••", `"type"`, "Camp stove", "STOVE-1")
	for _, value := range values {
		if strings.Contains(page, value) {
			t.Errorf("the page shows %s", value)
		}
	}
	_, page = b.get("/inbox/messages/1/0?personal=yes")
	wants(t, page, append(values, "Personal values are shown.")...)
	if _, text := b.get("/inbox/messages/1/1/json"); text != track(1) {
		t.Errorf("as JSON it is %s", text)
	}
	for _, path := range []string{"/1/2", "/2/0", "/1/-1", "/1/x", "/x/0", "/1/2/json"} {
		if status, _ := b.get("/inbox/messages" + path); status != 404 {
			t.Errorf("%s is answered %d", path, status)
		}
	}
}

func TestThePageOfALargeMessageShowsItsBeginning(t *testing.T) {
	large := `{"type":"track","event":"Large","properties":{"list":[` + strings.Repeat("1,", 400_000) + `1]}}`
	b, _ := browseInbox(t, `{"batch":[`+large+`]}`)
	_, page := b.get("/inbox/messages/1/0")
	wants(t, page, "This is the beginning of the message", "Large")
	if len(page) > 200_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if _, text := b.get("/inbox/messages/1/0/json"); text != large {
		t.Errorf("as JSON it has %d bytes of %d", len(text), len(large))
	}
}

func TestTheInboxIsEmptied(t *testing.T) {
	b, _ := browseInbox(t, `{"batch":[`+track(1)+`]}`)
	_, page := b.post("/inbox/empty", nil)
	wants(t, page, "The inbox is empty.", "Send a sample webhook", "bin/hub send order-completed/guest")
	if strings.Contains(page, "Event 1") {
		t.Errorf("it still lists the message:\n%s", page)
	}
}

func TestThePagesNameSegmentInsteadIfEventsGoThere(t *testing.T) {
	const inNavigation, inFigures, shows = `href="./inbox/messages"><b>Inbox</b>`, "In the inbox", "shows what Segment would receive"
	b, c := browseInbox(t)
	_, page := b.get("/")
	wants(t, page, inNavigation, inFigures, shows)
	if err := c.Store.Put(t.Context(), settings.SegmentHost, "https://api.segment.io"); err != nil {
		t.Fatal(err)
	}
	_, page = b.get("/")
	wants(t, page, "Events go to https://api.segment.io.")
	if strings.Contains(strings.ToLower(page), "inbox") {
		t.Errorf("the overview speaks of the inbox:\n%s", page)
	}
	if err := c.Machine.Inbox().Add(database.Entry{At: time.Now(), Body: []byte(`{"batch":[` + track(1) + `]}`)}); err != nil {
		t.Fatal(err)
	}
	_, page = b.get("/")
	wants(t, page, "before is still there")
	for _, text := range []string{inNavigation, inFigures, shows} {
		if strings.Contains(page, text) {
			t.Errorf("the overview has %q", text)
		}
	}
	_, page = b.get("/inbox/messages")
	wants(t, page, "Events go to https://api.segment.io, not to the inbox", "Event 1")
	if deployed, page := browse(t, nil).get("/"); deployed != 200 || strings.Contains(strings.ToLower(page), "inbox") {
		t.Errorf("the console of a deployed store speaks of the inbox: %d", deployed)
	}
}
