package lint

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"commerce-segment/shared/tracking"
)

// orderFigures are the properties of Segment's e-commerce spec that are amounts.
var orderFigures = []string{"total", "value", "revenue", "subtotal", "tax", "shipping", "discount"}

// The properties of the spec that are texts.
var (
	orderTexts   = []string{"order_id", "checkout_id", "affiliation", "coupon", "currency"}
	productTexts = []string{"product_id", "sku", "name", "category", "brand", "variant", "coupon", "url", "image_url"}
)

// checkTrack checks a track call. It requires the properties of an order event only in
// events of the spec: another event may leave them out intentionally.
func (m *message) checkTrack() {
	if m.call() != string(tracking.Track) {
		return
	}
	isOrderEvent := m.checkEventName()
	m.checkTexts("properties", at(m.fields, "properties"), orderTexts)
	if isOrderEvent {
		m.checkOrderEvent()
	}
	before := len(m.findings)
	m.checkOrderFigures()
	for i, product := range m.products() {
		m.checkProduct(fmt.Sprintf("properties.products[%d]", i), product, isOrderEvent)
	}
	if isOrderEvent && len(m.findings) == before { // else a figure that the sum is made of is wrong
		m.checkSum()
	}
	m.checkRevenue()
	m.checkCurrency()
}

func (m *message) property(name string) any { return at(m.fields, "properties", name) }

// figure returns a property that is a number.
func (m *message) figure(name string) (float64, bool) { return number(m.property(name)) }

func (m *message) products() []any {
	list, _ := m.property("products").([]any)
	return list
}

// checkEventName reports whether the event is one of the spec's order events, and finds a
// name that is spelled differently.
func (m *message) checkEventName() bool {
	event := text(at(m.fields, "event"))
	for _, t := range tracking.All() {
		if t.Call != tracking.Track || t.Resource() != "order" || plain(t.Title) != plain(event) {
			continue
		}
		if event != t.Title {
			m.add("event", "event_name", "is not spelled as in Segment's spec, and destinations match the exact spelling",
				fmt.Sprintf("write %q", t.Title))
		}
		return true
	}
	return false
}

// plain returns an event's name in lower case, with only its letters, and with the British
// spelling: names that differ only in spelling become equal.
func plain(event string) string {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, event)
	return strings.Replace(letters, "canceled", "cancelled", 1)
}

// checkOrderEvent finds properties that every order event needs and that are missing.
func (m *message) checkOrderEvent() {
	if isMissing(m.property("order_id")) {
		m.add("properties.order_id", "missing", "is missing", "write payload.data.id")
	}
	if m.property("products") == nil {
		m.add("properties.products", "missing", "is missing", "write a list, [] for none: [items.{…}]")
	}
	if m.property("total") == nil && m.property("value") == nil && m.order.states("with_tax") {
		m.warn("properties.total", "missing", "is missing, and destinations use it as the value of the order", "write $money(payload.data.meta.display_price.with_tax)")
	}
}

// isMissing reports whether a value is missing or a blank text.
func isMissing(value any) bool {
	s, isText := value.(string)
	return value == nil || isText && strings.TrimSpace(s) == ""
}

// checkTexts finds fields of an object that are texts in the spec but not in the message.
func (m *message) checkTexts(path string, object any, texts []string) {
	for _, name := range texts {
		switch value := at(object, name); value.(type) {
		case nil, string:
		case []any:
			m.add(path+"."+name, "not_a_text", "is a list", `write one text: $join(…, ",")`)
		default:
			m.add(path+"."+name, "not_a_text", "is "+kindOf(value), "write a text: $string(…)")
		}
	}
}

// checkNumber returns a field's number, and finds a value that is not a number.
func (m *message) checkNumber(path string, value any) (float64, bool) {
	n, ok := number(value)
	if value != nil && !ok {
		m.add(path, "not_a_number", "is "+kindOf(value), "write a number, without $string() and $formatNumber()")
	}
	return n, ok
}

// checkOrderFigures checks each of the order's amounts alone.
func (m *message) checkOrderFigures() {
	for _, name := range orderFigures {
		path := "properties." + name
		figure, ok := m.checkNumber(path, m.property(name))
		if !ok {
			continue
		}
		m.checkUnit(path, math.Abs(figure), m.order.sourcesOf(name))
		if figure < 0 && slices.Contains([]string{"tax", "shipping", "discount"}, name) {
			m.add(path, "negative", "is negative", "write it as a positive number: $abs(…)")
		}
	}
	if value := m.property("products"); value != nil && !isList(value) {
		m.add("properties.products", "not_a_list", "is "+kindOf(value), "write [ and ] around it: items.{…} is an object if there is one line")
	}
}

