package picture

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/jsonata/value"
)

// dateReader parses times by a picture.
type dateReader struct {
	parts   []*datePart
	pattern *regexp.Regexp // has a group for each part
	size    int            // of the source of the pattern
}

func newDateReader(st *value.State, picture string) (*dateReader, error) {
	parts, err := parseDatePicture(picture)
	if err != nil {
		return nil, err
	}
	pattern := "(?i)^"
	for _, p := range parts {
		pattern += "(" + p.pattern() + ")"
	}
	// For each byte of the pattern, its compilation takes about 300 ns and 100 bytes.
	if err := st.Spend(3 * len(pattern)); err != nil {
		return nil, err
	}
	if err := st.Allocate(100 * len(pattern)); err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(pattern + "$")
	if err != nil {
		return nil, errors.New("the date picture is too long")
	}
	return &dateReader{parts, compiled, len(pattern)}, nil
}

// ParseTime parses a time by a picture and returns its milliseconds since 1970. The result
// is undefined for a text that does not match the picture.
func ParseTime(st *value.State, text, picture string) (any, error) {
	if err := charge(st, picture); err != nil {
		return nil, err
	}
	r, err := parsedOnce(st, picture, picture, func() (*dateReader, error) { return newDateReader(st, picture) })
	if err != nil || len(text) > maxText {
		return nil, err
	}
	// A longer pattern has more threads, and each thread copies the offsets of the parts.
	if err := st.Spend(r.size * (1 + len(text)) * len(r.parts) / 256); err != nil {
		return nil, err
	}
	m := r.pattern.FindStringSubmatch(text)
	if m == nil {
		return nil, nil
	}
	var found dateComponents
	some := false
	for i, p := range r.parts {
		if p.component == 0 {
			continue
		}
		n, known, err := p.value(m[i+1])
		if err != nil {
			return nil, withPicture(st, picture, err)
		}
		some = true
		found.set(p.component, n, known)
	}
	if !some {
		return nil, nil
	}
	return found.millis(st.Now())
}

// pattern returns a regular expression for the texts that the part can format.
func (p *datePart) pattern() string {
	switch {
	case p.component == 0:
		return regexp.QuoteMeta(p.literal)
	case p.component == 'Z' || p.component == 'z':
		pattern := "[-+][0-9]+"
		if p.integer.regular > 0 {
			pattern += regexp.QuoteMeta(string(p.integer.separators[0].char)) + "[0-9]+"
		}
		if p.component == 'z' {
			return "GMT" + pattern
		}
		return pattern
	case p.component == 'f':
		return "[0-9]+"
	case p.integer != nil:
		return p.integer.pattern()
	}
	return "[a-zA-Z]+"
}

// dateComponents maps the letters of the components that were read to their values. An
// unknown name has the value 0, as if the text did not have it.
type dateComponents struct {
	values         ['z' - 'A' + 1]float64
	known, nonZero letters
}

// letters is a set of components.
type letters uint64

func lettersOf(list string) (set letters) {
	for i := range len(list) {
		set |= 1 << (list[i] - 'A')
	}
	return set
}

// set sets a component. The text may already have had the same component.
func (c *dateComponents) set(letter byte, n float64, known bool) {
	one := letters(1) << (letter - 'A')
	c.known, c.nonZero = c.known&^one, c.nonZero&^one
	if c.values[letter-'A'] = n; known {
		c.known |= one
	}
	if n != 0 {
		c.nonZero |= one
	}
}

func (c *dateComponents) has(letter byte) bool { return c.known>>(letter-'A')&1 != 0 }

func (c *dateComponents) get(letter byte) float64 { return c.values[letter-'A'] }

func (p *datePart) value(text string) (n float64, known bool, err error) {
	switch {
	case p.component == 'Z' || p.component == 'z':
		n, err = p.parseZone(strings.TrimLeft(text, "GMTgmt"))
		return n, true, err
	case p.component == 'f':
		fraction, err := strconv.ParseFloat("0."+text[:min(3, len(text))], 64)
		return fraction * 1000, true, err
	case p.integer != nil:
		n, err = p.integer.parse(text)
		return n, true, err
	case p.component == 'P':
		return float64(value.BoolToInt(strings.EqualFold(text, "pm"))), isDayHalf(text), nil
	}
	return p.parseName(text)
}

func isDayHalf(text string) bool {
	return text == "am" || text == "AM" || text == "pm" || text == "PM"
}

