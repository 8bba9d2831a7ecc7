package picture

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"commerce-segment/shared/jsonata/value"
)

// integerPicture is how to write a whole number.
// Source: XPath and XQuery Functions 3.1, 4.6.1 fn:format-integer.
type integerPicture struct {
	style   integerStyle
	letters letterCase
	ordinal bool

	// Of a decimal picture:
	zero       rune // the digit zero of the script
	mandatory  int  // digits at least
	optional   int
	regular    int // the distance of the separators, 0 if they are irregular
	separators []separator
	parseWidth int // exactly as many digits, when a date is read; 0 for any
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

// separator is a grouping separator, so many digits from the right.
type separator struct {
	position int
	char     rune
}

// digitZeros are the zeros of the decimal digits in the scripts of Unicode's Basic
// Multilingual Plane that the reference knows.
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

func ParseIntegerPicture(picture string) (*integerPicture, error) {
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
	p.regular = regularDistance(p.separators)
	return nil
}

// regularDistance is the distance of separators that are all alike and evenly
// spread, else 0.
func regularDistance(separators []separator) int {
	distance := 0
	for _, s := range separators {
		if s.char != separators[0].char {
			return 0
		}
		distance = gcd(distance, s.position)
	}
	return evenly(distance, len(separators), func(n int) bool {
		for _, s := range separators {
			if s.position == n {
				return true
			}
		}
		return false
	})
}

// evenly gives the distance if there is a separator at each of the first n
// multiples of it, else 0.
func evenly(distance, n int, separates func(position int) bool) int {
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

func (p *integerPicture) Format(f float64) (string, error) {
	text, err := p.formatPositive(math.Abs(f))
	if f < 0 {
		text = "-" + text
	}
	return text, err
}

func (p *integerPicture) formatPositive(f float64) (string, error) {
	switch p.style {
	case styleLetters:
		return toLetters(f, map[bool]byte{true: 'A', false: 'a'}[p.letters == upperCase])
	case styleRoman:
		text, err := toRoman(f)
		if p.letters == upperCase {
			text = strings.ToUpper(text)
		}
		return text, err
	case styleWords:
		text := toWords(f, false, p.ordinal)
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
	digits := value.FormatFloat(f)
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

// group puts in the separators and the digits of the script.
func (p *integerPicture) group(digits string) string {
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

// separatorsAt gives the separators that stand before the last n digits.
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

// toLetters counts a, b, ... z, aa, ab, ...
func toLetters(f float64, first byte) (string, error) {
	if f >= 1<<53 {
		return "", errors.New("the number is too large to be written in letters")
	}
	text := ""
	for n := int64(f); n > 0; n = (n - 1) / 26 {
		text = string(first+byte((n-1)%26)) + text
	}
	return text, nil
}

var romanNumerals = []struct {
	value float64
	text  string
}{
	{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"},
	{10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"},
}

func toRoman(f float64) (string, error) {
	if f > 1_000_000 {
		return "", errors.New("the number is too large to be written in Roman numerals")
	}
	var b strings.Builder
	for _, numeral := range romanNumerals {
		for ; f >= numeral.value; f -= numeral.value {
			b.WriteString(numeral.text)
		}
	}
	return b.String(), nil
}

var (
	smallWords    = strings.Fields("Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen Sixteen Seventeen Eighteen Nineteen")
	smallOrdinals = strings.Fields("Zeroth First Second Third Fourth Fifth Sixth Seventh Eighth Ninth Tenth Eleventh Twelfth Thirteenth Fourteenth Fifteenth Sixteenth Seventeenth Eighteenth Nineteenth")
	tensWords     = strings.Fields("Twenty Thirty Forty Fifty Sixty Seventy Eighty Ninety")
	magnitudes    = strings.Fields("Thousand Million Billion Trillion")
)

// toWords writes a number in English. after says that it continues a number.
func toWords(f float64, after, ordinal bool) string {
	switch {
	case f < 100:
		return joined(after, " and ") + tensAndOnes(int(f), ordinal)
	case f < 1000:
		return joined(after, ", ") + smallWords[int(f)/100] + " Hundred" + remainderWords(math.Mod(f, 100), ordinal)
	}
	magnitude, factor := 0, 1000.0
	for magnitude < len(magnitudes)-1 && f >= factor*1000 {
		magnitude, factor = magnitude+1, factor*1000
	}
	count := math.Floor(f / factor)
	return joined(after, ", ") + toWords(count, false, false) + " " + magnitudes[magnitude] + remainderWords(f-count*factor, ordinal)
}

func joined(after bool, by string) string {
	if after {
		return by
	}
	return ""
}

func remainderWords(f float64, ordinal bool) string {
	switch {
	case f > 0:
		return toWords(f, true, ordinal)
	case ordinal:
		return "th"
	}
	return ""
}

func tensAndOnes(n int, ordinal bool) string {
	if n < 20 {
		if ordinal {
			return smallOrdinals[n]
		}
		return smallWords[n]
	}
	tens := tensWords[n/10-2]
	switch {
	case n%10 > 0:
		return tens + "-" + tensAndOnes(n%10, ordinal)
	case ordinal:
		return strings.TrimSuffix(tens, "y") + "ieth"
	}
	return tens
}

var wordValues = sync.OnceValue(func() map[string]float64 {
	values := map[string]float64{"hundred": 100, "hundredth": 100}
	for i, word := range smallWords {
		values[strings.ToLower(word)] = float64(i)
		values[strings.ToLower(smallOrdinals[i])] = float64(i)
	}
	for i, word := range tensWords {
		word = strings.ToLower(word)
		values[word] = float64(10 * (i + 2))
		values[strings.TrimSuffix(word, "y")+"ieth"] = float64(10 * (i + 2))
	}
	value := 1.0
	for _, word := range magnitudes {
		value *= 1000
		values[strings.ToLower(word)] = value
		values[strings.ToLower(word)+"th"] = value
	}
	return values
})

// wordPattern matches a number in words, the longer words first.
var wordPattern = sync.OnceValue(func() string {
	words := slices.Sorted(maps.Keys(wordValues()))
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	return "(?:" + strings.Join(words, "|") + "|and|[-, ])+"
})

var wordBreaks = lazily(`,\s|\sand\s|[\s\\-]`)

func fromWords(text string) (float64, error) {
	segments := []float64{0}
	for _, word := range wordBreaks().Split(text, -1) {
		value, ok := wordValues()[word]
		if !ok {
			return 0, ErrNotInteger
		}
		last := len(segments) - 1
		switch {
		case value >= 100:
			segments[last] *= value
		case segments[last] >= 1000:
			segments = append(segments, value)
		default:
			segments[last] += value
		}
	}
	return value.Total(segments), nil
}

var ErrNotInteger = errors.New("the text is not a whole number of the form that the picture says")

var romanValues = map[byte]float64{'M': 1000, 'D': 500, 'C': 100, 'L': 50, 'X': 10, 'V': 5, 'I': 1}

func fromRoman(text string) (float64, error) {
	sum, largest := 0.0, 1.0
	for i := len(text) - 1; i >= 0; i-- {
		value, ok := romanValues[text[i]]
		switch {
		case !ok:
			return 0, ErrNotInteger
		case value < largest:
			sum -= value
		default:
			largest = value
			sum += value
		}
	}
	return sum, nil
}

func fromLetters(text string, first byte) (float64, error) {
	n := 0.0
	for i := 0; i < len(text); i++ {
		if text[i] < first || text[i] >= first+26 {
			return 0, ErrNotInteger
		}
		n = n*26 + float64(text[i]-first+1)
	}
	return n, nil
}

var leadingInteger = lazily(`^\s*[-+]?[0-9]+`)

// Parse reads a text by the picture. Of a decimal number the digits before
// anything else count.
func (p *integerPicture) Parse(text string) (float64, error) {
	switch p.style {
	case styleLetters:
		return fromLetters(text, map[bool]byte{true: 'A', false: 'a'}[p.letters == upperCase])
	case styleRoman:
		if p.letters != upperCase {
			text = strings.ToUpper(text)
		}
		return fromRoman(text)
	case styleWords:
		return fromWords(strings.ToLower(text))
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
		return 0, ErrNotInteger
	}
	return f, nil
}

// pattern is a regular expression for the texts that a picture stands for.
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
