package money_test

import (
	"encoding/json"
	"strings"
	"testing"

	"commerce-segment/shared/money"
)

func TestAmountsAreExact(t *testing.T) {
	parse := func(text string) money.Amount {
		t.Helper()
		a, err := money.ParseAmount(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return a
	}
	minor := func(text string, decimals int) money.Amount {
		t.Helper()
		a, err := money.ParseMinor(text, decimals)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return a
	}
	var sum money.Amount
	for range 1000 {
		sum = sum.Add(parse("0.1")).Add(minor("20", 2))
	}
	for _, test := range []struct {
		name string
		got  money.Amount
		want string
	}{
		{"nothing", money.Amount{}, "0"},
		{"a thousand times 0.1 and 0.20", sum, "300.00"},
		{"minor units", minor("131000", 2), "1310.00"},
		{"minor units without decimals", minor("131000", 0), "131000"},
		{"a difference below zero", minor("1999", 2).Sub(minor("2000", 2)), "-0.01"},
		{"more decimals than the currency has", minor("1999", 2).Sub(parse("19.985")), "0.005"},
		{"above the whole numbers of a float64", parse("9007199254740993").Add(minor("1", 2)), "9007199254740993.01"},
		{"a minor unit of eighteen decimals", minor("1", 18), "0.000000000000000001"},
	} {
		written, err := json.Marshal(test.got)
		if got := test.got.String(); got != test.want || err != nil || string(written) != test.want {
			t.Errorf("%s: got %s, as JSON %s, want %s", test.name, got, written, test.want)
		}
	}
	if !minor("1990", 2).Equal(parse("19.9")) || minor("1990", 2).Equal(parse("19.91")) || parse("-1").Sign() != -1 {
		t.Error("amounts are compared wrongly")
	}
	for _, text := range []string{"", "-", ".", "1e9", "1/3", "0x1", "1_000", "+1", " 1", "1.2.3", "NaN", strings.Repeat("9", 41)} {
		if a, err := money.ParseAmount(text); err == nil {
			t.Errorf("%q is the amount %s, want an error", text, a)
		}
	}
}
