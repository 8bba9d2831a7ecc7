package console

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"commerce-segment/infra/hub/store"
)

// wrong is what is wrong with a form, by its fields' names.
type wrong map[string]string

// fieldState is a form's field as its page describes it to who does not see it.
type fieldState struct {
	ID    string // of the field
	Wrong string // what is wrong with it; empty where nothing is
	Help  string // the id of what explains it; empty where nothing does
}

// At is what is wrong with a field.
func (w wrong) At(field, help string) fieldState { return fieldState{field, w[field], help} }

// fingerprint tells parameters that belong together from what somebody else makes of
// them meanwhile. Of a secret it has no more than when it was written.
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

const changedMeanwhile = "Nothing was saved: somebody has changed these settings since you opened this page. " +
	"What is set by now stands below yours where the two differ. Save again to have yours in its place, or open the page anew to keep theirs."

// meanwhile notes at a field what somebody else has set, where that is not what was
// answered.
func (w wrong) meanwhile(field, answered, set string) {
	if strings.TrimSpace(answered) != strings.TrimSpace(set) {
		w[field] = "by now it is " + cmp.Or(strings.TrimSpace(set), "not set")
	}
}

// meanwhileSecret is meanwhile for a secret, which is never shown.
func (w wrong) meanwhileSecret(field, answered string) {
	if answered != "" {
		w[field] = "it is not saved: to have yours, enter it again"
	}
}

// question is that about a parameter.
func question(name string) store.Question {
	for _, q := range store.Questions {
		if q.Name == name {
			return q
		}
	}
	return store.Question{Name: name}
}

// answered checks the answer to the question about a parameter, and notes at the form's
// field what is wrong with it.
func (w wrong) answered(field, name, answer string) string {
	value, err := question(name).Check(strings.TrimSpace(answer))
	if err != nil {
		w[field] = atField(name, err)
	}
	return value
}

// atField is what is wrong with a parameter as it stands at its field.
func atField(name string, err error) string {
	return strings.TrimPrefix(err.Error(), "parameter "+name+": ")
}

// required is answered for what must not be left empty.
func (w wrong) required(field, name, answer string) string {
	if strings.TrimSpace(answer) == "" {
		w[field] = "it is needed: fill it in"
		return ""
	}
	return w.answered(field, name, answer)
}
