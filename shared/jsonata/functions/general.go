package functions

import (
	"errors"

	"commerce-segment/shared/jsonata/value"
)

func (l Library) addGeneral() {
	l.defineStrict("boolean", "x-:b", 1, func(st *value.State, args []any) (any, error) { return value.ToBoolean(st, args[0]) })
	l.defineStrict("not", "x-:b", 1, func(st *value.State, args []any) (any, error) {
		yes, err := value.ToBoolean(st, args[0])
		return !yes, err
	})
	l.Define("exists", "x:b", 1, func(_ *value.State, args []any) (any, error) { return args[0] != nil, nil })
	l.defineStrict("type", "x:s", 1, func(_ *value.State, args []any) (any, error) { return value.TypeName(args[0]), nil })
	l.Define("error", "s?:x", 1, func(st *value.State, args []any) (any, error) {
		return nil, raised(st, "$error", args[0])
	})
	l.Define("assert", "bs?:x", 2, func(st *value.State, args []any) (any, error) {
		if args[0] == true {
			return nil, nil
		}
		return nil, raised(st, "$assert", args[1])
	})
}

// RaisedError is the error of $error or $assert. Its message has no personal data.
type RaisedError struct {
	message string
	Text    string // the message that the expression gave, possibly with personal data
}

// Error returns a message that is safe to log.
func (e *RaisedError) Error() string { return e.message }

func raised(st *value.State, name string, v any) error {
	text, _ := v.(string)
	switch {
	case text == "" && name == "$error":
		return errors.New("$error() function evaluated")
	case text == "":
		return errors.New("$assert() statement failed")
	case st.IsLiteral(text):
		return &RaisedError{message: text, Text: text}
	}
	return &RaisedError{Text: text,
		message: name + " was called (its message is made at run time and may hold personal data: not shown)"}
}
