package picture

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/jsonata/value"
)

// datePart is a part of a date picture: a literal, or a component such as [Y0001].
// Source: XPath and XQuery Functions 3.1, 9.8.4 (the picture string), with two
// additions of the reference implementation: X and x, the year and the month to which
// the ISO week in W or w belongs.
type datePart struct {
	literal   string
	component byte // 0 for a literal
	names     bool // written as a name: January, Monday, am
	letters   letterCase
	maxNames  int // the largest number of letters of a name, 0 for all
	integer   *integerPicture
	yearWidth int  // the largest number of digits of the year, 0 for all
	zulu      bool // Z instead of +00:00
}

// defaultPresentation is the presentation of a component whose marker has none.
var defaultPresentation = map[byte]string{
	'Y': "1", 'M': "1", 'D': "1", 'd': "1", 'F': "n", 'W': "1", 'w': "1", 'X': "1", 'x': "1", 'H': "1", 'h': "1",
	'P': "n", 'm': "01", 's': "01", 'f': "1", 'Z': "01:01", 'z': "01:01", 'C': "n", 'E': "n",
}

const isoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

func parseDatePicture(picture string) ([]*datePart, error) {
	var parts []*datePart
	for picture != "" {
		open := strings.IndexByte(picture, '[')
		if open < 0 {
			return append(parts, literalPart(picture)), nil
		}
		if open > 0 {
			parts = append(parts, literalPart(picture[:open]))
		}
		picture = picture[open:]
		if strings.HasPrefix(picture, "[[") {
			parts = append(parts, &datePart{literal: "["})
			picture = picture[2:]
			continue
		}
		closing := strings.IndexByte(picture, ']')
		if closing < 0 {
			return nil, errors.New("a [ in the date picture is not closed with ]; for a [ itself write [[")
		}
		part, err := parseDatePart(picture[1:closing])
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 && part.isNumber() && parts[len(parts)-1].integer != nil {
			previous := parts[len(parts)-1].integer
			previous.parseWidth = previous.mandatory
		}
		parts = append(parts, part)
		picture = picture[closing+1:]
	}
	return parts, nil
}

func literalPart(s string) *datePart {
	return &datePart{literal: strings.ReplaceAll(s, "]]", "]")}
}

// isNumber reports whether the component is written as a whole number.
func (p *datePart) isNumber() bool {
	return p.integer != nil && p.component != 'Z' && p.component != 'z'
}

func parseDatePart(marker string) (*datePart, error) {
	marker = strings.Join(strings.Fields(marker), "")
	if marker == "" {
		return nil, errors.New("[] in the date picture names no component, such as [Y]")
	}
	p := &datePart{component: marker[0]}
	presentation, ok := defaultPresentation[p.component]
	if !ok {
		return nil, errors.New("[…] in the date picture is not a component: use one of Y M D d F W w X x H h P m s f Z z C E")
	}
	modifiers, widths, hasWidth := cutLast(marker[1:], ',')
	suffix := byte(0)
	if last := len(modifiers) - 1; last > 0 && strings.IndexByte("atco", modifiers[last]) >= 0 {
		suffix, modifiers = modifiers[last], modifiers[:last]
	}
	if modifiers != "" {
		presentation = modifiers
	}
	p.zulu = suffix == 't'
	minWidth, maxWidth, err := parseWidths(widths, hasWidth)
	if err != nil {
		return nil, err
	}
	return p, p.present(presentation, suffix, minWidth, maxWidth)
}

func cutLast(s string, separator byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, separator); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// parseWidths parses the width modifier min-max. It returns 0 for *, and for a width that
// is missing.
func parseWidths(s string, given bool) (least, most int, err error) {
	if !given {
		return 0, 0, nil
	}
	a, b, _ := strings.Cut(s, "-")
	for i, text := range []string{a, b} {
		if text == "" || text == "*" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return 0, 0, errors.New("a width in the date picture is not a number from 1 to 100")
		}
		if i == 0 {
			least = n
		} else {
			most = n
		}
	}
	return least, most, nil
}