func (p *datePart) parseName(text string) (float64, bool, error) {
	names := monthNames
	switch p.component {
	case 'F':
		names = dayNames
	case 'M', 'x':
	default:
		return 0, false, fmt.Errorf("[%c] in the date picture cannot be read as a name", p.component)
	}
	for i, name := range names {
		if p.shortened(name) == text {
			return float64(i + 1), true, nil
		}
	}
	return 0, false, nil
}

// parseZone parses a time zone and returns its offset from UTC in minutes.
func (p *datePart) parseZone(text string) (float64, error) {
	hours, minutes := text, "0"
	if p.integer.regular > 0 {
		hours, minutes, _ = strings.Cut(text, string(p.integer.separators[0].char))
	} else if len(text) > 3 {
		hours, minutes = text[:3], text[3:]
	}
	h, err := strconv.ParseFloat(hours, 64)
	if err != nil {
		return 0, errZone
	}
	m, err := strconv.ParseFloat(minutes, 64)
	if err != nil {
		return 0, errZone
	}
	if text[0] == '-' && m != 0 {
		return 0, errors.New("negative time zones that are not whole hours are not supported")
	}
	return h*60 + m, nil
}

var errZone = errors.New("the text has no time zone of the form that the date picture says")

var errIncomplete = errors.New("the date picture leaves out components between others, or uses weeks: a date needs [Y] [M] [D] or [Y] [d], a time [H] [m] [s] or [P] [h] [m] [s]")

// The sets of components that millis supports.
var (
	dateLetters, timeLetters  = lettersOf("YXMxWwdD"), lettersOf("PHhmsf")
	monthDate, dayDate        = lettersOf("YMD"), lettersOf("Yd")
	weekOfMonthDate, weekDate = lettersOf("XxwF"), lettersOf("XWF")
	wholeDayTime, halfDayTime = lettersOf("Hmsf"), lettersOf("Phmsf")
)

// only reports whether at least one of the components in all was read, and whether all of
// those that were read are in set. It ignores a component with the value 0, as the
// reference implementation does.
func (c *dateComponents) only(all, set letters) bool {
	read := c.nonZero & all
	return read != 0 && read&^set == 0
}

// millis returns the time of the components. For a missing component that is larger than
// those that were read it takes the value of now, for a smaller one the lowest possible.
func (c *dateComponents) millis(now time.Time) (any, error) {
	if c.only(dateLetters, weekOfMonthDate) || c.only(dateLetters, weekDate) {
		return nil, errIncomplete
	}
	date, day := "YMD", "Hmsf"
	byDay := !c.only(dateLetters, monthDate) && c.only(dateLetters, dayDate)
	if byDay {
		date = "YD"
	}
	half := !c.only(timeLetters, wholeDayTime) && c.only(timeLetters, halfDayTime)
	if half {
		day = "Phmsf"
	}
	if err := c.complete(date+day, now.UTC()); err != nil {
		return nil, err
	}
	return c.time(byDay, half)
}

// complete sets the components that were not read. order lists all that are needed, from
// the largest to the smallest.
func (c *dateComponents) complete(order string, now time.Time) error {
	started, ended := false, false
	for i := range len(order) {
		part, n := order[i], 0.0
		switch {
		case c.has(part) && ended:
			return errIncomplete
		case c.has(part):
			started = true
			continue
		case started:
			ended = true
			n = float64(value.BoolToInt(part == 'M' || part == 'D'))
		case part != 'P':
			n = float64(component(now, part))
		}
		c.set(part, n, true)
	}
	return nil
}

func (c *dateComponents) time(byDay, half bool) (any, error) {
	year, month, day := c.get('Y'), math.Max(c.get('M'), 1), c.get('D')
	if byDay {
		month, day = 1, c.get('d')
	}
	hour := c.get('H')
	if half {
		hour = c.get('h')
		if hour == 12 {
			hour = 0
		}
		hour += 12 * c.get('P')
	}
	if year >= 0 && year <= 99 {
		year += 1900 // as Date.UTC does in JavaScript
	}
	for _, f := range []float64{year, month, day, hour, c.get('m'), c.get('s')} {
		if math.Abs(f) > 1e6 {
			return nil, errors.New("the time is out of range")
		}
	}
	if byDay && day > float64(time.Date(int(year), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()) {
		return nil, errors.New("the day lies beyond the end of the year")
	}
	t := time.Date(int(year), time.Month(int(month)), int(day), int(hour), int(c.get('m')), int(c.get('s')), 0, time.UTC)
	zone := c.get('Z')
	if zone == 0 {
		zone = c.get('z')
	}
	millis := float64(t.UnixMilli()) + math.Trunc(c.get('f')) - zone*60_000
	if math.Abs(millis) > maxMillis {
		return nil, errors.New("the time is out of range")
	}
	return millis, nil
}
