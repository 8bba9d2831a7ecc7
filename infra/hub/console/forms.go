package console

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"commerce-segment/infra/hub/store"
)

// wrong is the errors of a form, by field name.
type wrong map[string]string

// fieldState is what a page needs to connect a field with its error and help text.
type fieldState struct {
	ID    string // the ID of the field
	Wrong string // the error; empty if there is none
	Help  string // the ID of the help text; empty if there is none
}

// At returns the state of a field.
func (w wrong) At(field, help string) fieldState { return fieldState{field, w[field], help} }

// fingerprint identifies the values of parameters that belong together, to detect a change by
// another user. For a secret it includes only the time of the last change.
func fingerprint(set map[string]store.Setting, names ...string) string {
	sum := sha256.New()
	for _, name := range names {
		one := set[name]
		fmt.Fprintf(sum, "%q ", one.Value)
		if one.Secret && one.Set {
			fmt.Fprintf(sum, "%d ", one.Modified.UnixNano())
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

const changedMeanwhile = "Nothing was saved: another user changed these settings after you opened this page. " +
	"The current values are shown below yours. Save again to overwrite them, or reload the page to keep them."

// meanwhile adds the current value as an error to a field whose answer differs from it.
func (w wrong) meanwhile(field, answered, set string) {
	if strings.TrimSpace(answered) != strings.TrimSpace(set) {
		w[field] = "current value: " + cmp.Or(strings.TrimSpace(set), "not set")
	}
}

// meanwhileSecret is meanwhile for a secret, which is never shown.
func (w wrong) meanwhileSecret(field, answered string) {
	if answered != "" {
		w[field] = "not saved: enter the secret again to save it"
	}
}

// question returns the question about a parameter.
func question(name string) store.Question {
	for _, q := range store.Questions {
		if q.Name == name {
			return q
		}
	}
	return store.Question{Name: name}
}

// answered checks the answer for a parameter and returns its value. It adds an error to the
// form's field.
func (w wrong) answered(field, name, answer string) string {
	value, err := question(name).Check(strings.TrimSpace(answer))
	if err != nil {
		w[field] = atField(name, err)
	}
	return value
}

// atField returns an error about a parameter as its field shows it, without the name.
func atField(name string, err error) string {
	return strings.TrimPrefix(err.Error(), "parameter "+name+": ")
}

// required is answered for a field that must not be empty.
func (w wrong) required(field, name, answer string) string {
	if strings.TrimSpace(answer) == "" {
		w[field] = "required: fill in this field"
		return ""
	}
	return w.answered(field, name, answer)
}
