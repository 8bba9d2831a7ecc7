package template

import (
	"strings"
	"testing"
)

// TestFunctionsOfTemplates tests the functions that templates add to the language.
func TestFunctionsOfTemplates(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"$sha256 of UTF-8":                      {`$sha256("é")`, `"4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"`},
		"$sha256 of undefined is undefined":     {`$sha256(nothing)`, ``},
		"$money by currency":                    {`[$money(1999, "USD"), $money(1999, "JPY"), $money(12345, "KWD"), $money(12345, "CLF")]`, `[19.99,1999,12.345,1.2345]`},
		"$money of a price":                     {`$money({"amount": 105, "currency": "EUR"})`, `1.05`},
		"$money of a price in the context":      {`{"amount": 105, "currency": "EUR"}.$money($)`, `1.05`},
		"$money of a code that no currency has": {`[$money(5, ""), $money(5, "no such"), $money(5, $pad("", 65, "é"))]`, `[0.05,0.05,0.05]`},
		"$money of undefined is undefined":      {`[$money(nothing), $money({"currency": "EUR"}), $money(nothing, "EUR")]`, `[]`},
		"$money has no noise":                   {`$map([29, 57, 58, 115, 116], function($a){$money($a, "EUR")})`, `[0.29,0.57,0.58,1.15,1.16]`},
	} {
		if got, err := eval(t, c.source, `{}`); err != nil || got != c.want {
			t.Errorf("%s: %s gives %s, %v, want %s", name, c.source, got, err, c.want)
		}
	}
	for source, want := range map[string]string{
		`$money(5)`:          "an amount and a currency",
		`$money("5", "EUR")`: "must be a number of minor units",
		`($s := "ada@x.test"; $money($s, "EUR"))`: "must be a number of minor units, not a string",
	} {
		if _, err := eval(t, source, `{}`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: it says %v, want %q", source, err, want)
		}
	}
}

// eval returns the result of a template for JSON, "" if it is undefined.
func eval(t *testing.T, source, input string) (string, error) {
	t.Helper()
	compiled, err := Compile("t", source)
	if err != nil {
		return "", err
	}
	got, err := compiled.Eval(t.Context(), []byte(input), nil)
	return string(got), err
}
