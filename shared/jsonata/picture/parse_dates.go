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
	// A byte of the pattern takes some 300 ns to compile, and 100 bytes.
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

// ParseTime returns the milliseconds since 1970 of a time by a picture. They are
// undefined for a text that does not match the picture.
func ParseTime(st *value.State, text, picture string) (any, error) {
	if err := charge(st, picture); err != nil {
		return nil, err
	}
	r, err := parsedOnce(st, picture, picture, func() (*dateReader, error) { return newDateReader(st, picture) })
	if err != nil || len(text) > maxText {
		return nil, err
	}
	// The threads of the match grow with the pattern, and each copies the places of the parts.
	if err := st.Spend(r.size * (1 + len(text)) * len(r.parts) / 256); err != nil {
		return nil, err
	}
	m := r.pattern.FindStringSubmatch(text)
	if m == nil {
		return nil, nil
	}
	found := dateComponents{}
	for i, p := range r.parts {
		if p.component == 0 {
			continue
		}
		if err := p.parse(m[i+1], found); err != nil {
			return nil, withPicture(st, picture, err)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found.millis(st.Now)
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

// dateComponents are the values of the components that were read. A name that is not
// known has the value nil, as if it was not read.
type dateComponents map[byte]*float64

func (p *datePart) parse(text string, found dateComponents) error {
	n, known, err := p.value(text)
	if err != nil {
		return err
	}
	found[p.component] = nil
	if known {
		found[p.component] = &n
	}
	return nil
}

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
		if p.maxNames > 0 && len(name) > p.maxNames {
			name = name[:p.maxNames]
		}
		if name == text {
			return float64(i + 1), true, nil
		}
	}
	return 0, false, nil
}

// parseZone reads an offset, in minutes.
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

// has reports whether at least one of the components in all was read, and each of those
// that were read is in set. A component with the value 0 is ignored, as in the reference
// implementation.
func (c dateComponents) has(all, set string) bool {
	some := false
	for i := 0; i < len(all); i++ {
		v := c[all[i]]
		if v == nil || *v == 0 {
			continue
		}
		if strings.IndexByte(set, all[i]) < 0 {
			return false
		}
		some = true
	}
	return some
}

// millis returns the time of the components. Components larger than those that were
// read are those of now, smaller ones are the least possible.
func (c dateComponents) millis(now time.Time) (any, error) {
	const dates, times = "YXMxWwdD", "PHhmsf"
	byDay := !c.has(dates, "YMD") && c.has(dates, "Yd")
	if c.has(dates, "XxwF") || c.has(dates, "XWF") {
		return nil, errIncomplete
	}
	half := !c.has(times, "Hmsf") && c.has(times, "Phmsf")
	order := "YMD"
	if byDay {
		order = "YD"
	}
	if half {
		order += "Phmsf"
	} else {
		order += "Hmsf"
	}
	if err := c.complete(order, now.UTC()); err != nil {
		return nil, err
	}
	return c.time(byDay, half)
}

func (c dateComponents) complete(order string, now time.Time) error {
	started, ended := false, false
	for i := 0; i < len(order); i++ {
		part := order[i]
		if c[part] != nil {
			if ended {
				return errIncomplete
			}
			started = true
			continue
		}
		n := 0.0
		switch {
		case !started && part == 'P':
		case !started:
			n = float64(component(now, part))
		default:
			ended = true
			n = float64(value.BoolToInt(part == 'M' || part == 'D'))
		}
		c[part] = &n
	}
	return nil
}

func (c dateComponents) time(byDay, half bool) (any, error) {
	get := func(part byte) float64 {
		if v := c[part]; v != nil {
			return *v
		}
		return 0
	}
	year, month, day := get('Y'), math.Max(get('M'), 1), get('D')
	if byDay {
		month, day = 1, get('d')
	}
	hour := get('H')
	if half {
		hour = math.Mod(get('h'), 12)
		if get('h') != 12 {
			hour = get('h')
		}
		hour += 12 * get('P')
	}
	if year >= 0 && year <= 99 {
		year += 1900 // as JavaScript's Date.UTC
	}
	for _, f := range []float64{year, month, day, hour, get('m'), get('s')} {
		if math.Abs(f) > 1e6 {
			return nil, errors.New("the time is out of range")
		}
	}
	if byDay && day > float64(time.Date(int(year), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()) {
		return nil, errors.New("the day lies beyond the end of the year")
	}
	t := time.Date(int(year), time.Month(int(month)), int(day), int(hour), int(get('m')), int(get('s')), 0, time.UTC)
	zone := get('Z')
	if zone == 0 {
		zone = get('z')
	}
	millis := float64(t.UnixMilli()) + math.Trunc(get('f')) - zone*60_000
	if math.Abs(millis) > maxMillis {
		return nil, errors.New("the time is out of range")
	}
	return millis, nil
}
