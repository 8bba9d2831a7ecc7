package picture

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"commerce-segment/shared/jsonata/value"
)

// numberFormat has the characters that $formatNumber uses in pictures and in results.
// Source: XPath and XQuery Functions 3.1, 4.7 (formatting numbers).
type numberFormat struct {
	decimal, grouping, exponent, minus, percent, perMille string
	zero, digit                                           rune
	pattern                                               string
}

var defaultFormat = numberFormat{
	decimal: ".", grouping: ",", exponent: "e", minus: "-", percent: "%", perMille: "‰", zero: '0', digit: '#', pattern: ";",
}

// FormatNumber formats a number by a picture. options is undefined, or an object with
// characters to use instead of the default ones.
func FormatNumber(st *value.State, f float64, picture string, options any) (any, error) {
	if err := charge(st, picture); err != nil {
		return nil, err
	}
	format, changed := &defaultFormat, ""
	if o, ok := options.(*value.Object); ok {
		own := defaultFormat
		if err := own.apply(st, o); err != nil {
			return nil, err
		}
		format, changed = &own, fmt.Sprintf("%q", own)
	}
	type key struct{ picture, changed string }
	parts, err := parsedOnce(st, key{picture, changed}, picture, func() ([]*subPicture, error) { return format.picture(picture) })
	if err != nil {
		return nil, err
	}
	p, text := parts[0], make([]byte, 0, 32)
	switch {
	case f < 0 && len(parts) == 2:
		p = parts[1]
	case f < 0:
		text = append(text, format.minus...)
	}
	text = append(text, p.prefix...)
	if text, err = format.append(text, p, f); err != nil {
		return nil, err
	}
	return string(append(text, p.suffix...)), nil
}

// apply sets the characters that an object of options has.
func (f *numberFormat) apply(st *value.State, options *value.Object) error {
	zero, digit, unused := string(f.zero), string(f.digit), ""
	known := map[string]*string{
		"decimal-separator": &f.decimal, "grouping-separator": &f.grouping, "exponent-separator": &f.exponent,
		"infinity": &unused, "minus-sign": &f.minus, "NaN": &unused, "percent": &f.percent, "per-mille": &f.perMille,
		"zero-digit": &zero, "digit": &digit, "pattern-separator": &f.pattern,
	}
	if options.Len() > len(known) {
		return errors.New("$formatNumber was given options that it does not know")
	}
	for _, option := range options.Written() {
		name := option.Key
		value, isString := option.Value.(string)
		if known[name] == nil || !isString || value == "" {
			return fmt.Errorf("$formatNumber does not know %s, or its value is not a string", st.QuoteLiteral("the option", name))
		}
		if len(value) > maxPicture {
			return fmt.Errorf("the option %q of $formatNumber is too long", name)
		}
		*known[name] = value
	}
	for _, name := range []string{"decimal-separator", "grouping-separator", "exponent-separator", "zero-digit", "digit", "pattern-separator"} {
		if utf8.RuneCountInString(*known[name]) != 1 {
			return fmt.Errorf("the option %q of $formatNumber must be one character", name)
		}
	}
	f.zero, _ = utf8.DecodeRuneInString(zero)
	f.digit, _ = utf8.DecodeRuneInString(digit)
	return nil
}

func (f *numberFormat) isDigit(r rune) bool { return r >= f.zero && r <= f.zero+9 }

func (f *numberFormat) isActive(r rune) bool {
	s := string(r)
	return f.isDigit(r) || r == f.digit || s == f.decimal || s == f.exponent || s == f.grouping || s == f.pattern
}

// subPicture is the parsed picture for the positive or the negative numbers.
type subPicture struct {
	text, prefix, suffix, active string
	integer, fraction            string
	exponent                     string
	hasExponent, hasDecimal      bool
	factor                       float64 // 100 for a picture with %

	groupingEvery  int   // 0 if the separators are irregular
	groups         []int // separators, in digits from the right of the integer
	fractionGroups []int // separators, in digits from the left of the fraction
	minInteger     int
	scale          int
	minFraction    int
	maxFraction    int
	minExponent    int
}

func (f *numberFormat) parse(text string) (*subPicture, error) {
	p := &subPicture{text: text, hasDecimal: strings.Contains(text, f.decimal), factor: 1}
	switch {
	case strings.Contains(text, f.percent):
		p.factor = 100
	case strings.Contains(text, f.perMille):
		p.factor = 1000
	}
	f.split(p)
	if err := f.validate(p); err != nil {
		return nil, err
	}
	f.analyze(p)
	return p, nil
}

