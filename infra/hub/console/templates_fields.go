package console

import (
	"net/url"
	"slices"

	"commerce-segment/shared/tracking"
	"commerce-segment/templates/fields"
)

// fieldChoice is a group of ready-made fields on the page of a template.
type fieldChoice struct {
	fields.Group
	Chosen bool   // the template has it
	Given  string // its value there
}

// Fields returns the ready-made fields for the template in the form.
func (d editorData) Fields() []fieldChoice {
	var all []fieldChoice
	for _, g := range fields.For(d.Form.Tracking.Name) {
		choice := fieldChoice{g, g.IsIn(d.Form.Source), g.ValueIn(d.Form.Source)}
		if d.Asked != nil {
			choice.Chosen, choice.Given = isChosen(g, d.Asked), d.Asked.Get(valueField+g.Name)
		}
		all = append(all, choice)
	}
	return all
}

// The names of the form's fields with the chosen groups, and with the value of each.
const (
	chosenField = "field"
	valueField  = "value."
)

// isChosen reports whether a group is chosen in a form.
func isChosen(g fields.Group, form url.Values) bool {
	return slices.Contains(form[chosenField], g.Name)
}

// withFields returns a template with the groups that are chosen in a form, and without the
// others for its tracking. It does not touch a group that stays as it is.
func withFields(t tracking.Tracking, source string, form url.Values) (string, error) {
	for _, g := range fields.For(t.Name) {
		value := form.Get(valueField + g.Name)
		chosen, had := isChosen(g, form), g.IsIn(source)
		var err error
		switch {
		case chosen && (!had || value != g.ValueIn(source)):
			source, err = g.Add(source, value)
		case !chosen && had:
			source, err = g.Remove(source)
		}
		if err != nil {
			return "", err
		}
	}
	return source, nil
}
