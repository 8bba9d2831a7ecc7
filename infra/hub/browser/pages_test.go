package browser_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/browser"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// shot is a state of a page that TestEveryPage checks.
type shot struct {
	name string
	open func(*browser.Page)
}

// Each page must be usable in both themes and on a phone: with the keyboard alone, with poor
// sight, and in a small window. To write pictures of them:
//
//	go test ./infra/hub/browser -run EveryPage -screenshots DIRECTORY
func TestEveryPage(t *testing.T) {
	t.Parallel()
	commerce := commercetest.Start(t)
	h := start(t, withEditor)
	h.connects(commerce)
	for _, sample := range []string{"checkout-started/guest", "order-completed/guest", "order-completed/gift", "order-updated/shipped", "customer-created/new-customer"} {
		h.posts(sample)
	}
	h.set(map[string]string{
		settings.Template(tracking.OrderRefunded): nameless, settings.Template(tracking.CustomerUpdated): strings.Replace(templates.Default("customer-updated"), "{", "(", 1),
	})
	for _, sample := range []string{"order-refunded/full", "order-refunded/tax-inclusive", "customer-updated/new-address"} {
		h.posts(sample)
	}

	p := h.open()
	edited := "/templates/order-completed"
	save := func(text string) {
		p.Visit(edited)
		edit(p, text)
		p.Follow("Review and save")
		p.Follow("Save")
	}
	visit := func(path string) func(*browser.Page) { return func(p *browser.Page) { p.Visit(path) } }
	pages := []shot{
		{"overview", visit("/")},
		{"connections", visit("/connections")},
		{"connections-wrong", func(p *browser.Page) {
			p.Visit("/connections")
			p.Fill("Client ID", "another-stores")
			p.Follow("Connect")
			p.Sees("Not connected, and nothing was saved.")
		}},
		{"segment-wrong", func(p *browser.Page) {
			p.Visit("/connections")
			p.Choose("Another host")
			p.Fill("Host", "ftp://somewhere")
			p.Fill("Path", "v1")
			p.Follow("Save")
			p.Sees("It is not the path of a URL")
		}},
		{"trackings", visit("/trackings")},
		{"templates", visit("/templates")},
		{"template", func(p *browser.Page) {
			p.Visit(edited)
			p.Sees("one message.")
		}},
		{"template-wrong", func(p *browser.Page) {
			p.Visit(edited)
			edit(p, wrong(defaultTemplate))
			p.Follow("Review and save")
			p.Sees("Nothing was saved")
		}},
		{"template-review", func(p *browser.Page) {
			p.Visit(edited)
			edit(p, changed(defaultTemplate, "review"))
			p.Follow("Review and save")
			p.Sees("Changes")
		}},
		{"template-version", visit(edited + "/versions/default")},
		{"finish", visit("/finish")},
		{"finish-plan", visit("/finish?url=https://shop.tunnel.example")},
		{"executions", visit("/executions")},
		{"execution", func(p *browser.Page) { lookAtExecution(p); p.Sees("The webhook") }},
		{"inbox", func(p *browser.Page) { p.Until("/inbox/messages", "Order Updated") }},
		{"inbox-message", func(p *browser.Page) {
			p.Visit("/inbox/messages")
			p.Follow("Order Updated")
			p.Sees("Personal values are hidden.")
		}},
		{"trace", func(p *browser.Page) {
			p.Visit("/executions")
			p.Press(lastOrder(p))
			p.Sees("Number or ID of an order")
		}},
		{"doctor", visit("/doctor")},
		{"deadletters", func(p *browser.Page) { p.Until("/deadletters", "Order Refunded: 2 events"); p.Sees("Customer Updated") }},
		{"retrying", func(p *browser.Page) { p.Visit("/deadletters/retrying"); p.Sees("Retry the selected ones now") }},
		{"deadletter", func(p *browser.Page) { lookAtOne(p); p.Sees("Still fails") }},
		{"deadletter-fixed", func(p *browser.Page) {
			h.set(map[string]string{settings.Template(tracking.OrderRefunded): templates.Default("order-refunded")})
			lookAtOne(p)
			p.Sees("The template writes 1 valid message.")
		}},
		{"none", visit("/none")},
	}
	pages = append(pages, catchUpPages(h, commerce)...)
	save(changed(defaultTemplate, "first"))
	save(changed(defaultTemplate, "second"))
	looks := []struct {
		name, theme   string
		width, height int64
	}{
		{"phone", "light", browser.PhoneWidth, browser.PhoneHeight},
		{"dark", "dark", browser.Width, browser.Height},
		{"light", "light", browser.Width, browser.Height},
	}
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			p.Look(looks[0].theme, looks[0].width, looks[0].height)
			page.open(p)
			for _, look := range looks {
				p.Look(look.theme, look.width, look.height)
				none(t, look.name, p.Faults())
				if *screenshots != "" {
					// The pictures show the usual directory instead of the test's.
					browser.Ask[string](p, `document.querySelector(".store small").innerText = "the directory .hub"`)
					keep(t, page.name+"-"+look.name, p.Screenshot())
				}
			}
			none(t, "with the keyboard", p.Tour())
			none(t, "the browser", p.Complaints())
		})
	}
}

