package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/money"
)

// order is what the rules compare with of the order that a webhook is about. There
// are no amounts in it where the webhook is about a customer, or names no currency:
// what cannot be read cannot be compared with.
type order struct {
	anonymized bool
	currency   string
	// price has the amounts of meta.display_price, in minor units, those that are
	// stated. A tax that is not is with_tax less without_tax.
	price map[string]float64
	lines []line
	// Of which the decimals of a currency are known.
	currencies money.Decimals
	prices     money.Prices
}

// line is a line of an order, its amounts in minor units.
type line struct {
	ids         []string  // by which a product may go, as the default templates choose it
	unit        []float64 // what one may be said to cost
	value       []float64 // what all of them may; the same where it is one
	includesTax bool
	currency    string
}

// readOrder reads a webhook's body as templates see it.
func readOrder(body map[string]any) order {
	data := at(body, "payload", "data")
	o := order{price: map[string]float64{}}
	o.anonymized, _ = at(data, "anonymized").(bool)
	prices, _ := at(data, "meta", "display_price").(map[string]any)
	for name := range prices {
		if amount, ok := number(at(prices, name, "amount")); ok {
			o.price[name] = amount
		}
	}
	o.currency = text(at(prices, "with_tax", "currency"))
	if _, stated := o.price["tax"]; !stated && o.states("with_tax", "without_tax") {
		o.price["tax"] = o.price["with_tax"] - o.price["without_tax"]
	}
	items, _ := at(body, "payload", "included", "items").([]any)
	for _, item := range items {
		if o.currency == "" {
			o.currency = text(at(item, "unit_price", "currency"))
		}
		o.lines = append(o.lines, readLine(item))
	}
	if o.currency == "" {
		return order{anonymized: o.anonymized}
	}
	return o
}

func readLine(item any) line {
	var l line
	for _, name := range []string{"product_id", "sku", "subscription_offering_id", "name", "id"} {
		if id := text(at(item, name)); id != "" {
			l.ids = append(l.ids, id)
		}
	}
	l.includesTax, _ = at(item, "unit_price", "includes_tax").(bool)
	l.currency = text(at(item, "unit_price", "currency"))
	l.unit = amounts(at(item, "unit_price"))
	l.value = amounts(at(item, "value"))
	shown := at(item, "meta", "display_price")
	for _, name := range []string{"with_tax", "without_tax", "without_discount"} {
		l.unit = append(l.unit, amounts(at(shown, name, "unit"))...)
		l.value = append(l.value, amounts(at(shown, name, "value"))...)
	}
	untaxed, ok := number(at(shown, "without_tax", "unit", "amount"))
	if discount, stated := number(at(shown, "discount", "unit", "amount")); ok && stated {
		l.unit = append(l.unit, untaxed-discount) // before discounts, where unit_price has tax in it
	}
	return l
}

// amounts is the amount of a price, or nothing.
func amounts(price any) []float64 {
	if amount, ok := number(at(price, "amount")); ok {
		return []float64{amount}
	}
	return nil
}

// states says whether the order states all of these amounts.
func (o order) states(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		_, ok := o.price[name]
		return !ok
	})
}

// revenue is the order's total without tax and shipping, in minor units.
func (o order) revenue() float64 {
	return o.price["with_tax"] - o.price["tax"] - o.price["shipping"]
}

// linesOf are the lines that a product may stand for.
func (o order) linesOf(product any) []line {
	return slices.DeleteFunc(slices.Clone(o.lines), func(l line) bool {
		return !slices.Contains(l.ids, text(at(product, "product_id"))) && !slices.Contains(l.ids, text(at(product, "sku")))
	})
}

func (o order) major(minor float64) float64 { return o.majorIn(o.currency, minor) }

func (o order) majorIn(currency string, minor float64) float64 {
	return money.Major(minor, money.Choose(o.currencies, func() money.Prices { return o.prices }, currency))
}

// checkDecimals finds that the webhook's prices are written with another number of
// decimals than is set for the order's currency. Where none is set, the amounts go by
// these prices: then it warns that ISO 4217 has another number, by which an order goes
// that does not show it.
func (o order) checkDecimals() []Finding {
	written, known := o.prices.Of(o.currency)
	expected, isSet := o.currencies.Of(o.currency)
	source := "in the setting commerce/currencies"
	if !isSet {
		expected, source = money.ISO(o.currency), "in ISO 4217"
	}
	if !known || written == expected {
		return nil
	}
	return []Finding{{Path: "properties.currency", Rule: "decimals", Warning: !isSet,
		Wrong:   fmt.Sprintf("is %s, which has %s in the webhook's prices and %d %s", o.currency, words.Count(written, "decimal"), expected, source),
		Instead: "hub configure reads the decimals of the store's currencies from Commerce"}}
}

// isOneOf says whether a figure is one of these amounts of minor units.
func (o order) isOneOf(figure float64, minors []float64) bool {
	return slices.ContainsFunc(minors, func(minor float64) bool { return same(figure, o.major(minor)) })
}

// misplaced finds the amount of minor units that a figure states with its point in
// the wrong place: as it is, or as hundredths in a currency that has none.
func (o order) misplaced(figure float64, minors []float64) (minor float64, found bool) {
	if o.isOneOf(figure, minors) {
		return 0, false
	}
	i := slices.IndexFunc(minors, func(minor float64) bool {
		return minor != 0 && (same(figure, minor) || same(figure, minor/100))
	})
	if i < 0 {
		return 0, false
	}
	return minors[i], true
}

// same compares figures without the noise of decimals: 60.60000000000001 is 60.6.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

// at is what an object has at a path; nil where there is nothing, or null.
func at(value any, path ...string) any {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// text is a value that is a text; empty for any other.
func text(value any) string {
	s, _ := value.(string)
	return s
}

// number is a value that is a number.
func number(value any) (float64, bool) {
	n, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// decimal writes a figure for people.
func decimal(figure float64) string {
	return strconv.FormatFloat(math.Round(figure*1e6)/1e6, 'f', -1, 64)
}

// names are an object's names by the alphabet.
func names(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