// present parses the presentation of the component.
func (p *datePart) present(presentation string, suffix byte, least, most int) error {
	zone := p.component == 'Z' || p.component == 'z'
	if presentation[0] == 'n' || presentation[0] == 'N' {
		return p.presentNames(presentation, most)
	}
	if !zone && strings.IndexByte("YMDdFWwXxHhmsf", p.component) < 0 {
		if strings.IndexByte("PCE", p.component) >= 0 {
			return nil // these have only one presentation
		}
		return fmt.Errorf("[%c] in the date picture can only be written as a name: use [%cn]", p.component, p.component)
	}
	if suffix != 0 && !zone {
		presentation += ";" + string(suffix)
	}
	var err error
	if p.integer, err = parseIntegerPicture(presentation); err != nil || zone {
		return err
	}
	if p.integer.style == styleDecimal {
		p.integer.mandatory = max(p.integer.mandatory, least)
	}
	if p.component == 'Y' {
		p.presentYear(most)
	}
	return nil
}

func (p *datePart) presentNames(presentation string, most int) error {
	p.names, p.maxNames = true, most
	switch {
	case presentation[0] == 'n':
		p.letters = lowerCase
	case strings.HasPrefix(presentation, "Nn"):
		p.letters = titleCase
	default:
		p.letters = upperCase
	}
	if strings.IndexByte("MxFPCEZz", p.component) < 0 || p.component == 'Z' || p.component == 'z' {
		return fmt.Errorf("[%c] in the date picture has no name: only months [MNn] and days [FNn] have", p.component)
	}
	return nil
}

func (p *datePart) presentYear(most int) {
	if p.integer.style != styleDecimal {
		p.yearWidth = most
		return
	}
	if most > 0 {
		p.yearWidth, p.integer.mandatory = most, most
	} else if width := p.integer.mandatory + p.integer.optional; width >= 2 {
		p.yearWidth = width
	}
}

var (
	dayNames   = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
	monthNames = strings.Fields("January February March April May June July August September October November December")
)

// maxMillis is how far a time may be from 1970, in milliseconds, as in JavaScript.
const maxMillis = 8.64e15

// FormatTime formats a time by a picture. picture and zone are strings or undefined.
func FormatTime(st *value.State, millis float64, picture, zone any) (any, error) {
	source, ok := picture.(string)
	if !ok {
		source = isoPicture
	}
	if err := charge(st, source); err != nil {
		return nil, err
	}
	offset, err := parseZone(zone)
	if err != nil {
		return nil, err
	}
	parts, err := parsedOnce(st, source, source, func() ([]*datePart, error) { return parseDatePicture(source) })
	if err != nil {
		return nil, err
	}
	local := math.Trunc(millis + float64(offset)*60_000)
	if math.Abs(local) > maxMillis || math.IsNaN(local) {
		return nil, errors.New("the time is out of range: it must be milliseconds since 1970")
	}
	t := time.UnixMilli(int64(local)).UTC()
	text := make([]byte, 0, 64)
	for _, p := range parts {
		if text, err = p.append(text, t, offset); err != nil {
			return nil, withPicture(st, source, err)
		}
	}
	return string(text), st.Allocate(len(text)) // the size of a picture limits the size of its results
}

// parseZone returns the offset +hhmm in minutes. Negative offsets that are not whole hours
// are an error, because the reference implementation is wrong for them.
func parseZone(zone any) (int, error) {
	s, ok := zone.(string)
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(s[:min(len(s), 10)])
	digits := len(strings.TrimLeft(s, "+-"))
	if err != nil || len(s) > 10 || n != 0 && digits != 3 && digits != 4 {
		return 0, errors.New("the time zone must have the form +hhmm, such as \"+0100\"")
	}
	if n < 0 && n%100 != 0 {
		return 0, errors.New("negative time zones that are not whole hours are not supported: subtract the minutes from the time")
	}
	return n/100*60 + n%100, nil
}

