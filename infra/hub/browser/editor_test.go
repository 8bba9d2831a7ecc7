package browser_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"commerce-segment/infra/hub/browser"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// source is the text of the template in the page: the code editor keeps the text area up to
// date.
const source = `document.getElementById("source").value`

// edit replaces the template's text by pasting.
func edit(p *browser.Page, text string) {
	browser.Ask[bool](p, `(document.querySelector(".cm-content") ?? document.getElementById("source")).focus(), true`)
	p.Type("a", chromedp.KeyModifiers(kb.ModifierCtrl))
	p.Paste(text)
}

// changed returns a template with an additional property.
func changed(template, name string) string {
	return strings.Replace(template, `"properties": {`, `"properties": {"`+name+`": true,`, 1)
}

// mistake replaces the event's name in a template that does not compile.
const mistake = `"event": )`

func wrong(template string) string {
	return strings.Replace(template, `"event": "Order Completed"`, mistake, 1)
}

var editors = []string{withEditor, withoutEditor}

func TestEnterInAFieldAddsTheReadyMadeFields(t *testing.T) {
	t.Parallel()
	p := start(t, withEditor).open()
	p.Visit("/templates/order-completed")
	browser.Ask[bool](p, `document.querySelector("[name=field][value=affiliation]").click(), document.querySelector("[name='value.affiliation']").focus(), true`)
	p.Type("Northern Camp\r")
	p.Sees("/* Fields: affiliation */")
}

func TestATemplateThatDoesNotCompileIsNotSavedAndShowsTheLine(t *testing.T) {
	for _, kind := range editors {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := start(t, kind)
			p := h.open()
			p.Visit("/templates/order-completed")
			p.Sees("one message.")

			announces(p, "one message.")
			text := wrong(defaultTemplate)
			edit(p, text)
			line := fmt.Sprintf("Line %d:", strings.Count(text[:strings.Index(text, mistake)], "\n")+1)
			p.Sees(line)
			announces(p, line)
			p.Follow("Review and save")
			p.Sees("Nothing was saved")
			if shown := browser.Ask[string](p, source); shown != text {
				t.Errorf("the text is now\n%s", shown)
			}
			none(t, "the page with the error", p.Faults())
			if _, err := os.Stat(filepath.Join(h.dir, settings.Template(tracking.OrderCompleted))); err == nil {
				t.Error("the template was saved")
			}

			edit(p, changed(defaultTemplate, "fixed"))
			p.Sees(`"fixed": true`)
			p.Follow("Review and save")
			p.Sees("Changes")
			p.Follow("Save")
			p.Sees("Saved.")
			if saved := h.parameter(settings.Template(tracking.OrderCompleted)); !strings.Contains(saved, "fixed") {
				t.Errorf("saved is\n%s", saved)
			}
		})
	}
}

func TestAnEarlierVersionIsRestored(t *testing.T) {
	t.Parallel()
	h := start(t, withEditor)
	p := h.open()
	for _, name := range []string{"first", "second"} {
		p.Visit("/templates/order-completed")
		edit(p, changed(defaultTemplate, name))
		p.Follow("Review and save")
		p.Follow("Save")
		p.Sees("Saved.")
	}
	p.Follow("Compare version 1")
	p.Sees("Changes if you restore it")
	p.Follow("Restore this version")
	p.Sees("The messages of")
	p.Follow("Save")
	if saved := h.parameter(settings.Template(tracking.OrderCompleted)); strings.TrimSpace(saved) != strings.TrimSpace(changed(defaultTemplate, "first")) {
		t.Errorf("restored is\n%s", saved)
	}
	p.Sees("Version 3")
	h.posts("order-completed/guest")
	p.Visit("/inbox")
	p.Sees(`"first": true`)
}

// Tab indents in the code editor, so a user without a mouse needs another way out.
func TestTheKeyboardLeavesTheEditorAsItsHintSays(t *testing.T) {
	t.Parallel()
	h := start(t, withEditor)
	p := h.open()
	p.Visit("/templates/order-completed")
	p.Sees("To leave the editor with the keyboard, press Esc, then Tab")
	inEditor := func() bool { return browser.Ask[bool](p, "probe.focused().inEditor") }
	browser.Ask[bool](p, `document.querySelector(".cm-content").focus(), true`)
	before := browser.Ask[string](p, source)
	p.Type("\t")
	if !inEditor() || browser.Ask[string](p, source) == before {
		t.Error("Tab does not indent")
	}
	p.Type("\x1b\t")
	if inEditor() {
		t.Error("Esc and then Tab do not leave the editor")
	}
	p.Sees("Review and save")
	browser.Ask[bool](p, `document.querySelector(".cm-content").focus(), true`)
	p.Type("s", chromedp.KeyModifiers(kb.ModifierCtrl))
	p.Sees("Changes")
}

