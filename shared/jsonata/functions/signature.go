package functions

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"commerce-segment/shared/jsonata/value"
)

// Signature has the types of the arguments of a function, such as <s-nn?:s>. The
// letters are those of the JSONata documentation: b boolean, n number, s string, l
// null, a array, o object, f function, j any JSON, x anything; (..) is a choice, <..>
// the type of the elements. With the suffix - the context replaces a missing argument,
// ? makes it optional, + allows several. The type of the result is ignored.
type Signature struct {
	params  []param
	pattern func() *regexp.Regexp // compiled when it is first used: most never are
}

type param struct {
	letter  byte   // a, f, ... or ( for a choice
	accepts string // the letters of the values that match, m being undefined
	element string // the type of the elements of an array
	suffix  byte   // -, ?, + or 0
}

const anyLetters = "asnblfom"

// ParseSignature parses a signature without its outer brackets.
func ParseSignature(text string) (*Signature, error) {
	s := &Signature{}
	pattern := strings.Builder{}
	for i := 0; i < len(text) && text[i] != ':'; {
		p, end, err := parseParam(text, i)
		if err != nil {
			return nil, err
		}
		s.params = append(s.params, p)
		fmt.Fprintf(&pattern, "([%s]%s)", p.accepts, p.quantifier())
		i = end
	}
	s.pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^" + pattern.String() + "$") })
	return s, nil
}

// MustParseSignature is ParseSignature for a signature that is known to be valid. It
// panics on an error.
func MustParseSignature(text string) *Signature {
	s, err := ParseSignature(text)
	if err != nil {
		panic(err)
	}
	return s
}

func (p param) quantifier() string {
	switch p.suffix {
	case 0:
		return ""
	case '-':
		return "?"
	}
	return string(p.suffix)
}

func parseParam(text string, i int) (p param, end int, err error) {
	p.letter = text[i]
	end = i + 1
	switch p.letter {
	case 's', 'n', 'b', 'l', 'o':
		p.accepts = string(p.letter) + "m"
	case 'a', 'x':
		p.accepts = anyLetters
	case 'j':
		p.accepts = "asnblom"
	case 'f':
		p.accepts = "f"
	case '(':
		closing := strings.IndexByte(text[i:], ')')
		choice := ""
		if closing > 0 {
			choice = text[i+1 : i+closing]
		}
		if choice == "" || strings.Trim(choice, "snbloafjx") != "" {
			return p, 0, errors.New("a choice in a signature must list simple types, as in <(sn)>")
		}
		p.accepts, end = choice+"m", i+closing+1
	default:
		return p, 0, fmt.Errorf("%q is not a type in a signature: use b n s l a o f j x, a choice (..), and the suffixes - ? +", p.letter)
	}
	return finishParam(text, p, end)
}

func finishParam(text string, p param, end int) (param, int, error) {
	for ; end < len(text); end++ {
		switch text[end] {
		case '-', '?', '+':
			if p.suffix != 0 {
				return p, 0, errors.New("a type in a signature can have only one of the suffixes - ? +")
			}
			p.suffix = text[end]
		case '<':
			closing := closingBracket(text, end)
			if p.letter != 'a' && p.letter != 'f' || closing <= end+1 {
				return p, 0, errors.New("only a and f in a signature can have a type in <..>, as in <a<n>>")
			}
			if p.letter == 'a' {
				p.element = text[end+1 : closing]
			}
			end = closing
		default:
			return p, end, nil
		}
	}
	return p, end, nil
}

