package money

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
)

// Prices derives the decimals of currencies from the prices of a webhook. Each price
// has its amount both as a number and as a formatted text, 1999 and "€19.99".
type Prices map[string]*shown

// shown is what all prices of one currency show.
type shown struct {
	amounts places // the decimals that fit all amounts other than 0
	zeros   places // the decimals that fit all amounts of 0
	unlike  bool   // an amount other than 0 is written in a way that fits no decimals
}

// places is a set of numbers of decimals.
type places uint32

const anyPlaces places = 1<<(MaxDecimals+1) - 1

func (p places) only() (decimals int, one bool) {
	return bits.TrailingZeros32(uint32(p)), bits.OnesCount32(uint32(p)) == 1
}

// confirmedBy reports whether a formatted amount, such as "€19.99", has the decimals that
// are known already. Most prices of a webhook do. To read each of them completely would
// take longer than the template.
func (s *shown) confirmedBy(amount uint64, formatted string) bool {
	decimals, known := s.amounts.only()
	if !known || amount == 0 {
		return false
	}
	end := len(formatted)
	for end > 0 && !isASCIIDigit(formatted[end-1]) {
		end--
	}
	if end < len(formatted) && strings.ContainsAny(formatted[end:], points) {
		return false
	}
	i := end - 1
	for place := 0; place < decimals || amount > 0; place, i, amount = place+1, i-1, amount/10 {
		if place == decimals && decimals > 0 {
			if i < 0 || formatted[i] != '.' && formatted[i] != ',' {
				return false
			}
			i--
		}
		if i < 0 || formatted[i] != '0'+byte(amount%10) {
			return false
		}
	}
	return i < 0 || isSymbol(formatted[:i+1])
}

func isASCIIDigit(b byte) bool { return '0' <= b && b <= '9' }

// isSymbol reports whether a text has only a symbol or a sign.
func isSymbol(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsDigit(r) || strings.ContainsRune(grouping+points, r) })
}

// unformatted is how Commerce writes a price that it does not format, such as the discount
// of an order that has none: as 0 in any currency, which shows nothing of its decimals.
const unformatted = "0"

// Add reads a price.
func (p Prices) Add(currency string, amount float64, formatted string) {
	currency = strings.ToUpper(currency)
	amount = math.Abs(amount)
	// What a float64 does not hold to the last digit cannot be compared with a text.
	if currency == "" || amount != math.Trunc(amount) || amount >= 1<<53 {
		return
	}
	s := p[currency]
	if s != nil && s.confirmedBy(uint64(amount), formatted) {
		return
	}
	n, readable := read(formatted)
	if !readable || formatted == unformatted {
		return
	}
	if s == nil {
		s = &shown{amounts: anyPlaces, zeros: anyPlaces}
		p[currency] = s
	}
	switch fits := n.places(amount); {
	case fits == 0:
		s.unlike = s.unlike || amount != 0
	case amount == 0:
		s.zeros &= fits
	default:
		s.amounts &= fits
	}
}

// Of returns the decimals with which the prices of a currency are formatted, if that is
// certain. "1,234" may have three decimals or none, until another price decides it. An
// amount of zero is used last, because Commerce writes "0" for one that it does not
// format. It is not used at all where amounts are written without some of their
// decimals.
func (p Prices) Of(currency string) (decimals int, known bool) {
	s := p[strings.ToUpper(currency)]
	if s == nil {
		return 0, false
	}
	if decimals, known = s.amounts.only(); known || s.unlike {
		return decimals, known
	}
	fits := s.amounts & s.zeros
	if fits == 0 || fits&(1<<ISO(currency)) != 0 {
		return fits.only()
	}
	return bits.TrailingZeros32(uint32(fits)), true
}

// number is a number as it is written: its digits in groups, and the separators between
// the groups.
type number struct {
	groups     []string
	separators []rune
}

const (
	points   = ".,٫·" // may stand before decimals
	grouping = ".,٬'’ "
	maxText  = 100 // bytes: no price is longer
)

