// Package browser lets tests use a page in Chromium, without a window, as a user does. A test
// fails if the browser reports an error, for example in a script or about the content security
// policy.
package browser

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
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

// patience is how long a page has to respond.
const patience = 30 * time.Second

// The window sizes in which tests check pages.
const (
	Width, Height           = 1280, 800
	PhoneWidth, PhoneHeight = 390, 844
)

// Themes are the colour schemes of pages.
var Themes = []string{"light", "dark"}

//go:embed page.js
var probe string

// Page is a tab in its own Chromium.
type Page struct {
	t    testing.TB
	ctx  context.Context
	base string
	done Steps

	mu         sync.Mutex
	documents  map[string]bool // URLs that were requested as pages
	complaints []string
	asked      []string
	stays      bool
}

// Steps counts what a user did in a page.
type Steps struct{ Clicks, Fields int }

// Open starts a Chromium that runs until the test ends. Paths are relative to base.
func Open(t testing.TB, base string) *Page {
	t.Helper()
	program, env := tools.Chromium(t)
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Env(env...), chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
		chromedp.WindowSize(Width, Height), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(patience),
	}
	// Chromium has no sandbox for root, and many systems allow one only for installed browsers.
	// The tests open only the project's own pages.
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

// listen records the errors and questions of the browser.
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
		go func() { // a listener must not send commands to the browser itself
			_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, answer) // if it fails the page hangs, and the test with it
		}()
	case *runtime.EventExceptionThrown:
		complain("an error in a script: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			complain("a script logged: %v", e.Args)
		}
	case *log.EventEntryAdded:
		isWrong := e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning
		// The status of a page itself, such as 422, is checked by the test.
		if isWrong && !(e.Entry.Source == log.EntrySourceNetwork && p.documents[e.Entry.URL]) {
			complain("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
}

// Complaints returns the errors that the browser reported since the last call.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	complaints := p.complaints
	p.complaints = nil
	return complaints
}

func (p *Page) close() {
	for _, complaint := range p.Complaints() {
		p.t.Errorf("the browser reports: %s", complaint)
	}
	if p.t.Failed() {
		p.t.Logf("the page when the test ended:\n%s", p.Text())
	}
	_ = chromedp.Cancel(p.ctx) // it may already have ended
}

// Steps returns what the test did since the page was opened.
func (p *Page) Steps() Steps { return p.done }

// do runs actions. An error names the step, described by words.
func (p *Page) do(actions chromedp.Action[chromedp.Void], words string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions); err != nil {
		p.t.Fatalf("%s: %v", fmt.Sprintf(words, args...), err)
	}
}

// Ask evaluates JavaScript in the page. The functions of page.js are in probe.
func Ask[T any](p *Page, script string, args ...any) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(script, args...)))
	if err != nil {
		p.t.Fatalf("evaluating %s: %v", fmt.Sprintf(script, args...), err)
	}
	return value
}

// await waits until JavaScript is true in the current page.
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
			p.t.Fatalf("after %v the page still does not have %s (%v)", patience, what, err)
		}
	}
}

// Holds waits until JavaScript is true in the page. An error contains what.
func (p *Page) Holds(what, script string) {
	p.t.Helper()
	p.await(what, "%s", script)
}

// Visit opens a path.
func (p *Page) Visit(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base+path), "going to %s", path)
}

// Path returns the path of the page below base.
func (p *Page) Path() string {
	return Ask[string](p, "location.href.slice(%q.length).split(/[?#]/)[0]", p.base)
}

// Text returns the visible text of the page.
func (p *Page) Text() string { return Ask[string](p, "document.body.innerText") }

// Sees waits until the page contains a text.
func (p *Page) Sees(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("the text “%s”", text), "probe.tidy(document.body.innerText).includes(%q)", text)
}

// Until opens a path repeatedly until the page contains a text.
func (p *Page) Until(path, text string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		p.Visit(path)
		switch {
		case Ask[bool](p, "probe.tidy(document.body.innerText).includes(%q)", text):
			return
		case time.Now().After(deadline):
			p.t.Fatalf("after %v the page %[3]s still does not contain “%[2]s”", patience, text, path)
		}
	}
}

