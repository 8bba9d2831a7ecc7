package money_test

import (
	"maps"
	"strings"
	"testing"

	"commerce-segment/shared/money"
)

// price is a price as Commerce writes it.
type price struct {
	amount    float64
	formatted string
}

const unknown = -1

func TestPricesShowTheirDecimals(t *testing.T) {
	for _, test := range []struct {
		name   string
		prices []price
		want   int
	}{
		{"a point before two digits", []price{{1250, "$12.50"}}, 2},
		{"a comma before two digits", []price{{1250, "12,50 €"}}, 2},
		{"a middle dot before two digits", []price{{1250, "£12·50"}}, 2},
		{"one decimal", []price{{125, "12.5"}}, 1},
		{"a whole amount", []price{{990, "990 Ft"}}, 0},
		{"less than one unit", []price{{5, "$0.05"}}, 2},
		{"less than one unit of three decimals", []price{{50, "KD 0.050"}}, 3},
		{"a point for thousands and a comma for decimals", []price{{123450, "1.234,50 €"}}, 2},
		{"a comma for thousands and a point for decimals", []price{{1234500, "KD 1,234.500"}}, 3},
		{"a space for thousands", []price{{34484, "34 484 Ft"}}, 0},
		{"a no-break space for thousands", []price{{34484, "34\u00a0484\u00a0Ft"}}, 0},
		{"a narrow no-break space for thousands", []price{{3448450, "34\u202f484,50\u00a0€"}}, 2},
		{"a thin space for thousands", []price{{34484, "34\u2009484"}}, 0},
		{"an apostrophe for thousands", []price{{123450, "CHF 1'234.50"}}, 2},
		{"a typographic apostrophe for thousands", []price{{1234, "CHF 1’234"}}, 0},
		{"the groups of India", []price{{12345678, "₹1,23,456.78"}}, 2},
		{"the groups of India without decimals", []price{{1234567, "₹12,34,567"}}, 0},
		{"a small amount in the groups of India", []price{{123456, "₹1,23,456"}}, 0},
		{"two groups of thousands, which cannot be decimals", []price{{1234567, "1,234,567"}}, 0},
		{"two groups of thousands with points", []price{{1234567, "1.234.567 $"}}, 0},
		{"Arabic-Indic digits", []price{{123450, "١٬٢٣٤٫٥٠ ر.س."}}, 2},
		{"Arabic-Indic digits of a currency with three decimals", []price{{12345, "\u200fد.ك.\u200f ١٢٫٣٤٥"}}, 3},
		{"Persian digits without decimals", []price{{990, "۹۹۰ ریال"}}, 0},
		{"Devanagari digits", []price{{1250, "₹१२.५०"}}, 2},
		{"full-width digits", []price{{990, "￥９９０"}}, 0},
		{"marks of direction within the number", []price{{1250, "\u200e12\u200f.50"}}, 2},
		{"a symbol with a point that touches the number", []price{{50, "Rs.50"}}, 0},
		{"a symbol with a point and two decimals", []price{{123450, "Rs. 1,234.50"}}, 2},
		{"a symbol with a point behind the number", []price{{1250, "12,50 kr."}}, 2},
		{"a negative amount", []price{{-1250, "-$12.50"}}, 2},
		{"a minus sign behind the symbol", []price{{-1250, "$−12.50"}}, 2},
		{"a negative amount in parentheses", []price{{-1250, "($12.50)"}}, 2},
		{"a negative amount whose text has no sign", []price{{-1250, "$12.50"}}, 2},
		{"an amount with an exponent, which is the same number", []price{{1.25e3, "$12.50"}}, 2},
		{"a zero with two decimals", []price{{0, "$0.00"}}, 2},
		{"a zero without decimals", []price{{0, "0 Ft"}}, 0},
		{"a zero with three decimals", []price{{0, "KWD 0.000"}}, 3},
		{"thousands that may be decimals, and a zero without", []price{{34484, "34,484 Ft"}, {0, "0 Ft"}}, 0},
		{"thousands that may be decimals, and a zero with three", []price{{34484, "34.484 KD"}, {0, "0.000 KD"}}, 3},
		{"thousands that may be decimals, and less than a thousand", []price{{34484, "34,484 Ft"}, {990, "990 Ft"}}, 0},
		{"thousands that may be decimals, and more than a million", []price{{34484, "34,484"}, {1234567, "1,234,567"}}, 0},
		{"decimals that may be thousands, and less than one unit", []price{{34484, "34,484"}, {50, "0,050"}}, 3},
		{"a zero without decimals next to an amount with two", []price{{0, "0 $"}, {1250, "$12.50"}}, 2},
		{"a zero that is not formatted next to an amount with two decimals", []price{{0, "0"}, {1250, "$12.50"}}, 2},
		{"thousands that may be three decimals, but not two, which the currency has in ISO 4217", []price{{34484, "34,484 Ft"}}, 0},
		{"thousands that may be three decimals, and a zero that is not formatted", []price{{34484, "34,484 Ft"}, {0, "0"}}, 0},
		{"ten thousands that may be four decimals, but not two", []price{{12345, "1,2345"}}, 0},

		{"no price", nil, unknown},
		{"a zero that is not formatted", []price{{0, "0"}}, unknown},
		{"prices that contradict one another", []price{{1250, "$12.50"}, {1250, "$1250"}}, unknown},
		{"zeros that contradict one another", []price{{0, "$0.00"}, {0, "$0"}}, unknown},
		{"another number than the amount", []price{{1250, "$13.50"}}, unknown},
		{"decimals that are left out where they are 0", []price{{1200, "$12"}, {0, "$0"}}, unknown},
		{"a dash for decimals that are 0", []price{{1200, "12,-"}, {0, "0,-"}}, unknown},
		{"a number in thousands", []price{{1200000, "$12k"}}, unknown},
		{"a point without a digit before it", []price{{50, "$.50"}}, unknown},
		{"a point without a digit behind it", []price{{50, "50."}}, unknown},
		{"two numbers", []price{{1250, "2 x 12.50"}}, unknown},
		{"an amount and a rate", []price{{1250, "$12.50 (8% tax)"}}, unknown},
		{"a symbol in place of the point", []price{{1250, "12€50"}}, unknown},
		{"groups of any length", []price{{123456, "12,34,56"}}, unknown},
		{"an amount that is not whole", []price{{12.5, "$12.50"}}, unknown},
		{"an amount beyond the whole numbers of a float64", []price{{1 << 60, "1152921504606846976"}}, unknown},
		{"a text without a number", []price{{0, "free"}}, unknown},
		{"an empty text", []price{{0, ""}}, unknown},
		{"a number longer than any", []price{{1, "1" + strings.Repeat(" ", 100)}}, unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			prices := money.Prices{}
			for _, p := range test.prices {
				prices.Add("xyz", p.amount, p.formatted)
			}
			prices.Add("", 990, "990") // of no currency
			prices.Add("OTHER", 12345, "12.345,0")
			got, known := prices.Of("XYZ")
			if !known {
				got = unknown
			}
			if got != test.want {
				t.Errorf("%v: got %d, want %d", test.prices, got, test.want)
			}
		})
	}
}

