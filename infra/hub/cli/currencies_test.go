package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/hubtest"
)

// forint returns an order of a store whose forints have no decimals. Only the text of its
// total shows that.
func forint(formatted string) string {
	return strings.Replace(hubtest.Order("order.paid", "o"), `{"amount":10000,"currency":"GBP"}`, `{"amount":10000,"currency":"HUF","formatted":"`+formatted+`"}`, 1)
}

func TestPreviewAndLintUseTheCurrenciesInTheSettings(t *testing.T) {
	for _, c := range []struct {
		name, setting, webhook string
		total                  string // in the preview
		code                   int
		says                   string // by lint
	}{
		{"a setting", "HUF=0", forint("10,000 Ft"), "\"total\": 10000\n", exitDone, "Nothing found."},
		{"no setting, and a price whose decimals are certain", "", forint("10\u00a0000 Ft"), "\"total\": 10000\n", exitDone, "warning: is HUF, which has 0 decimals in the webhook's prices and 2 in ISO 4217: hub configure"},
		{"no setting, and a price with no or three decimals, unlike ISO 4217", "", forint("10,000 Ft"), "\"total\": 10000\n", exitDone, "warning: is HUF, which has 0 decimals in the webhook's prices and 2 in ISO 4217: hub configure"},
		{"a setting that the prices contradict", "HUF=2", forint("10\u00a0000 Ft"), "\"total\": 100\n", exitFailed, "and 2 in the setting commerce/currencies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(t.TempDir(), "order.json")
			hubtest.WriteFile(t, file, c.webhook)
			hubtest.WriteFile(t, filepath.Join(dir, "commerce/currencies"), c.setting)
			got := command(t, "", "preview", "order-completed", file, "--dir", dir)
			if got.code != exitDone || got.stderr != "" || !strings.Contains(got.stdout, c.total) {
				t.Errorf("preview: got %+v, want %s", got, c.total)
			}
			got = command(t, "", "lint", "../../../templates/order-completed.jsonata", "--webhook", file, "--dir", dir)
			if got.code != c.code || !strings.Contains(got.stdout, c.says) {
				t.Errorf("lint: got %+v, want %d and %q", got, c.code, c.says)
			}
		})
	}
}

func TestConfigureContinuesWithoutTheCurrencies(t *testing.T) {
	store := commercetest.Start(t)
	dir := connectedDir(t, store)
	hubtest.WriteFile(t, filepath.Join(dir, "commerce/currencies"), "USD=0")
	store.Fail(commercetest.Fault{Path: "/v2/currencies", Status: 403})
	got := command(t, "", "configure", "--no-input", "--dir", dir, "--disable", "order-updated")
	if got.code != exitDone || !strings.Contains(got.stdout, "wrote tracking/order-updated/enabled") ||
		!strings.Contains(got.stderr, "Note: the decimals of the currencies were not copied from Commerce") || !strings.Contains(got.stderr, "403") {
		t.Errorf("it says %+v", got)
	}
	if got := command(t, "", "configure", "--no-input", "--untested", "--dir", dir); got.code != exitDone || parametersIn(t, dir)["commerce/currencies"] != "USD=0" {
		t.Errorf("with --untested it asks Commerce: %+v", got)
	}
	got = command(t, "", "configure", "--no-input", "--dir", dir)
	if shown := command(t, "", "settings", "--dir", dir); got.code != exitDone || !regexp.MustCompile(`commerce/currencies +USD=2 `).MatchString(shown.stdout) {
		t.Errorf("it says %+v, and hub settings\n%s", got, shown.stdout)
	}
}

// The store of a bundled sample has other currencies: its yen has no decimals.
func TestABundledSampleDoesNotUseTheCurrenciesInTheSettings(t *testing.T) {
	dir := t.TempDir()
	hubtest.WriteFile(t, filepath.Join(dir, "commerce/currencies"), "JPY=2")
	for _, args := range [][]string{
		{"preview", "order-completed", "order-completed/japanese-yen"},
		{"lint", "../../../templates/order-completed.jsonata", "--webhook", "order-completed/japanese-yen"},
	} {
		got := command(t, "", append(args, "--dir", dir)...)
		if got.code != exitDone || got.stderr != "" || args[0] == "preview" && !strings.Contains(got.stdout, `"total": 22286`) {
			t.Errorf("%v: got %+v", args, got)
		}
	}
}

func TestInvalidCurrenciesAreAnError(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "order.json")
	hubtest.WriteFile(t, file, forint("10,000 Ft"))
	hubtest.WriteFile(t, filepath.Join(dir, "commerce/currencies"), "HUF")
	for _, args := range [][]string{{"preview", "order-completed", file}, {"lint", "../../../templates/order-completed.jsonata", "--webhook", file}} {
		got := command(t, "", append(args, "--dir", dir)...)
		if got.code != exitFailed || !strings.Contains(got.stderr, `parameter commerce/currencies`) || !strings.Contains(got.stderr, `"HUF" is no currency with its decimals: write them as in EUR=2,HUF=0`) {
			t.Errorf("%v: got %+v", args, got)
		}
	}
}
