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

// order is the part of an order that the rules compare messages with. It has no amounts
// if the webhook is about a customer or names no currency, because then the amounts
// cannot be read.
type order struct {
	anonymized bool
	currency   string
	// price has the amounts in meta.display_price, in minor units, by their names. If the
	// tax is not stated, it is with_tax minus without_tax.
	price map[string]float64
	lines []line
	// currencies (the setting) and prices (of the webhook) give the decimals of a currency.
	currencies money.Decimals
	prices     money.Prices
}

// line is a line of an order, its amounts in minor units.
type line struct {
	ids         []string  // the ids that a product may have, in the order of the default templates
	unit        []float64 // the possible prices of one unit
	value       []float64 // the possible prices of the whole line; the same if it has one unit
	includesTax bool
	currency    string
}

// readOrder returns the order in the body of a webhook. The body is the one that templates
// receive.
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
		l.unit = append(l.unit, untaxed-discount) // before discounts, if unit_price includes tax
	}
	return l
}

// amounts returns the amount of a price, or an empty list if it has none.
func amounts(price any) []float64 {
	if amount, ok := number(at(price, "amount")); ok {
		return []float64{amount}
	}
	return nil
}

// states reports whether the order states all of these amounts.
func (o order) states(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		_, ok := o.price[name]
		return !ok
	})
}

// revenue returns the order's total without tax and shipping, in minor units.
func (o order) revenue() float64 {
	return o.price["with_tax"] - o.price["tax"] - o.price["shipping"]
}

// linesOf returns the lines that a product may be about: those with its product_id or sku.
func (o order) linesOf(product any) []line {
	return slices.DeleteFunc(slices.Clone(o.lines), func(l line) bool {
		return !slices.Contains(l.ids, text(at(product, "product_id"))) && !slices.Contains(l.ids, text(at(product, "sku")))
	})
}

func (o order) major(minor float64) float64 { return o.majorIn(o.currency, minor) }

func (o order) majorIn(currency string, minor float64) float64 {
	return money.Major(minor, money.Choose(o.currencies, func() money.Prices { return o.prices }, currency))
}

// checkDecimals finds prices in the webhook with another number of decimals than the
// setting has for the order's currency. If the setting does not have the currency, the
// decimals of these prices are used, and it warns if ISO 4217 has another number: that
// number is used for an order whose prices do not show their decimals.
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

// isOneOf reports whether a figure is one of these amounts, which are in minor units.
func (o order) isOneOf(figure float64, minors []float64) bool {
	return slices.ContainsFunc(minors, func(minor float64) bool { return same(figure, o.major(minor)) })
}

// misplaced returns the amount in minor units that a figure states with the decimal point
// in the wrong place: not divided, or divided by 100 in a currency with other decimals.
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

// same reports whether two figures are equal but for floating-point noise: 60.60000000000001
// is 60.6.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

// at returns the value at a path in an object, or nil if it is missing or null.
func at(value any, path ...string) any {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// text returns a value that is a text, or "" for any other value.
func text(value any) string {
	s, _ := value.(string)
	return s
}

// number returns a value that is a number, and whether it is one.
func number(value any) (float64, bool) {
	n, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// decimal returns a figure as text, with at most six decimals.
func decimal(figure float64) string {
	return strconv.FormatFloat(math.Round(figure*1e6)/1e6, 'f', -1, 64)
}

// names returns the names of an object's fields in alphabetical order.
func names(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