// read returns the number in a text. ok is false for a text with two numbers, and for one
// with a point directly before or after the number, where digits may be left out. The point
// of "Rs." or "kr." is part of the symbol.
func read(text string) (n number, ok bool) {
	var before, beyond rune // the last two characters before a digit that are not digits
	gap := 0                // the number of characters since the last digit
	digits, starts := make([]byte, 0, len(text)), make([]int, 0, 4)
	if len(text) > maxText {
		return n, false
	}
	for _, r := range text {
		if r >= 0x80 && unicode.Is(unicode.Cf, r) {
			continue // marks of the direction of writing
		}
		if unicode.IsSpace(r) {
			r = ' '
		}
		digit, isDigit := digitOf(r)
		switch {
		case !isDigit:
			if gap++; gap == 1 && len(starts) > 0 {
				n.separators = append(n.separators, r)
			}
			beyond, before = before, r
			continue
		case len(starts) == 0:
			if strings.ContainsRune(points, before) && !unicode.IsLetter(beyond) {
				return n, false
			}
			starts = append(starts, len(digits))
		case gap == 1 && strings.ContainsRune(points+grouping, before):
			starts = append(starts, len(digits))
		case gap > 0:
			return n, false
		}
		gap = 0
		digits = append(digits, digit)
	}
	if len(starts) == 0 {
		return n, false
	}
	for i, start := range starts {
		end := len(digits)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		n.groups = append(n.groups, string(digits[start:end]))
	}
	if len(n.separators) == len(starts) { // the last one is what follows the number
		last := len(n.separators) - 1
		if strings.ContainsRune(points, n.separators[last]) {
			return n, false
		}
		n.separators = n.separators[:last]
	}
	return n, true
}

// digitOf converts a digit of any script to ASCII.
func digitOf(r rune) (digit byte, ok bool) {
	if !unicode.IsDigit(r) {
		return 0, false
	}
	zero := r
	for unicode.IsDigit(zero - 1) {
		zero--
	}
	return '0' + byte((r-zero)%10), true // scripts may follow one another
}

// places returns the numbers of decimals with which an amount in the smallest unit can
// be written like this: without separators the number has the digits of the amount.
func (n number) places(amount float64) places {
	digits := strings.TrimLeft(strings.Join(n.groups, ""), "0")
	if digits != strings.TrimLeft(strconv.FormatFloat(amount, 'f', 0, 64), "0") {
		return 0
	}
	var fits places
	last := len(n.groups) - 1
	if isGrouped(n.groups, n.separators) {
		fits |= 1
	}
	if last > 0 && strings.ContainsRune(points, n.separators[last-1]) && len(n.groups[last]) <= MaxDecimals &&
		!strings.ContainsRune(string(n.separators[:last-1]), n.separators[last-1]) && isGrouped(n.groups[:last], n.separators[:last-1]) {
		fits |= 1 << len(n.groups[last])
	}
	return fits
}

// isGrouped reports whether the groups can be those of a whole number: 1,234,567 or
// 12,34,567 or 123,4567.
func isGrouped(groups []string, separators []rune) bool {
	last := len(groups) - 1
	if last == 0 {
		return true
	}
	if groups[0] == "0" || !strings.ContainsRune(grouping, separators[0]) {
		return false
	}
	size := len(groups[last])
	if size != 3 && size != 4 || len(groups[0]) > size {
		return false
	}
	inner := size
	if last > 1 && size == 3 && len(groups[1]) == 2 {
		inner = 2 // as in India
	}
	for i := range last {
		if separators[i] != separators[0] || i > 0 && len(groups[i]) != inner {
			return false
		}
	}
	return true
}

// Choose returns the decimals of a currency: those of the store's setting, otherwise
// those of the prices of the webhook, otherwise those of ISO 4217. It calls prices only
// if the setting does not have the currency.
func Choose(setting Decimals, prices func() Prices, currency string) int {
	if decimals, known := setting.Of(currency); known {
		return decimals
	}
	if decimals, known := prices().Of(currency); known {
		return decimals
	}
	return ISO(currency)
}
