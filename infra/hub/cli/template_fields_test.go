package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/templates"
)

func TestReadyMadeFieldsAreAddedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
		has  string // the template has it; empty if the store has none
	}{
		{"they are listed", []string{"order-completed"}, exitDone, "subtotal: not added, 0 requests\n  What the products cost", ""},
		{"there are no such fields", []string{"order-completed", "add", "customer-orders"}, exitFailed, `order-completed has no ready-made fields "customer-orders": choose one of affiliation, product-details, subtotal`, ""},
		{"a value is needed", []string{"order-completed", "add", "affiliation"}, exitFailed, "nothing was written: affiliation needs a value", ""},
		{"they are not there", []string{"order-completed", "remove", "subtotal"}, exitFailed, "nothing was written: the template does not have the fields subtotal", ""},
		{"they are added", []string{"order-completed", "add", "subtotal"}, exitDone, "of 36 samples change: properties.subtotal.\nwrote templates/order-completed\n", `"subtotal": revenue`},
		{"they are listed as added", []string{"order-completed"}, exitDone, "subtotal: added, 0 requests", `"subtotal": revenue`},
		{"nothing changes", []string{"order-completed", "add", "subtotal"}, exitDone, "unchanged templates/order-completed\n", `"subtotal": revenue`},
		{"with a value", []string{"order-completed", "add", "product-details", "--value", "https://shop.example.com/{slug}"}, exitDone, "properties.products.url", `$value := "https://shop.example.com/{slug}";`},
		{"the value is listed", []string{"order-completed"}, exitDone, "product-details: added, 2 requests", `$value := "https://shop.example.com/{slug}";`},
		{"they are removed", []string{"order-completed", "remove", "product-details"}, exitDone, "wrote templates/order-completed\n", `"subtotal": revenue`},
		{"the last ones are removed", []string{"order-completed", "remove", "subtotal"}, exitDone, "wrote templates/order-completed\n", strings.TrimSpace(templates.Default("order-completed"))},
		{"two names", []string{"order-completed", "add", "subtotal", "affiliation"}, exitFailed, "with one name as FIELDS", ""},
		{"an unknown action", []string{"order-completed", "put", "subtotal"}, exitFailed, "pass NAME, NAME add FIELDS, or NAME remove FIELDS", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := command(t, "", append(append([]string{"templates", "fields"}, c.args...), "--dir", dir)...)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("it exits %d and says %s%s", got.code, got.stdout, got.stderr)
			}
			content, err := os.ReadFile(filepath.Join(dir, "templates/order-completed"))
			if c.has != "" && (err != nil || !strings.Contains(string(content), c.has)) {
				t.Errorf("the template is %q, %v", content, err)
			}
		})
	}
}
