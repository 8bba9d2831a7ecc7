package template_test

import (
	"slices"
	"testing"

	"commerce-segment/shared/template"
)

func TestFieldsAreTheNamesThatATemplateReads(t *testing.T) {
	compiled, err := template.Compile("t", "($order := payload.data; {\"total\": $order.meta.`display-price`.amount, \"names\": $map(items[sku = \"a\"], function($l) { $l.name })})")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"amount", "data", "display-price", "items", "meta", "name", "payload", "sku"}
	if got := compiled.Fields(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