func TestTheSettingIsUsedBeforeTheWebhookAndTheWebhookBeforeISO(t *testing.T) {
	asked := 0
	prices := func() money.Prices {
		asked++
		p := money.Prices{}
		p.Add("HUF", 34484, "34 484 Ft")
		p.Add("JPY", 34484, "¥344.84")
		p.Add("KWD", 34484, "34,484")
		p.Add("KWD", 0, "0")
		p.Add("KRW", 34484, "34,484")
		p.Add("TWD", 34484, "34,484")
		return p
	}
	setting := money.Decimals{"JPY": 1, "YEN": 0}
	for currency, want := range map[string]int{"jpy": 1, "YEN": 0, "HUF": 0, "huf": 0, "KWD": 3, "KRW": 0, "TWD": 0, "EUR": 2, "ISK": 0, "CLF": 4, "": 2} {
		if got := money.Choose(setting, prices, currency); got != want {
			t.Errorf("%s: got %d, want %d", currency, got, want)
		}
	}
	if asked != 9 {
		t.Errorf("the prices of the webhook were read %d times, want them read only if the setting does not have the currency", asked)
	}
}

func TestASettingIsParsedAsItIsWritten(t *testing.T) {
	got, err := money.Parse(" eur = 2,HUF=0,\n YEN=0 ")
	if want := (money.Decimals{"EUR": 2, "HUF": 0, "YEN": 0}); err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if text := got.String(); text != "EUR=2,HUF=0,YEN=0" {
		t.Errorf("String returns %s", text)
	}
	for text, says := range map[string]string{
		"EUR":         `"EUR" is no currency with its decimals`,
		"EUR=2,":      `"" is no currency with its decimals`,
		"=2":          `"=2" is no currency with its decimals`,
		"E R=2":       "is no currency with its decimals",
		"EUR=":        "EUR has no number of decimals: write one from 0 to 18",
		"EUR=two":     "EUR has no number of decimals",
		"EUR=-1":      "EUR has no number of decimals",
		"EUR=2.0":     "EUR has no number of decimals",
		"EUR=19":      "EUR has no number of decimals",
		"EUR=2,eur=0": "EUR is there twice",
	} {
		if got, err := money.Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, %v, want an error with %q", text, got, err, says)
		}
	}
}

func TestAddRejectsInvalidCurrencies(t *testing.T) {
	d := money.Decimals{}
	if err := d.Add("huf", 0); err != nil || d["HUF"] != 0 || len(d) != 1 {
		t.Errorf("got %v, %v", d, err)
	}
	for _, wrong := range []struct {
		code     string
		decimals int
	}{{"", 2}, {"A,B", 2}, {"EUR", -1}, {"EUR", 19}} {
		if err := d.Add(wrong.code, wrong.decimals); err == nil {
			t.Errorf("%v was added", wrong)
		}
	}
}

func TestAMajorAmountIsTheNearestNumber(t *testing.T) {
	for _, test := range []struct {
		amount   float64
		decimals int
		want     float64
	}{{1999, 2, 19.99}, {34484, 0, 34484}, {12345, 3, 12.345}, {-1250, 2, -12.5}, {1, 18, 1e-18}} {
		if got := money.Major(test.amount, test.decimals); got != test.want {
			t.Errorf("%v with %d decimals: got %v, want %v", test.amount, test.decimals, got, test.want)
		}
	}
}