func isList(value any) bool {
	_, ok := value.([]any)
	return ok
}

// sourcesOf returns the amounts of the order that a figure may state, in minor units.
func (o order) sourcesOf(figure string) []float64 {
	stated := []string{figure}
	var sources []float64
	if slices.Contains([]string{"total", "value", "revenue", "subtotal"}, figure) {
		stated = []string{"with_tax", "without_tax", "without_discount"}
		sources = append(sources, o.revenue())
	}
	for _, name := range stated {
		if amount, ok := o.price[name]; ok {
			sources = append(sources, math.Abs(amount)) // Commerce states a discount as negative
		}
	}
	return sources
}

// checkUnit finds an amount with the decimal point in the wrong place.
func (m *message) checkUnit(path string, figure float64, sources []float64) {
	if minor, found := m.order.misplaced(figure, sources); found {
		m.add(path, "minor_units",
			fmt.Sprintf("is %s, but the order's amount of %s minor units is %s in %s",
				decimal(figure), decimal(minor), decimal(m.order.major(minor)), m.order.currency),
			"write $money(amount, currency), which knows the decimals of every currency")
	}
}

// checkProduct checks one of properties.products.
func (m *message) checkProduct(path string, product any, ofOrderEvent bool) {
	if _, isObject := product.(map[string]any); !isObject {
		m.add(path, "not_a_list", "is "+kindOf(product)+", not a product", "write an object with product_id, price and quantity")
		return
	}
	if ofOrderEvent && isMissing(at(product, "product_id")) {
		m.add(path+".product_id", "missing", "is missing", "write line.product_id, and for a custom item its sku")
	}
	m.checkTexts(path, product, productTexts)
	m.checkNumber(path+".position", at(product, "position"))
	if quantity, ok := m.checkNumber(path+".quantity", at(product, "quantity")); ok && (quantity < 1 || quantity != math.Trunc(quantity)) {
		m.add(path+".quantity", "quantity", "is "+decimal(quantity)+", which is not a number of pieces", "write line.quantity, a whole number from 1")
	}
	if price, ok := m.checkNumber(path+".price", at(product, "price")); ok {
		m.checkPrice(path+".price", price, m.order.linesOf(product))
	}
}

// checkPrice checks a product's price against the lines that it may be about.
func (m *message) checkPrice(path string, price float64, lines []line) {
	var units, values []float64
	for _, l := range lines {
		units = append(units, l.unit...)
		values = append(values, l.value...)
	}
	switch {
	case price < 0:
		m.add(path, "negative", "is negative: a line that reduces the total is not a product", "leave the line out, and add its amount to discount")
	case m.foreign(price, lines) != "":
		m.add(path, "currency", fmt.Sprintf("is in %s, the currency of its line, but the message is in %s", m.foreign(price, lines), text(m.property("currency"))),
			"leave the price out: a message has one currency")
	case price != 0 && m.order.isOneOf(price, values) && !m.order.isOneOf(price, units):
		m.add(path, "line_price", "is "+decimal(price)+", the price of the whole line", "write the price of one unit: $money(line.unit_price)")
	default:
		m.checkUnit(path, price, slices.Concat(units, values))
	}
}

// foreign returns the currency of the line that a price belongs to, if it is neither the
// currency of the message nor that of the order. Otherwise it returns "".
func (m *message) foreign(price float64, lines []line) string {
	for _, l := range lines {
		if l.currency == "" || l.currency == m.order.currency || strings.EqualFold(l.currency, text(m.property("currency"))) {
			continue
		}
		if price != 0 && (m.order.isOneOf(price, l.unit) || slices.ContainsFunc(l.unit, func(minor float64) bool { return same(price, m.order.majorIn(l.currency, minor)) })) {
			return l.currency
		}
	}
	return ""
}