func closingBracket(text string, open int) int {
	depth := 0
	for i := open; i < len(text); i++ {
		switch text[i] {
		case '<':
			depth++
		case '>':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// Apply checks the arguments of a call and returns them, completed from the context.
// name is the name of the function in errors.
func (s *Signature) Apply(st *value.State, name string, args []any, context any) ([]any, error) {
	if s.matchesDirectly(args) {
		return s.matchDirectly(st, name, args, context)
	}
	letters := make([]byte, len(args))
	for i, arg := range args {
		letters[i] = value.TypeLetter(arg)
	}
	match := s.pattern().FindSubmatch(letters)
	if match == nil {
		return nil, s.mismatch(name, args, letters)
	}
	return s.match(st, name, args, context, match)
}

// matchesDirectly reports whether each argument matches its parameter, and only optional
// arguments at the end are missing. This is the usual case.
func (s *Signature) matchesDirectly(args []any) bool {
	if len(args) > len(s.params) {
		return false
	}
	for i, p := range s.params {
		switch {
		case p.suffix == '+':
			return false
		case i >= len(args):
			if p.suffix == 0 {
				return false
			}
		case strings.IndexByte(p.accepts, value.TypeLetter(args[i])) < 0:
			return false
		}
	}
	return true
}

func (s *Signature) matchDirectly(st *value.State, name string, args []any, context any) ([]any, error) {
	for i, p := range s.params {
		if i >= len(args) {
			arg, err := p.missing(name, i, context)
			if err != nil {
				return nil, err
			}
			args = append(args, arg)
			continue
		}
		if p.letter != 'a' {
			continue
		}
		l := value.TypeLetter(args[i])
		arg, err := p.array(st, name, i, args[i], l, string(l))
		if err != nil {
			return nil, err
		}
		args[i] = arg
	}
	return args, nil
}

// missing returns the value that replaces the missing argument i.
func (p param) missing(name string, i int, context any) (any, error) {
	if p.suffix != '-' {
		return nil, nil
	}
	if strings.IndexByte(p.accepts, value.TypeLetter(context)) < 0 {
		return nil, fmt.Errorf("%s has no argument %d, and the context, %s, cannot stand in for it", name, i+1, value.Describe(context))
	}
	return context, nil
}

func (s *Signature) match(st *value.State, name string, args []any, context any, match [][]byte) ([]any, error) {
	var completed []any
	next := 0
	take := func() any {
		next++
		if next > len(args) {
			return nil
		}
		return args[next-1]
	}
	for i, p := range s.params {
		matched := match[i+1]
		if len(matched) == 0 && p.suffix == '-' {
			arg, err := p.missing(name, next, context)
			if err != nil {
				return nil, err
			}
			completed = append(completed, arg)
			continue
		}
		if len(matched) == 0 {
			completed = append(completed, take())
			continue
		}
		all := string(matched)
		for _, l := range matched {
			arg, err := p.array(st, name, next, take(), l, all)
			if err != nil {
				return nil, err
			}
			completed = append(completed, arg)
		}
	}
	return completed, nil
}

// array converts the argument of an array parameter to an array, and checks its elements. l
// is the letter that the parameter matched. It can differ from the letter of the argument if
// an optional parameter before it matched no argument. The reference implementation uses the
// letter.
func (p param) array(st *value.State, name string, i int, arg any, l byte, all string) (any, error) {
	if p.letter != 'a' {
		return arg, nil
	}
	if l == 'm' {
		return nil, nil
	}
	if list, ok := arg.(*value.Array); ok && p.element != "" {
		if err := st.Spend(len(list.Items) / 16); err != nil {
			return nil, err
		}
	}
	if p.element != "" && !p.fits(arg, l, all) {
		return nil, fmt.Errorf("argument %d of %s must be an array of %s, not %s", i+1, name, elementNames[p.element[0]], value.Describe(arg))
	}
	if l != 'a' {
		return value.NewList([]any{arg}), nil
	}
	return arg, nil
}

func (p param) fits(arg any, l byte, all string) bool {
	if l != 'a' {
		return all == p.element
	}
	list, ok := arg.(*value.Array)
	if !ok {
		return false
	}
	for _, item := range list.Items {
		if value.TypeLetter(item) != p.element[0] {
			return false
		}
	}
	return true
}

// acceptsExactly reports whether the parameter accepts a value without a conversion.
func (p param) acceptsExactly(arg any) bool {
	l := value.TypeLetter(arg)
	if p.letter == 'a' {
		return l == 'a' || l == 'm'
	}
	return l == 'm' || strings.IndexByte(p.accepts, l) >= 0
}

var elementNames = map[byte]string{
	'a': "arrays", 'b': "booleans", 'f': "functions", 'n': "numbers", 'o': "objects", 's': "strings",
	'l': "nulls", 'j': "JSON values", 'x': "values",
}

// mismatch returns an error about the first argument that does not match.
func (s *Signature) mismatch(name string, args []any, letters []byte) error {
	pattern, good := "^", 0
	for _, p := range s.params {
		pattern += "[" + p.accepts + "]" + p.quantifier()
		match := regexp.MustCompile(pattern).Find(letters)
		if match == nil {
			break
		}
		good = len(match)
	}
	if good >= len(args) {
		return fmt.Errorf("%s needs more than %d arguments", name, len(args))
	}
	return fmt.Errorf("argument %d of %s cannot be %s", good+1, name, value.Describe(args[good]))
}
