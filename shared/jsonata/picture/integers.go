package picture

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

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
	mandatory  int  // the smallest number of digits
	optional   int
	regular    int // the digits between two separators, 0 if the separators are irregular
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

// separator is a grouping separator. position is the number of digits to its right.
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

// FormatInteger formats a whole number by a picture.
func FormatInteger(st *value.State, f float64, picture string) (any, error) {
	p, err := integerPictureOf(st, picture)
	if err != nil {
		return nil, err
	}
	text, err := p.append(nil, f)
	if err != nil {
		return nil, err
	}
	return string(text), st.Allocate(8 * len(text)) // includes the parts of which the text is built: a few KB at most
}

// ParseInteger parses a whole number by a picture.
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

// separatorDistance returns the number of digits between two separators if all separators
// are the same character at regular distances, otherwise 0.
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

// append appends a number to a text.
func (p *integerPicture) append(text []byte, f float64) ([]byte, error) {
	if f < 0 {
		text, f = append(text, '-'), -f
	}
	if p.style == styleDecimal {
		return p.appendDecimal(text, f)
	}
	written, err := "", error(nil)
	switch p.style {
	case styleLetters:
		written, err = formatLetters(f)
	case styleRoman:
		written, err = formatRoman(f)
	case styleWords:
		written = string(appendWords(nil, f, false, p.ordinal))
	}
	return append(text, p.letters.apply(written)...), err
}

// apply returns a text, which is in title case if it has letters, in the given case.
func (c letterCase) apply(text string) string {
	switch c {
	case lowerCase:
		return strings.ToLower(text)
	case upperCase:
		return strings.ToUpper(text)
	}
	return text
}

func (p *integerPicture) appendDecimal(text []byte, f float64) ([]byte, error) {
	if f >= 1e21 {
		return nil, errors.New("the number is too large to be written with a picture")
	}
	var room, padded [32]byte
	number := strconv.AppendInt(room[:0], int64(f), 10)
	if f >= 1<<53 {
		number = append(room[:0], value.FormatFloat(f)...)
	}
	digits := padded[:0]
	for range p.mandatory - len(number) {
		digits = append(digits, '0')
	}
	digits = append(digits, number...)
	for _, s := range p.separators {
		if p.regular == 0 && s.position >= len(digits) && s.position > 0 {
			return nil, errors.New("the picture has irregular separators, and more of them than the number has digits: separate evenly, as in #,##0")
		}
	}
	if p.ordinal && p.separatorsAt(0) != "" {
		return nil, errors.New("the picture has a separator between the digits and the ordinal suffix: remove it")
	}
	text = p.group(text, digits)
	if p.ordinal {
		text = append(text, ordinalSuffix(digits)...)
	}
	return text, nil
}

// group appends digits, written in the script of the picture, with the separators.
func (p *integerPicture) group(text, digits []byte) []byte {
	if len(p.separators) == 0 && p.zero == '0' {
		return append(text, digits...)
	}
	for i, digit := range digits {
		if i > 0 {
			text = append(text, p.separatorsAt(len(digits)-i)...)
		}
		text = utf8.AppendRune(text, rune(digit)-'0'+p.zero)
	}
	if p.regular == 0 {
		text = append(text, p.separatorsAt(0)...)
	}
	return text
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

func ordinalSuffix(digits []byte) string {
	if n := len(digits); n > 1 && digits[n-2] == '1' {
		return "th"
	}
	switch digits[len(digits)-1] {
	case '1':
		return "st"
	case '2':
		return "nd"
	case '3':
		return "rd"
	}
	return "th"
}

// parse parses a text by the picture. A decimal number ends before the first character
// that is not a digit or a separator.
func (p *integerPicture) parse(text string) (float64, error) {
	switch p.style {
	case styleLetters:
		return parseLetters(text, p.letters.apply("a")[0])
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
	text = strings.TrimLeft(text, " \t\n\f\r")
	sign := value.BoolToInt(text != "" && (text[0] == '-' || text[0] == '+'))
	f, err := strconv.ParseFloat(text[:sign+leadingDigits(text[sign:])], 64)
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
