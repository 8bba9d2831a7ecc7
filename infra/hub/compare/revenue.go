package compare

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"commerce-segment/shared/money"
)

// Revenue compares the revenues of an event in a currency. The amounts are in major units, and
// those of the reasons add up to the difference.
type Revenue struct {
	Event      string       `json:"event"`
	Currency   string       `json:"currency"` // empty if the messages have none
	Theirs     money.Amount `json:"theirs"`
	Ours       money.Amount `json:"ours"`
	Difference money.Amount `json:"difference"` // theirs - ours
	Reasons    []Reason     `json:"reasons"`
}

// Reason is a part of a difference between revenues.
type Reason struct {
	Why    string       `json:"why"`
	Events int          `json:"events"`
	Amount money.Amount `json:"amount"`
}

// The reasons of a difference between revenues, in addition to kinds of differences.
const (
	noAmount      = "no amount in theirs"
	noOurAmount   = "no amount in ours"
	otherCurrency = "another currency in theirs"
	noCurrency    = "no currency in theirs, which Segment reads as USD"
	otherAmount   = "another amount"
)

// revenueProperties are the properties with the revenue of a message: the first one that is there.
var revenueProperties = []string{"revenue", "total", "value"}

// revenues collects the revenues of events.
type revenues map[[2]string]*Revenue // by the normalized name of the event, and the currency

// row returns the revenue of an event in a currency. The decimals of the currency are those with
// which amounts are written.
func (all revenues) row(m Message) *Revenue {
	currency := currencyOf(m)
	at := [2]string{normalized(m.name), currency}
	if all[at] == nil {
		all[at] = &Revenue{Event: m.name, Currency: currency}
	}
	return all[at]
}

func currencyOf(m Message) string {
	return strings.ToUpper(strings.TrimSpace(textOf(m.property("currency"))))
}

// revenueOf returns the revenue of a message.
func revenueOf(m Message) (amount money.Amount, name string, ok bool) {
	for _, name := range revenueProperties {
		if value := m.property(name); value != nil {
			amount, ok = amountOf(value)
			return amount, name, ok
		}
	}
	return amount, "", false
}

// addTheirs adds a message that only they have, and why.
func (all revenues) addTheirs(m Message, why Kind) {
	if amount, _, ok := revenueOf(m); ok {
		all.row(m).add(string(why), amount, money.Amount{})
	}
}

// addOurs adds a message that only we have, and why.
func (all revenues) addOurs(m Message, why Kind) {
	if amount, _, ok := revenueOf(m); ok {
		all.row(m).add(string(why), money.Amount{}, amount)
	}
}

// addPair adds a pair.
func (all revenues) addPair(theirs, ours Message) {
	here, name, ok := revenueOf(ours)
	there, has := amountOf(theirs.property(name))
	if !ok {
		there, _, has = revenueOf(theirs)
	}
	ours.name = cmp.Or(ours.name, theirs.name)
	currency, other := currencyOf(ours), currencyOf(theirs)
	switch {
	case !ok && !has:
	case !ok:
		all.row(theirs).add(noOurAmount, there, here)
	case !has:
		all.row(ours).add(noAmount, there, here)
	case currency != other:
		why := otherCurrency
		if other == "" {
			why = noCurrency
		}
		all.row(ours).add(why, money.Amount{}, here)
		all.row(theirs).add(why, there, money.Amount{})
	default:
		all.row(ours).add(whyOther(theirs, ours, name, there, here), there, here)
	}
}

// whyOther returns why two amounts of a pair differ; empty if they do not. An amount of theirs in
// the smallest unit of its currency may have another reason too.
func whyOther(theirs, ours Message, name string, there, here money.Amount) string {
	if there.Equal(here) {
		return ""
	}
	if why := whyParts(ours, there, here); why != "" {
		return why
	}
	if kind := numbers(theirs.property(name), ours.property(name)); kind != OtherValue {
		return string(kind)
	}
	for decimals, factor := range factors {
		major, err := money.ParseMinor(there.String(), decimals)
		if err != nil {
			continue
		}
		if why := whyParts(ours, major, here); why != "" {
			return string(larger(factor)) + " and " + why
		}
	}
	return otherAmount
}

// whyParts returns which part of an order, such as tax, is in only one of two amounts; empty if
// none is.
func whyParts(ours Message, there, here money.Amount) string {
	tax, _ := amountOf(ours.property("tax"))
	shipping, _ := amountOf(ours.property("shipping"))
	discount, _ := amountOf(ours.property("discount"))
	for _, part := range []struct {
		name   string
		amount money.Amount
	}{{"tax", tax}, {"shipping", shipping}, {"tax and shipping", tax.Add(shipping)}, {"the discount", discount}} {
		switch {
		case part.amount.Sign() == 0:
		case there.Sub(here).Equal(part.amount):
			return part.name + " included in theirs"
		case here.Sub(there).Equal(part.amount):
			return part.name + " not included in theirs"
		}
	}
	return ""
}

// add adds two amounts, and the reason of their difference, empty if there is none.
func (r *Revenue) add(why string, theirs, ours money.Amount) {
	places := money.ISO(r.Currency)
	r.Theirs = r.Theirs.Add(theirs.WithDecimals(places))
	r.Ours = r.Ours.Add(ours.WithDecimals(places))
	r.Difference = r.Theirs.Sub(r.Ours)
	if why == "" {
		return
	}
	i := slices.IndexFunc(r.Reasons, func(other Reason) bool { return other.Why == why })
	if i < 0 {
		i = len(r.Reasons)
		r.Reasons = append(r.Reasons, Reason{Why: why})
	}
	r.Reasons[i].Events++
	r.Reasons[i].Amount = r.Reasons[i].Amount.Add(theirs.Sub(ours).WithDecimals(places))
}

// rows returns the revenues by event and currency, the largest reason first.
func (all revenues) rows() []Revenue {
	rows := []Revenue{}
	for _, at := range slices.SortedFunc(maps.Keys(all), func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	}) {
		r := *all[at]
		slices.SortFunc(r.Reasons, func(a, b Reason) int {
			return cmp.Or(b.Amount.Abs().Compare(a.Amount.Abs()), strings.Compare(a.Why, b.Why))
		})
		rows = append(rows, r)
	}
	return rows
}
