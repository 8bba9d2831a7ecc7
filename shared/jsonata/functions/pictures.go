package functions

import (
	"errors"
	"math"

	"commerce-segment/shared/jsonata/picture"
	"commerce-segment/shared/jsonata/value"
)

func formatIntegerFunction(st *value.State, args []any) (any, error) {
	f, _ := value.Number(args[0])
	source, ok := args[1].(string)
	if !ok {
		return nil, errors.New("$formatInteger needs a picture, such as \"0\" or \"w\"")
	}
	if err := picture.PayForPicture(st, source); err != nil {
		return nil, err
	}
	p, err := picture.ParseIntegerPicture(source)
	if err != nil {
		return nil, picture.InPicture(st, source, err)
	}
	return textResult(p.Format(math.Floor(f)))
}

// textResult keeps a failed conversion from counting as an empty text.
func textResult(s string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func parseIntegerFunction(st *value.State, args []any) (any, error) {
	text := args[0].(string)
	source, ok := args[1].(string)
	if !ok {
		return nil, errors.New("$parseInteger needs a picture, such as \"0\" or \"w\"")
	}
	if err := picture.PayForPicture(st, source); err != nil {
		return nil, err
	}
	if err := st.Spend(min(len(text), maxDigits)); err != nil {
		return nil, err
	}
	if len(text) > maxDigits {
		return nil, picture.ErrNotInteger
	}
	p, err := picture.ParseIntegerPicture(source)
	if err != nil {
		return nil, picture.InPicture(st, source, err)
	}
	f, err := p.Parse(text)
	if err != nil {
		return nil, err
	}
	return value.Finite(f, "$parseInteger")
}

func formatPicture(st *value.State, args []any) (any, error) {
	n, _ := value.Number(args[0])
	source, ok := args[1].(string)
	if !ok {
		return nil, errors.New("$formatNumber needs a picture, such as \"#,##0.00\"")
	}
	if err := picture.PayForPicture(st, source); err != nil {
		return nil, err
	}
	f, err := picture.NewNumberFormat(st, args[2])
	if err != nil {
		return nil, err
	}
	p, minus, err := f.Choose(source, n < 0)
	if err != nil {
		return nil, picture.InPicture(st, source, err)
	}
	text, err := f.Format(p, n)
	if err != nil {
		return nil, err
	}
	return minus + p.Prefix + text + p.Suffix, nil
}
