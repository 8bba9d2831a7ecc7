package picture

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"commerce-segment/shared/jsonata/value"
)

// integerPicture is the parsed picture of a whole number.
// Source: XPath and XQuery Functions 3.1, 4.6.1 fn:format-integer.
type integerPicture struct {
	style   integerStyle
	letters letterCase
	ordinal bool

	// The fields of a decimal picture.
	zero       rune // the digit zero of the script
	mandatory  int  // the least number of digits
	optional   int
	regular    int // the distance of the separators, 0 if they are irregular
	separators []separator
	parseWidth int // the exact number of digits when a date is parsed; 0 for any
}

type integerStyle int

const (
	styleDecimal integerStyle = iota
	styleLetters
	styleRoman
	styleWords
)

type letterCase int

const (
	lowerCase letterCase = iota
	upperCase
	titleCase
)

// separator is a grouping separator. position is the number of digits to the right of
// it.
type separator struct {
	position int
	char     rune
}

// digitZeros lists the zeros of the decimal digits in the scripts of Unicode's Basic
// Multilingual Plane that the reference implementation supports.
var digitZeros = []rune{
	0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
	0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
	0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
}

func digitZero(r rune) (rune, bool) {
	for _, zero := range digitZeros {
		if r >= zero && r <= zero+9 {
			return zero, true
		}
	}
	return 0, false
}

// FormatInteger returns a whole number written by a picture.
func FormatInteger(st *value.State, f float64, picture string) (any, error) {
	p, err := integerPictureOf(st, picture)
	if err != nil {
		return nil, err
	}
	text, err := p.format(f)
	if err != nil {
		return nil, err
	}
	return text, nil
}

// ParseInteger returns the whole number that a text has by a picture.
func ParseInteger(st *value.State, text, picture string) (any, error) {
	if err := st.Spend(min(len(text), maxText)); err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, errNotInteger
	}
	p, err := integerPictureOf(st, picture)
	if err != nil {
		return nil, err
	}
	f, err := p.parse(text)
	if err != nil {
		return nil, err
	}
	return value.Finite(f, "$parseInteger")
}

// integerPictureOf charges for the use of a picture and returns it parsed.
func integerPictureOf(st *value.State, picture string) (*integerPicture, error) {
	if err := charge(st, picture); err != nil {
		return nil, err
	}
	return parsedOnce(st, picture, picture, func() (*integerPicture, error) { return parseIntegerPicture(picture) })
}

func parseIntegerPicture(picture string) (*integerPicture, error) {
	p := &integerPicture{zero: '0'}
	primary := picture
	if i := strings.LastIndexByte(picture, ';'); i >= 0 {
		primary = picture[:i]
		p.ordinal = strings.HasPrefix(picture[i+1:], "o")
	}
	switch primary {
	case "A", "a":
		p.style = styleLetters
	case "I", "i":
		p.style = styleRoman
	case "W", "w", "Ww":
		p.style = styleWords
	default:
		return p, p.parseDecimal(primary)
	}
	switch {
	case primary == "Ww":
		p.letters = titleCase
	case primary < "a":
		p.letters = upperCase
	}
	return p, nil
}

func (p *integerPicture) parseDecimal(primary string) error {
	chars := []rune(primary)
	zeroKnown, position := false, 0
	for i := len(chars) - 1; i >= 0; i-- {
		zero, isDigit := digitZero(chars[i])
		switch {
		case isDigit && zeroKnown && zero != p.zero:
			return errors.New("the digits of a number picture must be of one script")
		case isDigit:
			p.zero, zeroKnown = zero, true
			p.mandatory++
			position++
		case chars[i] == '#':
			p.optional++
			position++
		default:
			p.separators = append(p.separators, separator{position: position, char: chars[i]})
		}
	}
	if p.mandatory == 0 {
		return errors.New("the number picture has no digit: use 0 for digits, or one of A a I i W w Ww")
	}
	p.regular = separatorDistance(p.separators)
	return nil
}

// separatorDistance returns the distance of separators that are all the same and evenly
// spread, otherwise 0.
func separatorDistance(separators []separator) int {
	distance := 0
	for _, s := range separators {
		if s.char != separators[0].char {
			return 0
		}
		distance = gcd(distance, s.position)
	}
	return distanceIfRegular(distance, len(separators), func(n int) bool {
		for _, s := range separators {
			if s.position == n {
				return true
			}
		}
		return false
	})
}

