// Package browser has a real Chromium, without a window, do in a page what people do:
// for tests. Whatever the browser complains of meanwhile, such as an error in a script
// or a breach of the content security policy, fails the test.
package browser

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"commerce-segment/infra/tools"
)

// patience is how long a page has for what people would call at once.
const patience = 30 * time.Second

// The sizes of a window that pages are looked at in.
const (
	Width, Height           = 1280, 800
	PhoneWidth, PhoneHeight = 390, 844
)

// Themes are the colour schemes that a page can be asked for.
var Themes = []string{"light", "dark"}

//go:embed page.js
var probe string

// Page is a tab of a Chromium of its own.
type Page struct {
	t    testing.TB
	ctx  context.Context
	base string
	done Steps

	mu         sync.Mutex
	documents  map[string]bool // URLs that were asked for as pages
	complaints []string
	asked      []string
	stays      bool
}

// Steps are what was done in a page by hand.
type Steps struct{ Clicks, Fields int }

// Open starts a Chromium until the test ends. Paths are below base.
func Open(t testing.TB, base string) *Page {
	t.Helper()
	program, env := tools.Chromium(t)
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Env(env...), chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
		chromedp.WindowSize(Width, Height), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(patience),
	}
	// Chromium has no sandbox for root, and many systems grant one only to browsers that were
	// installed by root. The pages here are the project's own.
	if isFetched := len(env) > 0; isFetched || os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, _ = chromedp.NewContext(ctx)
	p := &Page{t: t, ctx: ctx, base: base, documents: map[string]bool{}}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	t.Cleanup(p.close)
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: probe}); err != nil {
		t.Fatal(err)
	}
	p.Look("light", Width, Height)
	return p
}

// listen notes what the browser complains of.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	complain := func(format string, args ...any) { p.complaints = append(p.complaints, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument {
			p.documents[e.Request.URL] = true
		}
	case *page.EventJavascriptDialogOpening:
		p.asked = append(p.asked, string(e.Type))
		answer := page.HandleJavaScriptDialogParams{Accept: !p.stays}
		go func() { // this function may ask the browser nothing
			_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, answer) // if it fails the page hangs, and the test with it
		}()
	case *runtime.EventExceptionThrown:
		complain("an error in a script: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			complain("a script says: %v", e.Args)
		}
	case *log.EventEntryAdded:
		isWrong := e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning
		// That a page itself is answered with 422 is for the test to judge.
		if isWrong && !(e.Entry.Source == log.EntrySourceNetwork && p.documents[e.Entry.URL]) {
			complain("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
}

// Complaints are what the browser has complained of since it was asked last.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	complaints := p.complaints
	p.complaints = nil
	return complaints
}

func (p *Page) close() {
	for _, complaint := range p.Complaints() {
		p.t.Errorf("the browser complains: %s", complaint)
	}
	if p.t.Failed() {
		p.t.Logf("the page when the test ended:\n%s", p.Text())
	}
	_ = chromedp.Cancel(p.ctx) // it may have ended by itself
}

// Steps are what was done since the page was opened.
func (p *Page) Steps() Steps { return p.done }

// do runs actions; the words say of which step they are.
func (p *Page) do(actions chromedp.Action[chromedp.Void], words string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions); err != nil {
		p.t.Fatalf("%s: %v", fmt.Sprintf(words, args...), err)
	}
}

// Ask evaluates JavaScript in the page, which knows the functions of page.js as probe.
func Ask[T any](p *Page, script string, args ...any) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(script, args...)))
	if err != nil {
		p.t.Fatalf("asking the page for %s: %v", fmt.Sprintf(script, args...), err)
	}
	return value
}

// await waits until JavaScript is true of the page, whichever page that is by then.
func (p *Page) await(what, script string, args ...any) {
	p.t.Helper()
	script = fmt.Sprintf(script, args...)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.readyState === 'complete' && !!("+script+")"))
		cancel()
		switch {
		case err == nil && holds:
			return
		case time.Now().After(deadline):
			p.t.Fatalf("after %v there is still not %s (%v)", patience, what, err)
		}
	}
}

// Holds waits until JavaScript is true of the page; what says what that is.
func (p *Page) Holds(what, script string) {
	p.t.Helper()
	p.await(what, "%s", script)
}

// Visit goes to a path as the address bar does.
func (p *Page) Visit(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base+path), "going to %s", path)
}

// Path is where the page is, below base.
func (p *Page) Path() string {
	return Ask[string](p, "location.href.slice(%q.length).split(/[?#]/)[0]", p.base)
}

// Text is what one reads in the page.
func (p *Page) Text() string { return Ask[string](p, "document.body.innerText") }

// Sees waits until a text is in the page.
func (p *Page) Sees(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("“%s” to be seen", text), "probe.tidy(document.body.innerText).includes(%q)", text)
}

