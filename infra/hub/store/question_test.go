package store

import (
	"slices"
	"testing"

	"commerce-segment/shared/settings"
)

// The currencies are copied from Commerce, so the hub does not ask for them.
func TestQuestionsCoverAllSharedParametersExceptCurrencies(t *testing.T) {
	var asked []string
	for _, q := range Questions {
		asked = append(asked, q.Name)
		if q.Secret() == (q.Flag != "") {
			t.Errorf("%s: secret %v, flag %q", q.Name, q.Secret(), q.Flag)
		}
	}
	want := slices.DeleteFunc(slices.Clone(sharedNames), func(name string) bool { return name == settings.CommerceCurrencies })
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}

func TestTokenURL(t *testing.T) {
	got, err := tokenURL("https://euwest.cm.elasticpath.com/orders")
	if want := "https://euwest.api.elasticpath.com/oauth/access_token"; got != want || err != nil {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if got, err := tokenURL("http://euwest.api.elasticpath.com"); got != "" || err == nil {
		t.Errorf("%q, %v, want an error", got, err)
	}
}
