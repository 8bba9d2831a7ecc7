package value

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// ToJSON returns the result of an expression as JSON. Unlike $string, it keeps all digits
// of numbers, and a function is an error.
func ToJSON(st *State, v any) ([]byte, error) {
	w := &writer{st: st, b: TextBuilder{State: st}, exact: true}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	if err := st.Allocate(w.b.Len()); err != nil {
		return nil, err
	}
	return []byte(w.b.String()), nil
}

// Stringify is $string for a value that is not undefined.
func Stringify(st *State, v any, pretty bool) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case float64:
		return formatRounded(v), st.Allocate(maxScalar)
	case Function:
		return "", nil
	case *Array:
		if v.Root {
			return Stringify(st, v.Items[0], pretty)
		}
	}
	w := &writer{st: st, b: TextBuilder{State: st}, pretty: pretty}
	err := w.value(v, 0)
	return w.b.String(), err
}

// writer writes JSON in the same form as JSON.stringify in JavaScript.
type writer struct {
	st     *State
	b      TextBuilder
	pretty bool
	exact  bool
}

// maxScalar is the largest size of a number in JSON.
const maxScalar = 32

func (w *writer) value(v any, level int) error {
	if err := w.b.take(maxScalar); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil, NullValue:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case string:
		return w.string(v)
	case float64:
		if w.exact {
			w.b.WriteString(FormatFloat(v))
		} else {
			w.b.WriteString(formatRounded(v))
		}
	case LargeInteger:
		return w.digits(v.digits)
	case *Array:
		return w.list(v, level)
	case *Object:
		return w.object(v, level)
	case Function:
		if w.exact {
			return errFunctionInResult
		}
		w.b.WriteString(`""`)
	default:
		return errors.New("the result contains something that is not JSON")
	}
	return nil
}

func (w *writer) digits(s string) error {
	if err := w.b.take(len(s)); err != nil {
		return err
	}
	w.b.WriteString(s)
	return nil
}

func (w *writer) list(list *Array, level int) error {
	if err := w.st.Descend(level, len(list.Items)); err != nil {
		return err
	}
	if err := w.brackets(len(list.Items), level); err != nil {
		return err
	}
	w.b.WriteByte('[')
	for i, item := range list.Items {
		w.separate(i, level+1)
		if err := w.value(item, level+1); err != nil {
			return err
		}
	}
	w.end(']', len(list.Items), level)
	return nil
}

func (w *writer) object(o *Object, level int) error {
	if err := w.st.Descend(level, o.Len()); err != nil {
		return err
	}
	if err := w.brackets(2*o.Len(), level); err != nil {
		return err
	}
	w.b.WriteByte('{')
	fields, err := o.Fields(w.st)
	if err != nil {
		return err
	}
	written := 0
	for _, f := range fields {
		if _, unlisted := f.Value.(Unlisted); unlisted && w.exact {
			continue
		}
		w.separate(written, level+1)
		written++
		if err := w.string(f.Key); err != nil {
			return err
		}
		w.b.WriteByte(':')
		if w.pretty {
			w.b.WriteByte(' ')
		}
		if err := w.value(f.Value, level+1); err != nil {
			return err
		}
	}
	w.end('}', written, level)
	return nil
}

// brackets charges for the characters around and between n elements.
func (w *writer) brackets(n, level int) error {
	each := 1
	if w.pretty {
		each += 2 + 2*(level+1)
	}
	return w.b.take((n + 2) * each)
}

// separate writes the comma and the white space before an element or a field.
func (w *writer) separate(i, level int) {
	if i > 0 {
		w.b.WriteByte(',')
	}
	w.newline(level)
}

func (w *writer) end(bracket byte, n, level int) {
	if n > 0 {
		w.newline(level)
	}
	w.b.WriteByte(bracket)
}

func (w *writer) newline(level int) {
	if w.pretty {
		w.b.WriteByte('\n')
		w.b.WriteString(spaces[:2*level])
	}
}

var spaces = strings.Repeat("  ", MaxNesting+1)

// string writes a string; < > & and U+2028 are not escaped.
func (w *writer) string(s string) error {
	if err := w.st.Spend(len(s) / 64); err != nil {
		return err
	}
	size := len(s) + 2
	for i := 0; i < len(s); i++ {
		if needsEscape(rune(s[i])) {
			size += 5
		}
	}
	if err := w.b.take(size); err != nil {
		return err
	}
	w.b.WriteByte('"')
	for {
		i := strings.IndexFunc(s, needsEscape)
		if i < 0 {
			break
		}
		w.b.WriteString(s[:i])
		w.escape(s[i])
		s = s[i+1:]
	}
	w.b.WriteString(s)
	w.b.WriteByte('"')
	return nil
}

func (w *writer) escape(c byte) {
	w.b.WriteByte('\\')
	switch c {
	case '"', '\\':
		w.b.WriteByte(c)
	case '\n':
		w.b.WriteByte('n')
	case '\r':
		w.b.WriteByte('r')
	case '\t':
		w.b.WriteByte('t')
	case '\b':
		w.b.WriteByte('b')
	case '\f':
		w.b.WriteByte('f')
	default:
		w.b.WriteString("u00")
		w.b.WriteByte("01"[c>>4])
		w.b.WriteByte("0123456789abcdef"[c&15])
	}
}

func needsEscape(r rune) bool { return r < 0x20 || r == '"' || r == '\\' }

// FormatFloat formats a number as JavaScript does: with the fewest digits that identify
// it, and an exponent from 1e21 up and below 1e-6.
func FormatFloat(f float64) string {
	if f == 0 {
		return "0"
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
}
