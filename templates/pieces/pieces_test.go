package pieces

import (
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func TestEveryPieceSaysWhatItIs(t *testing.T) {
	if len(All()) == 0 {
		t.Fatal("there are none")
	}
	for _, p := range All() {
		if p.Title == "" || p.Adds == "" || len(p.Trackings) == 0 || !strings.HasPrefix(p.code, "function($message) {") {
			t.Errorf("%s: its header or its function is not complete: %+v", p.Name, p)
		}
		for _, name := range p.Trackings {
			if _, err := tracking.ByName(name); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
		if takes := assignment.MatchString(p.code); takes != (p.Value != "") {
			t.Errorf("%s: it has a line $value := \"\": %v, and its header describes a value: %v", p.Name, takes, p.Value != "")
		}
		if p.Value != "" && p.ValueIn(added(t, p, templates.Default(p.Trackings[0]), "x")) != "x" {
			t.Errorf("%s: its value is not found again", p.Name)
		}
		if template.NeedsCommerce(p.code) {
			t.Errorf("%s holds events back: give each call of $commerce a time", p.Name)
		}
		if template.UsesCommerce(p.code) != (p.Requests > 0) {
			t.Errorf("%s: its header says %d requests", p.Name, p.Requests)
		}
	}
}

func TestAPieceForOrderUpdatedIsForEveryEventOfAnOrder(t *testing.T) {
	for _, p := range For("order-updated") {
		for _, tracked := range tracking.All() {
			if tracked.Resource() == "order" && !slices.Contains(p.Trackings, tracked.Name) {
				t.Errorf("%s is not for %s", p.Name, tracked.Name)
			}
		}
	}
}

// added adds a piece, with a value if it needs one.
func added(t *testing.T, p Piece, source, value string) string {
	t.Helper()
	if value == "" && p.NeedsValue {
		value = "x"
	}
	with, err := p.Add(source, value)
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// maxSource is the size of a template that Parameter Store takes, in bytes.
const maxSource = 8192

func TestPiecesAreAddedToATemplateAndRemovedAgain(t *testing.T) {
	for _, tracked := range tracking.All() {
		source := templates.Default(tracked.Name)
		with := source
		for _, p := range For(tracked.Name) {
			if p.IsIn(with) {
				t.Errorf("%s is in %s before it is added", p.Name, tracked.Name)
			}
			with = added(t, p, with, "")
			if again := added(t, p, with, ""); again != with || !p.IsIn(with) {
				t.Errorf("%s: adding %s twice gives\n%s", tracked.Name, p.Name, again)
			}
		}
		if _, err := template.Compile(tracked.Name, with); err != nil || len(with) > maxSource {
			t.Errorf("%s with all pieces has %d bytes, %v", tracked.Name, len(with), err)
		}
		for _, p := range For(tracked.Name) {
			var err error
			if with, err = p.Remove(with); err != nil {
				t.Fatal(err)
			}
		}
		if with != source {
			t.Errorf("%s is after all as\n%s", tracked.Name, with)
		}
	}
}

// A template is text, which its user may have changed anywhere.
func TestPiecesInATemplateOfTheUser(t *testing.T) {
	subtotal, err := Find("order-completed", "subtotal")
	if err != nil {
		t.Fatal(err)
	}
	affiliation, err := Find("order-completed", "affiliation")
	if err != nil {
		t.Fatal(err)
	}
	const own = `payload.data.payment = "paid" ? {"event": "A"} : {"event": "B", "properties": {"revenue": 1}}`
	for _, c := range []struct {
		name        string
		change      func(string) string
		result      string // with {} as the input
		without     string // the template without the piece
		removeFails string
	}{
		{"it has two branches", func(s string) string { return s }, `"subtotal":1`, own + "\n", ""},
		{"its lines end with CR LF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }, `"subtotal":1`, own + "\r\n", ""},
		{"the user changed the piece", func(s string) string { return strings.ReplaceAll(s, "revenue}", "2 * revenue}") }, `"subtotal":2`, own + "\n", ""},
		{"the user added a function after it", func(s string) string { return s + "~> function($m) { $m }" }, `"subtotal":1`,
			openTemplate + "\n" + own + "\n" + closeTemplate + "\n~> function($m) { $m }", ""},
		{"the user removed its last line", func(s string) string { return strings.ReplaceAll(s, subtotal.closes(), "") }, `"subtotal":1`, "",
			`line 4 of the template begins the fields subtotal, and no line after it is "/* End of fields: subtotal */"`},
		{"the user removed its first line", func(s string) string { return strings.ReplaceAll(s, subtotal.opens(), "~>") }, `"subtotal":1`, "",
			"the template does not have the fields subtotal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := c.change(added(t, subtotal, own, ""))
			if got := result(t, changed); !strings.Contains(got, c.result) {
				t.Errorf("it gives %s, want %s in it", got, c.result)
			}
			more := added(t, affiliation, changed, `A "shop" <b> */ ~> {slug}`)
			if got := result(t, more); !strings.Contains(got, c.result) || !strings.Contains(got, `"affiliation":"A \"shop\" <b> */ ~> {slug}"`) {
				t.Errorf("with another piece it gives %s", got)
			}
			got, err := subtotal.Remove(changed)
			if c.removeFails != "" && (err == nil || !strings.Contains(err.Error(), c.removeFails)) {
				t.Errorf("it is removed with %v, want %q", err, c.removeFails)
			}
			if c.removeFails == "" && (err != nil || got != c.without) {
				t.Errorf("without it the template is\n%q, %v, want\n%q", got, err, c.without)
			}
		})
	}
}

// result returns what a template gives for {}.
func result(t *testing.T, source string) string {
	t.Helper()
	compiled, err := template.Compile("t", source)
	if err != nil {
		t.Fatal(err)
	}
	got, err := compiled.Eval(t.Context(), []byte(`{}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestAddSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ tracking, name, value, want string }{
		{"order-completed", "affiliation", " ", "affiliation needs a value: the name of the shop"},
		{"order-completed", "subtotal", "x", "subtotal takes no value"},
		{"order-completed", "customer-orders", "", `order-completed has no ready-made fields "customer-orders": choose one of affiliation, `},
		{"order-complete", "subtotal", "", "there are no ready-made fields for order-complete"},
	} {
		p, err := Find(c.tracking, c.name)
		if err == nil {
			_, err = p.Add("{}", c.value)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s: got %v, want %q", c.name, c.tracking, err, c.want)
		}
	}
}
