package site

import (
	"slices"
	"testing"
)

func TestTheQuestionsAreAboutEveryParameterThatAStoreHasOnce(t *testing.T) {
	var asked []string
	for _, q := range Questions {
		asked = append(asked, q.Name)
		if q.Secret() == (q.Flag != "") {
			t.Errorf("%s: secret %v, flag %q", q.Name, q.Secret(), q.Flag)
		}
	}
	if !slices.Equal(asked, sharedNames) {
		t.Errorf("asked for %v, want %v", asked, sharedNames)
	}
}
