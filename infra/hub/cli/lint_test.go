package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/local"
	"commerce-segment/templates"
)

func TestLintFindsNothingInTheFolderTemplates(t *testing.T) {
	t.Chdir("../../..")
	if got := command(t, "", "lint"); got != (result{exitDone, fmt.Sprintf("Webhooks rendered: %d. Nothing found.\n", len(templates.Samples())), ""}) {
		t.Errorf("got %+v", got)
	}
}

func TestLintPrintsFaults(t *testing.T) {
	standard := templates.Default("order-completed")
	faulty := strings.Replace(standard, `"quantity": $figure($line.quantity)`, `"quantity": $string($line.quantity)`, 1)
	for _, c := range []struct {
		name, file, template string
		args                 []string
		stdin                string
		want                 result // parts of the output
	}{
		{"a template by its file's name", "order-completed.jsonata", faulty, nil, "", result{exitFailed,
			"1        not_a_number  properties.products[0].quantity\n    is a text: write a number", "hub: faults found: 1\n"}},
		{"a template as it is in the hub's directory", "order-completed", faulty, []string{"--webhook", local.SampleName}, "", result{exitFailed, "not_a_number", "faults found: 1"}},
		{"a template of another name", "mine.jsonata", faulty, []string{"--tracking", "order-completed", "--webhook", local.SampleName}, "", result{exitFailed, "not_a_number", "faults found: 1"}},
		{"a template of another name, without a tracking", "mine.jsonata", faulty, nil, "", result{exitFailed, "", "mine.jsonata is not named after a tracking: name its tracking with --tracking"}},
		{"one sample, whose products all have it", "order-completed", faulty, []string{"--webhook", local.SampleName}, "", result{exitFailed,
			"order-completed/registered-customer  1        not_a_number  properties.products[0].quantity\n", "faults found: 1"}},
		{"one sample without a fault", "order-completed", standard, []string{"--webhook", local.SampleName}, "", result{exitDone, "Webhooks rendered: 1. Nothing found.\n", ""}},
		{"a webhook from standard input", "order-completed", `{"event": "Order Completed", "properties": {"products": []}}`, []string{"--webhook", "-"}, hubtest.Order("order.paid", "o"), result{exitFailed,
			"missing  properties.order_id\n    is missing: write payload.data.id\n", "faults found: 1"}},
		{"a webhook that its tracking cannot observe", "order-completed", standard, []string{"--webhook", "-"}, hubtest.Order("order.refunded", "o"), result{exitFailed, "", "can observe the webhook"}},
		{"a file that is not a webhook", "order-completed", standard, []string{"--webhook", "-"}, "{}", result{exitFailed, "", "not a Commerce webhook"}},
		{"a template that fails", "order-completed", `$error("no " & triggered_by)`, []string{"--webhook", local.SampleName}, "", result{exitFailed,
			" -        template", "faults found: 1"}},
		{"the message of a template that fails", "order-completed", `$error("no " & triggered_by)`, []string{"--webhook", local.SampleName}, "", result{exitFailed,
			"\n    The template's text: no order.paid: ", "faults found: 1"}},
		{"a fixed text of a template that fails is shown once", "order-completed", `$error("no shop")`, []string{"--webhook", local.SampleName}, "", result{exitFailed,
			"line 1: no shop: its events are retried", "faults found: 1"}},
		{"a template that does not compile", "order-completed", `{`, nil, "", result{exitFailed, "", "order-completed"}},
		{"a sample with an answer for $commerce", "order-refunded", "$error($string($commerce(\"/v2/orders/\" & payload.data.id & \"/transactions\").data[1].refunded_amount))",
			[]string{"--webhook", "order-refunded/partial"}, "", result{exitFailed, "The template's text: 6426: ", "faults found: "}},
		{"a template without the promised properties", "order-completed", `{"event": "X", "userId": "u"}`, nil, "", result{exitFailed,
			"1        promise  properties\n    has none of order_id, total, value and products", "faults found: 2"}},
		{"an event with another name", "order-completed", strings.Replace(standard, `"Order Completed"`, `"Cart Paid"`, 1), []string{"--webhook", local.SampleName}, "", result{exitDone,
			"    warning: is not \"Order Completed\", the name that destinations recognize: write \"Order Completed\", unless another name is meant\nWebhooks rendered: ", ""}},
		{"the text null for a user", "order-completed", strings.Replace(standard, `"userId": `, `"userId": $string(null), "was": `, 1), []string{"--webhook", local.SampleName}, "", result{exitFailed,
			"no_user  userId\n    is the text \"null\"", "faults found: 1"}},
		{"a template that filters", "order-completed", `payload.nothing`, []string{"--webhook", local.SampleName}, "", result{exitDone, "Nothing found", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), c.file)
			hubtest.WriteFile(t, file, c.template)
			got := command(t, c.stdin, append([]string{"lint", file}, c.args...)...)
			if got.code != c.want.code || !strings.Contains(got.stdout, c.want.stdout) || !strings.Contains(got.stderr, c.want.stderr) {
				t.Errorf("got %d, %s\n%s\nwant %+v", got.code, got.stderr, got.stdout, c.want)
			}
			if c.want.stderr == "" && got.stderr != "" || c.want.stdout == "" && got.stdout != "" {
				t.Errorf("got %+v, want no other output", got)
			}
		})
	}
}

func TestLintNamesAMissingFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := command(t, "", "lint"); got.code != exitFailed || !strings.Contains(got.stderr, "reading the template: open templates/checkout-started.jsonata") {
		t.Errorf("got %+v", got)
	}
	if got := command(t, "", "lint", "none.jsonata"); got.code != exitFailed || !strings.Contains(got.stderr, "reading the template: open none.jsonata") {
		t.Errorf("got %+v", got)
	}
}