// Press clicks the link or button with that name.
func (p *Page) Press(name string) {
	p.t.Helper()
	p.click("a control called "+name, fmt.Sprintf("probe.controlCalled(%q)", name))
}

// Follow is Press for a control that opens another page. It waits for that page.
func (p *Page) Follow(name string) {
	p.t.Helper()
	Ask[bool](p, "window.isLeft = true")
	p.Press(name)
	p.await("another page after "+name, "!window.isLeft")
}

// Choose clicks the radio button or check box whose label begins with that text.
func (p *Page) Choose(label string) {
	p.t.Helper()
	p.click("a field called "+label, fmt.Sprintf("probe.fieldCalled(%q)", label))
}

// Fill replaces the text in the field whose label begins with that text.
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

// Type presses the keys of a text, in the element with the focus.
func (p *Page) Type(text string, options ...chromedp.KeyOption) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(text, options...), "typing %q", text)
}

// Paste pastes a text over the selection.
func (p *Page) Paste(text string) {
	p.t.Helper()
	if err := p.copies(text); err != nil {
		p.t.Fatalf("copying the text to paste: %v", err)
	}
	p.Type("v", chromedp.KeyModifiers(kb.ModifierCtrl), func(key *input.DispatchKeyEventParams) {
		if key.Type == kb.KeyDown {
			key.Commands = []string{"paste"}
		}
	})
	p.done.Fields++
}

// copies puts a text on the clipboard.
func (p *Page) copies(text string) error {
	_, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: "clipboard-write"}, Setting: cdpbrowser.PermissionSettingGranted,
	})
	if err == nil {
		_, err = chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("navigator.clipboard.writeText(%q)", text), chromedp.EvalAwaitPromise))
	}
	return err
}

// Stay sets whether the browser stays on the page if it asks whether to leave.
func (p *Page) Stay(stays bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stays = stays
}

// Asked returns the browser's own questions since the last call, such as "beforeunload".
func (p *Page) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// Look sets the theme and the size of the window.
func (p *Page) Look(theme string, width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height), "a window of %d by %d", width, height)
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, params); err != nil {
		p.t.Fatalf("the %s theme: %v", theme, err)
	}
}

// Screenshot returns the content of the window as PNG.
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

// Faults returns what makes the page hard to use without a mouse, with poor sight, or in a
// window of this size. It waits until no part of the page is being refreshed.
func (p *Page) Faults() []string {
	p.t.Helper()
	p.Holds("the page to be refreshed", "!document.querySelector('[aria-busy]')")
	return append(Ask[[]string](p, "probe.faults()"), p.violations()...)
}

// violations returns what axe-core finds in the page: its rules for WCAG 2.2 A and AA, and its
// best practices.
func (p *Page) violations() []string {
	p.t.Helper()
	if !Ask[bool](p, "!!window.axe") {
		source, err := os.ReadFile(filepath.Join(tools.NodeModules(p.t), "axe-core", "axe.min.js"))
		if err != nil {
			p.t.Fatal(err)
		}
		Ask[bool](p, "%s\n;true", source)
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string]("probe.violations()", chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("running axe-core: %v", err)
	}
	return found
}

// Tour presses Tab from the top of the page until each control had the focus. It returns the
// controls that were not reached or do not show their focus. In the code editor it first
// presses Escape, so that Tab leaves the editor.
func (p *Page) Tour() (faults []string) {
	p.t.Helper()
	stops := Ask[[]string](p, "probe.stops().map(probe.describe)")
	reached := make([]bool, len(stops))
	last := -1
	for range 2*len(stops) + 20 { // Chromium also stops at elements that scroll
		p.Type("\t")
		at := Ask[struct {
			Place          int
			Name           string
			Seen, InEditor bool
		}](p, "probe.focused()")
		if at.Place < 0 && at.Name == "" { // after the last control
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
		faults = append(faults, "there are no controls in "+strings.TrimSpace(p.Path()))
	}
	return faults
}
