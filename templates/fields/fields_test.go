package fields

import (
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func TestEveryGroupSaysWhatItIs(t *testing.T) {
	if len(All()) == 0 {
		t.Fatal("there are none")
	}
	for _, g := range All() {
		if g.Title == "" || g.Adds == "" || len(g.Trackings) == 0 || !strings.HasPrefix(g.code, "function($message) {") {
			t.Errorf("%s: its header or its function is not complete: %+v", g.Name, g)
		}
		for _, name := range g.Trackings {
			if _, err := tracking.ByName(name); err != nil {
				t.Errorf("%s: %v", g.Name, err)
			}
		}
		if takes := assignment.MatchString(g.code); takes != (g.Value != "") {
			t.Errorf("%s: it has a line $value := \"\": %v, and its header describes a value: %v", g.Name, takes, g.Value != "")
		}
		const page = "https://shop.example.com/{slug}"
		if g.Value != "" && g.ValueIn(added(t, g, templates.Default(g.Trackings[0]), page)) != page {
			t.Errorf("%s: its value is not found again", g.Name)
		}
		if template.NeedsCommerce(g.code) {
			t.Errorf("%s holds events back: give each call of $commerce a time", g.Name)
		}
		if template.UsesCommerce(g.code) != (g.Requests > 0) {
			t.Errorf("%s: its header says %d requests", g.Name, g.Requests)
		}
	}
}

func TestAGroupForOrderUpdatedIsForEveryOrderTrackingOfAllStores(t *testing.T) {
	for _, g := range For("order-updated") {
		for _, tracked := range tracking.All() {
			if tracked.Resource() == "order" && !tracked.Optional && !slices.Contains(g.Trackings, tracked.Name) {
				t.Errorf("%s is not for %s", g.Name, tracked.Name)
			}
		}
	}
}

// added adds a group, with a value if it needs one.
func added(t *testing.T, g Group, source, value string) string {
	t.Helper()
	if value == "" && g.NeedsValue {
		value = "x"
	}
	with, err := g.Add(source, value)
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// maxSource is the size of a template that Parameter Store takes, in bytes.
const maxSource = 8192

func TestGroupsAreAddedToATemplateAndRemovedAgain(t *testing.T) {
	for _, tracked := range tracking.All() {
		source := templates.Default(tracked.Name)
		with := source
		for _, g := range For(tracked.Name) {
			if g.IsIn(with) {
				t.Errorf("%s is in %s before it is added", g.Name, tracked.Name)
			}
			with = added(t, g, with, "")
			if again := added(t, g, with, ""); again != with || !g.IsIn(with) {
				t.Errorf("%s: adding %s twice gives\n%s", tracked.Name, g.Name, again)
			}
		}
		if _, err := template.Compile(tracked.Name, with); err != nil || len(with) > maxSource {
			t.Errorf("%s with all groups has %d bytes, %v", tracked.Name, len(with), err)
		}
		for _, g := range For(tracked.Name) {
			var err error
			if with, err = g.Remove(with); err != nil {
				t.Fatal(err)
			}
		}
		if with != source {
			t.Errorf("%s is after all as\n%s", tracked.Name, with)
		}
	}
}

// A template is text, which its user may have changed anywhere.
func TestGroupsInATemplateOfTheUser(t *testing.T) {
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
		without     string // the template without the group
		removeFails string
	}{
		{"it has two branches", func(s string) string { return s }, `"subtotal":1`, own + "\n", ""},
		{"its lines end with CR LF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }, `"subtotal":1`, own + "\r\n", ""},
		{"the user changed the group", func(s string) string { return strings.ReplaceAll(s, "revenue}", "2 * revenue}") }, `"subtotal":2`, own + "\n", ""},
		{"the user added a function after it", func(s string) string { return s + "~> function($m) { $m }" }, `"subtotal":1`,
			openTemplate + "\n" + own + "\n" + closeTemplate + "\n~> function($m) { $m }", ""},
		{"the user removed its last line", func(s string) string { return strings.ReplaceAll(s, subtotal.closes(), "") }, `"subtotal":1`, "",
			`the fields subtotal begin at line 4 of the template, but the line that ends them, "/* End of fields: subtotal */", is missing: add it`},
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
				t.Errorf("with another group it gives %s", got)
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
		{"order-completed", "product-details", "https://shop.example.com/{slugs}", `the value "https://shop.example.com/{slugs}" of product-details must begin with https:// and contain {slug}: it is the address of a product's page`},
		{"order-completed", "product-details", "https://shop.example.com/products", "must begin with https:// and contain {slug}"},
		{"order-completed", "product-details", "shop.example.com/{slug}", "must begin with https:// and contain {slug}"},
		{"order-completed", "subtotal", "x", "subtotal takes no value"},
		{"order-completed", "customer-orders", "", `order-completed has no ready-made fields "customer-orders": choose one of affiliation, `},
		{"order-complete", "subtotal", "", "there are no ready-made fields for order-complete"},
	} {
		g, err := Find(c.tracking, c.name)
		if err == nil {
			_, err = g.Add("{}", c.value)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s: got %v, want %q", c.name, c.tracking, err, c.want)
		}
	}
}
