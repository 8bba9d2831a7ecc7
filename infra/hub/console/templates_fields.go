package console

import (
	"net/url"
	"slices"

	"commerce-segment/shared/tracking"
	"commerce-segment/templates/pieces"
)

// fieldChoice is a piece with ready-made fields on the page of a template.
type fieldChoice struct {
	pieces.Piece
	Chosen bool   // the template has it
	Given  string // its value there
}

// Fields returns the ready-made fields for the template in the form.
func (d editorData) Fields() []fieldChoice {
	var all []fieldChoice
	for _, p := range pieces.For(d.Form.Tracking.Name) {
		all = append(all, fieldChoice{p, p.IsIn(d.Form.Source), p.ValueIn(d.Form.Source)})
	}
	return all
}

// The names of the form's fields with the chosen pieces, and with the value of each.
const (
	chosenField = "field"
	valueField  = "value."
)

// withFields returns a template with the pieces that are chosen in a form, and without the
// others for its tracking. It does not touch a piece that stays as it is.
func withFields(t tracking.Tracking, source string, form url.Values) (string, error) {
	for _, p := range pieces.For(t.Name) {
		value := form.Get(valueField + p.Name)
		chosen, had := slices.Contains(form[chosenField], p.Name), p.IsIn(source)
		var err error
		switch {
		case chosen && (!had || value != p.ValueIn(source)):
			source, err = p.Add(source, value)
		case !chosen && had:
			source, err = p.Remove(source)
		}
		if err != nil {
			return "", err
		}
	}
	return source, nil
}
