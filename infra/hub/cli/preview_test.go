package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/local"
	"commerce-segment/shared/settings"
)

func TestPreviewPrintsTheExactBody(t *testing.T) {
	dir := t.TempDir()
	const template = `{"event": "Order Completed", "userId": payload.data.id, "properties": {"s": "<a & b>", "n": payload.data.n}}`
	hubtest.WriteFile(t, filepath.Join(dir, "templates/order-completed"), template)
	hubtest.WriteFile(t, filepath.Join(dir, "segment/write-key"), "a-write-key") // its SHA-256 begins with 9b12f959
	file := filepath.Join(t.TempDir(), "order.json")
	hubtest.WriteFile(t, file, strings.Replace(hubtest.Order("order.paid", "o-1"), `"type":"order"`, `"type":"order","n":1234567890123`, 1))
	const want = `{
  "batch": [
    {
      "event": "Order Completed",
      "messageId": "order-completed:o-1:0-track:9b12f959",
      "properties": {
        "n": 1234567890123,
        "s": "<a & b>"
      },
      "timestamp": "2026-11-02T10:00:00Z",
      "type": "track",
      "userId": "o-1"
    }
  ]
}
`
	if got := command(t, "", "preview", "order-completed", file, "--dir", dir); got.stdout != want || got.code != exitDone || got.stderr != "" {
		t.Errorf("got %d, %s\n%s\nwant\n%s", got.code, got.stderr, got.stdout, want)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := command(t, string(content), "preview", "order-completed", "-", "--dir", dir); got.stdout != want {
		t.Errorf("from standard input the body differs:\n%s", got.stdout)
	}
	got := command(t, "", "preview", "order-completed", file, "--dir", t.TempDir())
	if got.code != exitDone || !strings.Contains(got.stdout, ":0-track:e3b0c442\"") {
		t.Errorf("without settings the id is not the one of an empty write key: %+v", got)
	}
}

func TestPreviewShowsTheResultOrTheErrorOfATemplate(t *testing.T) {
	const nothing = "{\n  \"batch\": []\n}\n"
	for _, c := range []struct {
		name, tracking, template, webhook string
		code                              int
		stdout, stderr                    string // parts of them
	}{
		{"a filtered event is an empty batch", "order-completed", `payload.nothing`, hubtest.Order("order.paid", "o"), 0, nothing, ""},
		{"several messages are one batch", "order-completed", "[" + hubtest.Simple + "," + hubtest.Simple + "]", hubtest.Order("order.paid", "o"), 0, `"messageId": "order-completed:o:1-track:e3b0c442"`, ""},
		{"an event that cannot be observed is rendered with a note", "order-completed", hubtest.Simple, hubtest.Order("order.refunded", "o"), 0, `"userId": "o"`, "Note: order.refunded is not an event that order-completed can observe (order.paid, order.fulfilled, order.authorized)"},
		{"an event that can be observed needs no note", "order-completed", hubtest.Simple, hubtest.Order("order.fulfilled", "o"), 0, `"userId": "o"`, ""},
		{"an invalid message fails", "order-completed", `{"userId": "u", "event": 1}`, hubtest.Order("order.paid", "o"), 1, "", "message 1: event"},
		{"a failing template fails", "order-completed", `$number("x")`, hubtest.Order("order.paid", "o"), 1, "", "hub: "},
		{"a template that does not compile fails", "order-completed", `{`, hubtest.Order("order.paid", "o"), 1, "", "hub: "},
		{"a result that is not a message fails", "order-completed", `1`, hubtest.Order("order.paid", "o"), 1, "", "hub: "},
		{"a body that is not a webhook fails", "order-completed", hubtest.Simple, `{}`, 1, "", "hub: standard input: not a Commerce webhook"},
		{"an unknown tracking fails", "no-such-tracking", hubtest.Simple, hubtest.Order("order.paid", "o"), 1, "", `there is no tracking "no-such-tracking"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "some.jsonata")
			hubtest.WriteFile(t, file, c.template)
			got := command(t, c.webhook, "preview", c.tracking, "-", "--template", file, "--dir", t.TempDir())
			if got.code != c.code || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
				t.Errorf("got %+v, want %d and in it %q and %q", got, c.code, c.stdout, c.stderr)
			}
			if c.stderr == "" && got.stderr != "" || c.stdout == "" && got.stdout != "" {
				t.Errorf("got %+v, want no other output", got)
			}
		})
	}
}

func TestPreviewNamesTheWrongFile(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "order.json")
	hubtest.WriteFile(t, broken, "hello")
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"the webhook", `neither a bundled sample nor a file "none.json": hub samples lists`, []string{"none.json"}},
		{"the webhook that is not JSON", broken + ": the body is not JSON", []string{broken}},
		{"the template", "reading the template: open none.jsonata", []string{local.SampleName, "--template", "none.jsonata"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := command(t, "", append([]string{"preview", "order-completed", "--dir", t.TempDir()}, c.args...)...)
			if got.code != exitFailed || !strings.Contains(got.stderr, c.want) {
				t.Errorf("got %+v, want %q in it", got, c.want)
			}
		})
	}
}

func TestPreviewAsksCommerce(t *testing.T) {
	store := commercetest.Start(t)
	store.AddOrder(commercetest.Object{"id": "o-1"})
	store.AddTransaction("o-1", commercetest.Object{"refunded_amount": 500, "currency": "EUR"})
	webhook := strings.Replace(hubtest.Order("order.refunded", "o-1"), `"type":"order"`, `"type":"order","meta":{"display_price":{"with_tax":{"amount":900,"currency":"EUR"}}}`, 1)
	const refunded = `"refunded_amount": `
	for _, c := range []struct {
		name, webhook, secret string
		code                  int
		stdout, stderr        string
	}{
		{"with the credentials that are set", "-", commercetest.ClientSecret, exitDone, refunded + "5,", ""},
		{"without credentials it prints a note", "-", "", exitDone, `"order_id": "o-1"`, "Note: the template calls $commerce, but no credentials"},
		{"with wrong credentials it says what to fix", "-", "PLANTED", exitFailed, "", "check the client id and the client secret"},
		{"not for a sample with answers", "order-refunded/partial", commercetest.ClientSecret, exitDone, refunded + "64.26,", ""},
		{"not for a sample without answers", "order-refunded/full", commercetest.ClientSecret, exitDone, `"payment_status": "refunded"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, before := t.TempDir(), len(store.Requests())
			hubtest.WriteFile(t, filepath.Join(dir, "commerce/client-id"), commercetest.ClientID)
			if c.secret != "" {
				hubtest.WriteFile(t, filepath.Join(dir, "commerce/client-secret"), settings.BindSecret(store.URL, c.secret))
			}
			hubtest.WriteFile(t, filepath.Join(dir, "commerce/token-url"), store.URL)
			got := command(t, webhook, "preview", "order-refunded", c.webhook, "--dir", dir)
			if got.code != c.code || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
				t.Errorf("got %+v, want %d and in it %q and %q", got, c.code, c.stdout, c.stderr)
			}
			if c.stderr == "" && got.stderr != "" || c.stdout == "" && got.stdout != "" {
				t.Errorf("got %+v, want no other output", got)
			}
			noSecret(t, got)
			if asked, wanted := len(store.Requests()) > before, c.webhook == "-" && c.secret != ""; asked != wanted {
				t.Errorf("whether Commerce was asked: %v, want %v", asked, wanted)
			}
		})
	}
}