// Chromium gives text that replaces coloured text its colours, as an inline style, which the
// policy forbids.
func TestTypingOverColouredTextDoesNotViolateThePolicy(t *testing.T) {
	t.Parallel()
	p := start(t, withEditor).open()
	p.Visit("/templates/order-completed")
	p.Sees("one message.")
	lines := strings.Split(strings.TrimSpace(defaultTemplate), "\n")
	for _, c := range []struct{ name, selected, typed, gives string }{
		{"a string", `"Order Completed"`, "x", "x"},
		{"a comment of two lines", strings.Join(lines[:2], "\n") + "\n", "x", "x"},
		{"a line and its end", `"event": "Order Completed",` + "\n", "é", "é"},
		{"lines, with a new one", `"event": "Order Completed",` + "\n", "\r", "\n"},
		{"many lines", strings.Join(lines[7:20], "\n"), "(", "("},
	} {
		t.Run(c.name, func(t *testing.T) {
			edit(p, strings.TrimSpace(defaultTemplate))
			selectText(p, c.selected)
			p.Type(c.typed)
			want := strings.Replace(strings.TrimSpace(defaultTemplate), c.selected, c.gives, 1)
			// The editor notices text that Chromium inserted after a moment.
			got := browser.Ask[string](p, source)
			for deadline := time.Now().Add(10 * time.Second); squeezed(got) != squeezed(want) && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
				got = browser.Ask[string](p, source)
			}
			if squeezed(got) != squeezed(want) || got == defaultTemplate {
				t.Errorf("typing gives\n%s\nwant\n%s", got, want)
			}
			none(t, "the browser", p.Complaints())
		})
	}
}

// squeezed returns a text without indentation, which the editor may change.
func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// announces waits until the page announces a text to screen readers.
func announces(p *browser.Page, text string) {
	p.Holds("the announcement “"+text+"”", fmt.Sprintf(`document.querySelector("[role=status].announced").textContent.includes(%q)`, text))
}

// selectText selects the first occurrence of a text in the code editor, as the mouse does. After
// a paste the editor may restore its own selection, so this repeats until the selection stays.
func selectText(p *browser.Page, text string) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		setSelection(p, text)
		time.Sleep(200 * time.Millisecond)
		if squeezed(browser.Ask[string](p, "getSelection().toString()")) == squeezed(text) {
			return
		}
	}
}

func setSelection(p *browser.Page, text string) {
	browser.Ask[bool](p, `(() => {
		const content = document.querySelector(".cm-content");
		const lines = [...content.querySelectorAll(".cm-line")];
		const at = (offset) => {
			const line = lines.find((l) => offset <= l.textContent.length || (offset -= l.textContent.length + 1, false));
			const texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
			while (texts.nextNode()) {
				if (offset <= texts.currentNode.length) return [texts.currentNode, offset];
				offset -= texts.currentNode.length;
			}
			return [line, 0];
		};
		const from = lines.map((l) => l.textContent).join("\n").indexOf(%q);
		content.focus();
		getSelection().setBaseAndExtent(...at(from), ...at(from + %[1]q.length));
		return from >= 0;
	})()`, text)
}

// The browser asks before it leaves a template with unsaved changes.
func TestAChangeIsNotLostByLeaving(t *testing.T) {
	for _, kind := range editors {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := start(t, kind).open()
			p.Visit("/templates/order-completed")
			p.Type("\t") // the browser asks only after the user did something
			edit(p, changed(defaultTemplate, "mine"))
			p.Stay(true)
			p.Press("Finish")
			if asked := p.Asked(); !slices.Equal(asked, []string{"beforeunload"}) {
				t.Errorf("the browser asks %q", asked)
			}
			if p.Path() != "/templates/order-completed" || !strings.Contains(browser.Ask[string](p, source), "mine") {
				t.Errorf("after staying, the page is %s without the change", p.Path())
			}
		})
	}
}

func TestTheEditorCompletesNamesOfTheInputAndFunctions(t *testing.T) {
	t.Parallel()
	p := start(t, withEditor).open()
	p.Visit("/templates/order-completed")
	p.Sees("one message.")
	for _, c := range []struct{ typed, offered, gives string }{
		{"payload.da", "data", "payload.data"},
		{"$subst", "the characters from start, at most length of them", "$substring"},
	} {
		edit(p, " ")
		p.Type(c.typed)
		p.Holds("the completion "+c.offered, fmt.Sprintf(`document.querySelector(".cm-tooltip-autocomplete")?.textContent.includes(%q)`, c.offered))
		time.Sleep(200 * time.Millisecond) // the editor ignores Enter just after the list appears
		p.Type("\r")
		p.Holds("the text "+c.gives, fmt.Sprintf("%s.trim() === %q", source, c.gives))
	}
}