// append formats one part of a time and appends it to a text.
func (p *datePart) append(text []byte, t time.Time, offset int) ([]byte, error) {
	switch p.component {
	case 0:
		return append(text, p.literal...), nil
	case 'C', 'E':
		return append(text, "ISO"...), nil
	case 'P':
		return append(text, p.dayHalf(t)...), nil
	case 'Z', 'z':
		return p.appendZone(text, offset)
	case 'X', 'x', 'W', 'w':
		if t.Year() >= 0 && t.Year() < 100 {
			return nil, errors.New("weeks before the year 100 are not supported")
		}
	}
	value := component(t, p.component)
	if p.names {
		return append(text, p.name(value)...), nil
	}
	if p.component == 'Y' && p.yearWidth > 0 {
		value %= int(math.Pow10(min(p.yearWidth, 9)))
	}
	return p.integer.append(text, float64(value))
}

func (p *datePart) dayHalf(t time.Time) string {
	half := "am"
	if t.Hour() >= 12 {
		half = "pm"
	}
	if p.names && p.letters == upperCase {
		return strings.ToUpper(half)
	}
	return half
}

// name returns the name of a month or a day.
func (p *datePart) name(value int) string {
	names := monthNames
	if p.component == 'F' {
		names = dayNames
	}
	return p.letters.apply(p.shortened(names[value-1]))
}

// shortened returns a name, shortened to the largest width of the component.
func (p *datePart) shortened(name string) string {
	if p.maxNames > 0 && len(name) > p.maxNames {
		return name[:p.maxNames]
	}
	return name
}

func (p *datePart) appendZone(text []byte, offset int) ([]byte, error) {
	if p.integer.style != styleDecimal {
		return nil, errors.New("a time zone in the date picture must be written in digits, as in [Z01:01]")
	}
	if p.integer.regular == 0 && p.integer.mandatory > 4 {
		return nil, errors.New("a time zone in the date picture cannot have more than four digits")
	}
	if p.component == 'z' && (offset != 0 || !p.zulu) {
		text = append(text, "GMT"...)
	}
	if offset == 0 && p.zulu {
		return append(text, 'Z'), nil
	}
	if offset >= 0 {
		text = append(text, '+')
	}
	hours, minutes := offset/60, offset%60
	if p.integer.regular > 0 || p.integer.mandatory > 2 {
		return p.integer.append(text, float64(hours*100+minutes))
	}
	text, err := p.integer.append(text, float64(hours))
	if minutes != 0 {
		text = fmt.Appendf(text, ":%02d", minutes)
	}
	return text, err
}

// component returns the value of a component that is a number.
func component(t time.Time, c byte) int {
	switch c {
	case 'Y':
		return t.Year()
	case 'M':
		return int(t.Month())
	case 'D':
		return t.Day()
	case 'd':
		return t.YearDay()
	case 'F':
		return (int(t.Weekday())+6)%7 + 1
	case 'W':
		_, week := t.ISOWeek()
		return week
	case 'X':
		year, _ := t.ISOWeek()
		return year
	case 'w':
		_, week := weekOfMonth(t)
		return week
	case 'x':
		month, _ := weekOfMonth(t)
		return int(month)
	case 'H':
		return t.Hour()
	case 'h':
		return (t.Hour()+11)%12 + 1
	case 'm':
		return t.Minute()
	case 's':
		return t.Second()
	}
	return t.Nanosecond() / int(time.Millisecond)
}

// weekOfMonth returns the number of the week in its month. It follows the rule of ISO 8601
// for the weeks of a year: a week belongs to the month of its Thursday.
func weekOfMonth(t time.Time) (time.Month, int) {
	thursday := t.AddDate(0, 0, 4-component(t, 'F'))
	return thursday.Month(), (thursday.Day()-1)/7 + 1
}
