package picture

import (
	"errors"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"commerce-segment/shared/jsonata/value"
)

// formatLetters formats a number as a, b, ... z, aa, ab, ...
func formatLetters(f float64) (string, error) {
	if f >= 1<<53 {
		return "", errors.New("the number is too large to be written in letters")
	}
	text := ""
	for n := int64(f); n > 0; n = (n - 1) / 26 {
		text = string(rune('a'+(n-1)%26)) + text
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

func formatRoman(f float64) (string, error) {
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

// appendWords appends a number in English words. after means that the words continue those
// of a larger number.
func appendWords(text []byte, f float64, after, ordinal bool) []byte {
	switch {
	case f < 100:
		return append(joined(text, after, " and "), tensAndOnes(int(f), ordinal)...)
	case f < 1000:
		text = append(joined(text, after, ", "), smallWords[int(f)/100]+" Hundred"...)
		return appendRemainder(text, math.Mod(f, 100), ordinal)
	}
	magnitude, factor := 0, 1000.0
	for magnitude < len(magnitudes)-1 && f >= factor*1000 {
		magnitude, factor = magnitude+1, factor*1000
	}
	count := math.Floor(f / factor)
	text = appendWords(joined(text, after, ", "), count, false, false)
	text = append(text, " "+magnitudes[magnitude]...)
	return appendRemainder(text, f-count*factor, ordinal)
}

func joined(text []byte, after bool, by string) []byte {
	if after {
		return append(text, by...)
	}
	return text
}

func appendRemainder(text []byte, f float64, ordinal bool) []byte {
	switch {
	case f > 0:
		return appendWords(text, f, true, ordinal)
	case ordinal:
		return append(text, "th"...)
	}
	return text
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

// wordPattern returns a regular expression for a number in words. It has the longer words
// first, so that a word is not taken for the beginning of a longer one.
var wordPattern = sync.OnceValue(func() string {
	words := slices.Sorted(maps.Keys(wordValues()))
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	return "(?:" + strings.Join(words, "|") + "|and|[-, ])+"
})

// wordBreaks is compiled at its first use, so that it does not slow the start of a Lambda
// function.
var wordBreaks = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`,\s|\sand\s|[\s\\-]`) })

func parseWords(text string) (float64, error) {
	segments := []float64{0}
	for _, word := range wordBreaks().Split(text, -1) {
		value, ok := wordValues()[word]
		if !ok {
			return 0, errNotInteger
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
	return value.Sum(segments), nil
}

var errNotInteger = errors.New("the text is not a whole number of the form that the picture says")

var romanValues = map[byte]float64{'M': 1000, 'D': 500, 'C': 100, 'L': 50, 'X': 10, 'V': 5, 'I': 1}

func parseRoman(text string) (float64, error) {
	sum, largest := 0.0, 1.0
	for i := len(text) - 1; i >= 0; i-- {
		value, ok := romanValues[text[i]]
		switch {
		case !ok:
			return 0, errNotInteger
		case value < largest:
			sum -= value
		default:
			largest = value
			sum += value
		}
	}
	return sum, nil
}

func parseLetters(text string, first byte) (float64, error) {
	n := 0.0
	for i := 0; i < len(text); i++ {
		if text[i] < first || text[i] >= first+26 {
			return 0, errNotInteger
		}
		n = n*26 + float64(text[i]-first+1)
	}
	return n, nil
}