// checkSum compares the sum of the products and the order's figures with the total, if the
// message has all of them and the webhook has the lines.
func (m *message) checkSum() {
	name := "total"
	if _, ok := m.figure(name); !ok {
		name = "value" // of Checkout Started
	}
	total, hasTotal := m.figure(name)
	tax, hasTax := m.figure("tax")
	shipping, hasShipping := m.figure("shipping")
	discount, hasDiscount := m.figure("discount")
	goods, pieces, priced := m.goods()
	if !hasTotal || !hasTax || !hasShipping || !hasDiscount || !priced || len(m.order.lines) == 0 {
		return
	}
	sum := goods - discount + tax + shipping
	if math.Abs(sum-total) <= m.order.tolerance(pieces) {
		return
	}
	m.add("properties."+name, "sum",
		fmt.Sprintf("is %s, but products %s - discount %s + tax %s + shipping %s is %s",
			decimal(total), decimal(goods), decimal(discount), decimal(tax), decimal(shipping), decimal(sum)),
		"write the price of one unit, without tax and before discounts, as price, and with_tax as total")
}

// goods returns the sum of price × quantity and the number of pieces. It returns false if
// a product lacks one of them.
func (m *message) goods() (sum, pieces float64, ok bool) {
	if !isList(m.property("products")) {
		return 0, 0, false
	}
	for _, product := range m.products() {
		price, priced := number(at(product, "price"))
		quantity, counted := number(at(product, "quantity"))
		if !priced || !counted {
			return 0, 0, false
		}
		sum += price * quantity
		pieces += quantity
	}
	return sum, pieces, true
}

// tolerance returns how much the figures of an order may differ: half of the smallest
// amount, and another half for each piece if prices include tax, because Commerce rounds
// the tax of each unit.
func (o order) tolerance(pieces float64) float64 {
	if !slices.ContainsFunc(o.lines, func(l line) bool { return l.includesTax }) {
		pieces = 0
	}
	return o.major((1 + pieces) / 2)
}

// checkRevenue finds tax and shipping in the revenue. The spec lets the merchant choose
// whether the revenue includes discounts.
func (m *message) checkRevenue() {
	revenue, ok := m.figure("revenue")
	if !ok || !m.order.states("with_tax", "tax") {
		return
	}
	bare, tax, shipping := m.order.revenue(), m.order.price["tax"], m.order.price["shipping"]
	if m.order.isOneOf(revenue, []float64{bare, bare + math.Abs(m.order.price["discount"])}) {
		return
	}
	for _, extra := range []struct {
		amount float64
		name   string
	}{{tax, "tax"}, {shipping, "shipping"}, {tax + shipping, "tax and shipping"}} {
		if same(revenue, m.order.major(bare+extra.amount)) {
			m.add("properties.revenue", "revenue", fmt.Sprintf("is %s, which includes %s", decimal(revenue), extra.name),
				"write "+decimal(m.order.major(bare))+": with_tax - tax - shipping")
			return
		}
	}
}

var currencyCode = regexp.MustCompile(`^[A-Za-z]{3}$`)

// checkCurrency finds amounts without their currency, or with a wrong one.
func (m *message) checkCurrency() {
	if !m.hasAmount() {
		return
	}
	const path, rule = "properties.currency", "currency"
	const instead = "write payload.data.meta.display_price.with_tax.currency"
	value := m.property("currency")
	currency, isText := value.(string)
	switch {
	case isMissing(value):
		m.add(path, rule, "is missing, so Segment reads the amounts as US dollars", instead)
	case !isText: // see checkTexts
	case !currencyCode.MatchString(currency):
		m.add(path, rule, "is not an ISO 4217 code like EUR", instead)
	case !strings.EqualFold(currency, m.order.currency) && m.hasOrdersTotal():
		m.add(path, rule, fmt.Sprintf("is %s, but the order's amounts are in %s", currency, m.order.currency), instead)
	}
}

// hasAmount reports whether the message has an amount, which needs a currency.
func (m *message) hasAmount() bool {
	isAmount := func(name string) bool { _, ok := m.figure(name); return ok }
	isPriced := func(product any) bool { _, ok := number(at(product, "price")); return ok }
	return slices.ContainsFunc(orderFigures, isAmount) || slices.ContainsFunc(m.products(), isPriced)
}

// hasOrdersTotal reports whether the message states the order's total unchanged, not
// converted into another currency.
func (m *message) hasOrdersTotal() bool {
	return m.order.price["with_tax"] != 0 &&
		slices.ContainsFunc([]string{"total", "value"}, func(name string) bool {
			figure, ok := m.figure(name)
			return ok && same(figure, m.order.major(m.order.price["with_tax"]))
		})
}

// kindOf returns the kind of a JSON value, with its article.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a number"
}