// Until goes to a path again and again until a text is in the page.
func (p *Page) Until(path, text string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		p.Visit(path)
		switch {
		case Ask[bool](p, "probe.tidy(document.body.innerText).includes(%q)", text):
			return
		case time.Now().After(deadline):
			p.t.Fatalf("after %v there is still no “%s” at %s", patience, text, path)
		}
	}
}

// Press clicks on the link or button of that name with the mouse.
func (p *Page) Press(name string) {
	p.t.Helper()
	p.click("a control called "+name, fmt.Sprintf("probe.controlCalled(%q)", name))
}

// Follow is Press for what leads to another page, and waits for that.
func (p *Page) Follow(name string) {
	p.t.Helper()
	Ask[bool](p, "window.isLeft = true")
	p.Press(name)
	p.await("another page after "+name, "!window.isLeft")
}

// Choose clicks on the radio button or check box whose label begins like that.
func (p *Page) Choose(label string) {
	p.t.Helper()
	p.click("a field called "+label, fmt.Sprintf("probe.fieldCalled(%q)", label))
}

// Fill types into the field whose label begins like that, in the place of what is there.
func (p *Page) Fill(label, text string) {
	p.t.Helper()
	field := fmt.Sprintf("probe.fieldCalled(%q)", label)
	p.await("a field called "+label, "%s", field)
	Ask[bool](p, "(%s.focus(), document.activeElement.select(), true)", field)
	p.Type(text)
	p.done.Fields++
}

func (p *Page) click(what, script string) {
	p.t.Helper()
	p.await(what, "probe.pointOf(%s)", script)
	point := Ask[struct{ X, Y float64 }](p, "probe.pointOf(%s)", script)
	p.do(chromedp.MouseClickXY(point.X, point.Y), "clicking on %s", what)
	p.done.Clicks++
}

// Type presses the keys of a text, in what has the focus.
func (p *Page) Type(text string, options ...chromedp.KeyOption) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text, options...), "typing %q", text)
}

// Paste pastes a text, in the place of what is selected.
func (p *Page) Paste(text string) {
	p.t.Helper()
	if err := p.copies(text); err != nil {
		p.t.Fatalf("copying what is pasted: %v", err)
	}
	p.Type("v", chromedp.KeyModifiers(kb.ModifierCtrl), func(key *input.DispatchKeyEventParams) {
		if key.Type == kb.KeyDown {
			key.Commands = []string{"paste"}
		}
	})
	p.done.Fields++
}

func (p *Page) copies(text string) error {
	_, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: "clipboard-write"}, Setting: cdpbrowser.PermissionSettingGranted,
	})
	if err == nil {
		_, err = chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("navigator.clipboard.writeText(%q)", text), chromedp.EvalAwaitPromise))
	}
	return err
}

// Stay answers the question whether to leave the page, from now on, with no or yes.
func (p *Page) Stay(stays bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stays = stays
}

// Asked are the questions of the browser's own since it was asked last, such as
// "beforeunload".
func (p *Page) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// Look makes the window that large, and the browser prefer a theme.
func (p *Page) Look(theme string, width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height), "a window of %d by %d", width, height)
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, params); err != nil {
		p.t.Fatalf("the %s theme: %v", theme, err)
	}
}

// Screenshot is what the window shows, as PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("taking a screenshot: %v", err)
	}
	return image
}

// Faults are what makes the page hard to use without a mouse, with bad eyes, or in a
// window of this size.
func (p *Page) Faults() []string { return Ask[[]string](p, "probe.faults()") }

// Tour presses Tab from the page's top until every control had the focus once, and
// says which was not reached, or does not show that it has the focus. In the code
// editor it first presses Escape, which lets Tab leave.
func (p *Page) Tour() (faults []string) {
	p.t.Helper()
	stops := Ask[[]string](p, "probe.stops().map(probe.describe)")
	reached := make([]bool, len(stops))
	last := -1
	for range 2*len(stops) + 20 { // a part that scrolls is a stop of Chromium's own
		p.Type("\t")
		at := Ask[struct {
			Place          int
			Name           string
			Seen, InEditor bool
		}](p, "probe.focused()")
		if at.Place < 0 && at.Name == "" { // past the end
			break
		}
		if !at.Seen {
			faults = append(faults, at.Name+" does not show that it has the focus")
		}
		if at.Place >= 0 {
			if at.Place < last {
				faults = append(faults, fmt.Sprintf("%s has the focus after %s, which is below it", at.Name, stops[last]))
			}
			reached[at.Place], last = true, at.Place
		}
		if at.InEditor {
			p.Type("\x1b")
		}
		if !slices.Contains(reached, false) {
			break
		}
	}
	for i, name := range stops {
		if !reached[i] {
			faults = append(faults, name+" cannot be reached with the Tab key")
		}
	}
	if len(stops) == 0 {
		faults = append(faults, "there is nothing to reach in "+strings.TrimSpace(p.Path()))
	}
	return faults
}