// distanceIfRegular returns the distance if there is a separator at each of the first n
// multiples of it, otherwise 0.
func distanceIfRegular(distance, n int, separates func(position int) bool) int {
	for i := 1; i <= n; i++ {
		if !separates(i * distance) {
			return 0
		}
	}
	return distance
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (p *integerPicture) format(f float64) (string, error) {
	text, err := p.formatPositive(math.Abs(f))
	if f < 0 {
		text = "-" + text
	}
	return text, err
}

func (p *integerPicture) formatPositive(f float64) (string, error) {
	switch p.style {
	case styleLetters:
		return formatLetters(f, map[bool]byte{true: 'A', false: 'a'}[p.letters == upperCase])
	case styleRoman:
		text, err := formatRoman(f)
		if p.letters == upperCase {
			text = strings.ToUpper(text)
		}
		return text, err
	case styleWords:
		text := formatWords(f, false, p.ordinal)
		switch p.letters {
		case upperCase:
			text = strings.ToUpper(text)
		case lowerCase:
			text = strings.ToLower(text)
		}
		return text, nil
	}
	return p.formatDecimal(f)
}

func (p *integerPicture) formatDecimal(f float64) (string, error) {
	if f >= 1e21 {
		return "", errors.New("the number is too large to be written with a picture")
	}
	var digits string
	if f < 1<<53 {
		digits = strconv.FormatInt(int64(f), 10)
	} else {
		digits = value.FormatFloat(f)
	}
	if n := p.mandatory - len(digits); n > 0 {
		if n > 10_000 {
			return "", value.ErrBytes
		}
		digits = strings.Repeat("0", n) + digits
	}
	for _, s := range p.separators {
		if p.regular == 0 && s.position >= len(digits) && s.position > 0 {
			return "", errors.New("the picture has irregular separators, and more of them than the number has digits: separate evenly, as in #,##0")
		}
	}
	if p.ordinal && p.separatorsAt(0) != "" {
		return "", errors.New("the picture has a separator between the digits and the ordinal suffix: remove it")
	}
	last := digits[max(0, len(digits)-2):]
	text := p.group(digits)
	if p.ordinal {
		text += ordinalSuffix(last)
	}
	return text, nil
}

// group inserts the separators and replaces the digits by those of the script.
func (p *integerPicture) group(digits string) string {
	if len(p.separators) == 0 && p.zero == '0' {
		return digits
	}
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 {
			b.WriteString(p.separatorsAt(len(digits) - i))
		}
		b.WriteRune(digit - '0' + p.zero)
	}
	if p.regular == 0 {
		b.WriteString(p.separatorsAt(0))
	}
	return b.String()
}

// separatorsAt returns the separators before the last n digits.
func (p *integerPicture) separatorsAt(n int) string {
	if p.regular > 0 {
		if n > 0 && n%p.regular == 0 {
			return string(p.separators[0].char)
		}
		return ""
	}
	text := ""
	for _, s := range p.separators {
		if s.position == n {
			text = string(s.char) + text
		}
	}
	return text
}

func ordinalSuffix(lastDigits string) string {
	if len(lastDigits) > 1 && lastDigits[0] == '1' {
		return "th"
	}
	switch lastDigits[len(lastDigits)-1] {
	case '1':
		return "st"
	case '2':
		return "nd"
	case '3':
		return "rd"
	}
	return "th"
}

var leadingInteger = lazyRegexp(`^\s*[-+]?[0-9]+`)

// parse reads a text by the picture. Of a decimal number it reads the digits up to the
// first other character.
func (p *integerPicture) parse(text string) (float64, error) {
	switch p.style {
	case styleLetters:
		return parseLetters(text, map[bool]byte{true: 'A', false: 'a'}[p.letters == upperCase])
	case styleRoman:
		if p.letters != upperCase {
			text = strings.ToUpper(text)
		}
		return parseRoman(text)
	case styleWords:
		return parseWords(strings.ToLower(text))
	}
	return p.parseDecimalText(text)
}

func (p *integerPicture) parseDecimalText(text string) (float64, error) {
	if p.ordinal {
		text = text[:max(0, len(text)-2)]
	}
	if p.regular > 0 {
		text = strings.ReplaceAll(text, ",", "")
	} else {
		for _, s := range p.separators {
			text = strings.ReplaceAll(text, string(s.char), "")
		}
	}
	if p.zero != '0' {
		text = strings.Map(func(r rune) rune { return r - p.zero + '0' }, text)
	}
	digits := strings.TrimSpace(leadingInteger().FindString(text))
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, errNotInteger
	}
	return f, nil
}

// pattern returns a regular expression for the texts that the picture can format.
func (p *integerPicture) pattern() string {
	switch p.style {
	case styleLetters:
		return "[a-z]+"
	case styleRoman:
		return "[mdclxvi]+"
	case styleWords:
		return wordPattern()
	}
	pattern := "[0-9]+"
	if p.parseWidth > 0 {
		pattern = "[0-9]{" + strconv.Itoa(min(p.parseWidth, 1000)) + "}"
	}
	if p.ordinal {
		pattern += "(?:th|st|nd|rd)"
	}
	return pattern
}