func TestTheConsoleIsOpenedByItsLinkOnly(t *testing.T) {
	t.Parallel()
	h := start(t, withoutEditor)
	p := browser.Open(t, h.base)
	p.Visit("/connections")
	p.Sees("Open the address that the hub printed")
	for _, theme := range browser.Themes {
		p.Look(theme, browser.PhoneWidth, browser.PhoneHeight)
		none(t, theme, p.Faults())
		if *screenshots != "" {
			keep(t, "key-"+theme, p.Screenshot())
		}
	}
	p.Look("light", browser.Width, browser.Height)
	link := strings.TrimPrefix(h.console, h.base)
	p.Visit(link)
	p.Sees("Overview")
	p.Follow("Connections")
	p.Sees("Base URL of the API")
	_, once, _ := strings.Cut(link, "=")
	for what, secret := range map[string]string{"the hub's key": h.parameter("console-key"), "the key in the address": once} {
		if left := browser.Ask[string](p, "[location.href, document.referrer, document.cookie, document.documentElement.outerHTML].join()"); strings.Contains(left, secret) {
			t.Errorf("the page contains %s:\n%s", what, left)
		}
	}
	p.Visit(link) // as from the browser's history
	p.Sees("Overview")
	browser.Ask[bool](p, "(document.querySelector('.skip').click(), true)")
	if at := browser.Ask[string](p, "location.href"); at != h.base+"/#main" {
		t.Errorf("the link to the content goes to %s", at)
	}
	other := browser.Open(t, h.base)
	other.Visit(link)
	other.Sees("Open the address that the hub printed")
	none(t, "the other browser", other.Complaints())
	p.Follow("Log out")
	p.Sees("You are logged out")
	p.Visit(link)
	p.Sees("Open the address that the hub printed")
	none(t, "the browser", p.Complaints())
}

// Browsers send the cookies of a machine to all of its ports, and another user's server may
// listen at one.
func TestAServerAtAnotherPortGetsNoCookieOfTheConsole(t *testing.T) {
	t.Parallel()
	h := start(t, withoutEditor)
	var mu sync.Mutex
	got := http.Header{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range []string{"Cookie", "Referer"} {
			got[name] = append(got[name], r.Header[name]...)
		}
		http.SetCookie(w, &http.Cookie{Name: "planted", Value: "PLANTED", Path: "/"})
		io.WriteString(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>x</title><p>Elsewhere`)
	}))
	t.Cleanup(elsewhere.Close)
	p := h.open()
	p.Sees("Overview")
	for range 2 { // the second request has the server's own cookie, which shows that it receives cookies
		browser.Ask[bool](p, "(location.href = %q, true)", elsewhere.URL+"/s/guessed/")
		p.Sees("Elsewhere")
	}
	p.Visit("/")
	p.Sees("Overview")
	mu.Lock()
	defer mu.Unlock()
	if said := strings.Join(got["Cookie"], "; "); said != "planted=PLANTED" || strings.Contains(strings.Join(got["Referer"], " "), h.url) {
		t.Errorf("the server at another port got the cookies %q and the referrers %q", said, got["Referer"])
	}
	none(t, "the browser", p.Complaints())
}

// defaultTemplate is the template at the beginning of the editor's tests.
var defaultTemplate = templates.Default(tracking.OrderCompleted.Name)

// lookAtOne opens the first dead letter.
func lookAtOne(p *browser.Page) {
	p.Visit("/deadletters")
	p.Follow(browser.Ask[string](p, "document.querySelector('.letters td a').innerText"))
}

// lastOrder returns the name of the first link to an order.
func lastOrder(p *browser.Page) string {
	return browser.Ask[string](p, "document.querySelector('.executions a.mono').innerText")
}

// keep writes a picture with its 256 most frequent colours, which is a third of the size without
// a visible difference.
func keep(t *testing.T, name string, picture []byte) {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	small := image.NewPaletted(whole.Bounds(), palette(whole))
	draw.Draw(small, small.Bounds(), whole, image.Point{}, draw.Src)
	var encoded bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&encoded, small); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), encoded.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// palette returns the 256 most frequent colours of an image.
func palette(of image.Image) color.Palette {
	count := map[color.Color]int{}
	for y := of.Bounds().Min.Y; y < of.Bounds().Max.Y; y++ {
		for x := of.Bounds().Min.X; x < of.Bounds().Max.X; x++ {
			count[of.At(x, y)]++
		}
	}
	colours := make(color.Palette, 0, len(count))
	for colour := range count {
		colours = append(colours, colour)
	}
	slices.SortFunc(colours, func(a, b color.Color) int { return count[b] - count[a] })
	return colours[:min(len(colours), 256)]
}