// split separates the parts of a sub-picture.
func (f *numberFormat) split(p *subPicture) {
	bounds := func(r rune) bool { return f.isActive(r) && string(r) != f.exponent }
	if first := strings.IndexFunc(p.text, bounds); first >= 0 {
		last := strings.LastIndexFunc(p.text, bounds)
		_, size := utf8.DecodeRuneInString(p.text[last:])
		p.prefix, p.suffix = p.text[:first], p.text[last+size:]
	}
	p.active = p.text[len(p.prefix) : len(p.text)-len(p.suffix)]
	var mantissa string
	mantissa, p.exponent, p.hasExponent = strings.Cut(p.active, f.exponent)
	p.integer, p.fraction, _ = strings.Cut(mantissa, f.decimal)
}

var errPicture = errors.New("the picture of $formatNumber is not valid")

func pictureError(why string) error { return fmt.Errorf("%w: it %s", errPicture, why) }

func (f *numberFormat) validate(p *subPicture) error {
	digits := func(s string) int { return countFunc(s, f.isDigit) }
	optional := string(f.digit)
	bad := pictureError
	switch decimal := strings.Index(p.text, f.decimal); {
	case strings.Count(p.text, f.decimal) > 1:
		return bad("has two decimal separators")
	case strings.Count(p.text, f.percent) > 1 || strings.Count(p.text, f.perMille) > 1:
		return bad("has two percent signs")
	case strings.Contains(p.text, f.percent) && strings.Contains(p.text, f.perMille):
		return bad("has both percent and per mille")
	case strings.HasPrefix(p.suffix, f.exponent):
		return bad("has an exponent without digits")
	case p.hasExponent && p.prefix != "":
		return bad("has a prefix and an exponent")
	case digits(p.integer+p.fraction) == 0 && !strings.Contains(p.integer+p.fraction, optional):
		return bad("has no digit: use 0 and #")
	case strings.IndexFunc(p.active, func(r rune) bool { return !f.isActive(r) }) >= 0:
		return bad("has other characters between its digits")
	case decimal >= 0 && (strings.HasSuffix(p.text[:decimal], f.grouping) || strings.HasPrefix(p.text[decimal+len(f.decimal):], f.grouping)):
		return bad("has a grouping separator next to the decimal separator")
	case decimal < 0 && strings.HasSuffix(p.integer, f.grouping):
		return bad("has a grouping separator at the end of the integer part")
	case strings.Contains(p.text, f.grouping+f.grouping):
		return bad("has two grouping separators side by side")
	}
	if i := strings.Index(p.integer, optional); i >= 0 && digits(p.integer[:i]) > 0 {
		return bad("has # after 0 in the integer part")
	}
	if i := strings.LastIndex(p.fraction, optional); i >= 0 && digits(p.fraction[i:]) > 0 {
		return bad("has 0 after # in the fraction")
	}
	if p.hasExponent && (p.exponent == "" || digits(p.exponent) != utf8.RuneCountInString(p.exponent)) {
		return bad("has an exponent that is not made of 0")
	}
	if p.hasExponent && (strings.Contains(p.text, f.percent) || strings.Contains(p.text, f.perMille)) {
		return bad("has an exponent and a percent sign")
	}
	return nil
}

func countFunc(s string, is func(rune) bool) int {
	n := 0
	for _, r := range s {
		n += value.BoolToInt(is(r))
	}
	return n
}

func (f *numberFormat) analyze(p *subPicture) {
	anyDigit := func(r rune) bool { return f.isDigit(r) || r == f.digit }
	for i := 0; i < len(p.integer); i++ {
		if strings.HasPrefix(p.integer[i:], f.grouping) {
			p.groups = append(p.groups, countFunc(p.integer[i:], anyDigit))
		}
	}
	for i := 0; i < len(p.fraction); i++ {
		if strings.HasPrefix(p.fraction[i:], f.grouping) {
			p.fractionGroups = append(p.fractionGroups, countFunc(p.fraction[:i], anyDigit))
		}
	}
	p.groupingEvery = positionDistance(p.groups)
	p.minInteger = countFunc(p.integer, f.isDigit)
	p.scale = p.minInteger
	p.minFraction = countFunc(p.fraction, f.isDigit)
	p.maxFraction = countFunc(p.fraction, anyDigit)
	if p.minInteger == 0 && p.maxFraction == 0 {
		if p.hasExponent {
			p.minFraction, p.maxFraction = 1, 1
		} else {
			p.minInteger = 1
		}
	}
	if p.hasExponent && p.minInteger == 0 && strings.ContainsRune(p.integer, f.digit) {
		p.minInteger = 1
	}
	if p.minInteger == 0 && p.minFraction == 0 {
		p.minFraction = 1
	}
	p.minExponent = countFunc(p.exponent, f.isDigit)
}

