package console

import (
	"strings"
	"testing"

	"commerce-segment/templates"
)

// An order in the samples has answers of Commerce, so that the review shows the fields.
func TestReadyMadeFieldsAreAddedAndRemovedOnThePage(t *testing.T) {
	b := write(t)
	opened := b.ask("GET", "/templates/order-completed", nil)
	b.want(opened, 200, `name="field" value="product-details"`, "Up to 2 requests to Commerce for each event.", `name="value.product-details" value=""`, `name="field" value="subtotal"`, "No request to Commerce.")
	if strings.Contains(opened.html, `value="customer-orders"`) || strings.Contains(opened.html, ` checked`) {
		t.Errorf("the page has fields of another tracking, or chosen ones:\n%s", opened.html)
	}

	source := templates.Default("order-completed")
	reviewed := b.post("fields", source, "field", "product-details", "value.product-details", "https://shop.example.com/p/{slug}")
	b.want(reviewed, 200, "Save Order Completed?", "/* Fields: product-details */", `"category": "Tents"`, "https://shop.example.com/p/two-person-tent", "None for the samples and for variants of them")
	if b.stored().Own {
		t.Error("the template is saved before the review")
	}
	source = formSource(t, reviewed.text())
	if saved := b.post("save", source); saved.status != 303 {
		t.Fatalf("saving answers %d", saved.status)
	}
	b.want(b.ask("GET", "/templates/order-completed", nil), 200, `value="product-details" autocomplete="off" checked`, `value="https://shop.example.com/p/{slug}"`)

	changed := b.post("fields", source, "field", "product-details", "value.product-details", "https://other.example.com/{slug}")
	b.want(changed, 200, "https://other.example.com/two-person-tent")
	removed := b.post("fields", source)
	if got := formSource(t, removed.text()); strings.TrimSpace(got) != strings.TrimSpace(templates.Default("order-completed")) {
		t.Errorf("without the fields the template is\n%s", got)
	}
}

// formSource returns the template in the form of a page.
func formSource(t *testing.T, page string) string {
	t.Helper()
	_, after, found := strings.Cut(page, "<textarea name=\"source\" hidden>\n")
	source, _, closed := strings.Cut(after, "</textarea>")
	if !found || !closed {
		t.Fatalf("the page has no template:\n%s", page)
	}
	return source
}

func TestWrongFieldsStayInTheEditor(t *testing.T) {
	b := write(t)
	source := templates.Default("order-completed")
	answer := b.post("fields", source, "field", "affiliation")
	b.want(answer, 422, "No field was added or removed: affiliation needs a value: the name of the shop", ">\n"+source+"</textarea>")
	if !strings.Contains(answer.html, `value="affiliation" autocomplete="off" checked`) {
		t.Errorf("the choice is lost:\n%s", answer.html)
	}
	answer = b.post("fields", source, "field", "product-details", "value.product-details", "https://shop.example.com/{slugs}")
	b.want(answer, 422, `value="product-details" autocomplete="off" checked`, `value="https://shop.example.com/{slugs}"`)
	broken := source + "~> /* Fields: subtotal */\n"
	b.want(b.post("fields", broken), 422, "No field was added or removed: the fields subtotal begin at line ", "End of fields: subtotal", ">\n"+broken+"</textarea>")
}

func TestATrackingWithoutReadyMadeFieldsHasNoSuchSection(t *testing.T) {
	if got := (editorData{}).Fields(); len(got) != 0 {
		t.Errorf("it has %v", got)
	}
}