func positionDistance(positions []int) int {
	distance := 0
	for _, position := range positions {
		distance = gcd(distance, position)
	}
	return distanceIfRegular(distance, len(positions), func(n int) bool {
		return slices.Contains(positions, n)
	})
}

// picture parses the picture for positive numbers and, if there is one, the picture for
// negative numbers.
func (f *numberFormat) picture(source string) ([]*subPicture, error) {
	texts := strings.Split(source, f.pattern)
	if len(texts) > 2 {
		return nil, pictureError("has more than two parts")
	}
	var parts []*subPicture
	for _, text := range texts {
		p, err := f.parse(text)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// append appends a number without its sign to a text.
func (f *numberFormat) append(text []byte, p *subPicture, x float64) ([]byte, error) {
	x, exponent := x*p.factor, 0
	if p.hasExponent {
		x, exponent = scaled(x, p.scale)
	}
	if math.Abs(x) >= 1e21 {
		return nil, errors.New("the number is too large to be written with a picture")
	}
	rounded, err := value.RoundTo(x, float64(p.maxFraction))
	if err != nil {
		return nil, err
	}
	text = f.appendMantissa(text, p, math.Abs(rounded))
	if !p.hasExponent {
		return text, nil
	}
	text = append(text, f.exponent...)
	if exponent < 0 {
		text, exponent = append(text, f.minus...), -exponent
	}
	for _, digit := range fmt.Appendf(nil, "%0*d", p.minExponent, exponent) {
		text = f.appendDigit(text, digit)
	}
	return text, nil
}

// scaled multiplies a number by a power of ten, so that it is between 10^(scale-1) and
// 10^scale. It returns the result and the exponent. Zero stays zero.
func scaled(x float64, scale int) (float64, int) {
	exponent := 0
	if x == 0 {
		return 0, 0
	}
	most, least := math.Pow10(scale), math.Pow10(scale-1)
	for math.Abs(x) < least {
		x *= 10
		exponent--
	}
	for math.Abs(x) > most {
		x /= 10
		exponent++
	}
	return x, exponent
}

// appendDigit appends a digit of the format to a text.
func (f *numberFormat) appendDigit(text []byte, digit byte) []byte {
	return utf8.AppendRune(text, rune(digit)-'0'+f.zero)
}

// appendMantissa appends a number with its separators. The number is not negative.
func (f *numberFormat) appendMantissa(text []byte, p *subPicture, x float64) []byte {
	var room [64]byte
	integer, fraction, _ := bytes.Cut(strconv.AppendFloat(room[:0], x, 'f', p.maxFraction, 64), []byte("."))
	integer, fraction = bytes.TrimLeft(integer, "0"), bytes.TrimRight(fraction, "0")
	size := max(len(integer), p.minInteger)
	for left := size; left > 0; left-- {
		if left < size && p.separatesBefore(left) {
			text = append(text, f.grouping...)
		}
		digit := byte('0')
		if left <= len(integer) {
			digit = integer[len(integer)-left]
		}
		text = f.appendDigit(text, digit)
	}
	size = max(len(fraction), p.minFraction)
	if size == 0 || !p.hasDecimal {
		return text
	}
	text = append(text, f.decimal...)
	for i := range size {
		if i > 0 && slices.Contains(p.fractionGroups, i) {
			text = append(text, f.grouping...)
		}
		digit := byte('0')
		if i < len(fraction) {
			digit = fraction[i]
		}
		text = f.appendDigit(text, digit)
	}
	return text
}

// separatesBefore reports whether a separator precedes the last n digits.
func (p *subPicture) separatesBefore(n int) bool {
	if p.groupingEvery > 0 {
		return n%p.groupingEvery == 0
	}
	return slices.Contains(p.groups, n)
}
