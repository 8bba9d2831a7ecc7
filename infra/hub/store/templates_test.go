package store

import (
	"errors"
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func TestATemplateIsSavedOnlyInThePlaceOfTheOneThatWasRead(t *testing.T) {
	s := Store{Backend: Directory{settings.Dir(t.TempDir())}}
	opened, err := s.Template(t.Context(), tracking.OrderCompleted)
	if err != nil || opened.Own || opened.Source != templates.Default("order-completed") {
		t.Fatalf("the template is %+v, %v", opened, err)
	}
	save := func(source string) error {
		return s.SaveTemplate(t.Context(), tracking.OrderCompleted, source, opened.Fingerprint())
	}
	if err := save("{"); err == nil || errors.Is(err, ErrChangedMeanwhile) {
		t.Errorf("saving what does not compile says %v", err)
	}
	if err := save(`{"event": "Mine"}`); err != nil {
		t.Error(err)
	}
	if err := save(`{"event": "Theirs"}`); !errors.Is(err, ErrChangedMeanwhile) {
		t.Errorf("saving over what somebody saved meanwhile says %v", err)
	}
	now, err := s.Template(t.Context(), tracking.OrderCompleted)
	if err != nil || now.Source != `{"event": "Mine"}` || !now.Own || now.IsDefault() {
		t.Errorf("the template is %+v, %v", now, err)
	}
}

func TestATemplateMayAskWhereItsFunctionReadsTheCredentials(t *testing.T) {
	const asking, silent = `$commerce("/v2/orders")`, `{}`
	here, deployed := Store{}, Store{Deployment: &Deployment{}}
	for _, c := range []struct {
		name   string
		store  Store
		row    tracking.Tracking
		source string
		refuse bool
	}{
		{"on this machine", here, tracking.OrderCompleted, asking, false},
		{"deployed, and its default template asks", deployed, tracking.OrderRefunded, asking, false},
		{"deployed, and its default template does not ask", deployed, tracking.OrderCompleted, asking, true},
		{"deployed, and it does not ask", deployed, tracking.OrderCompleted, silent, false},
	} {
		if err := c.store.MayNotAsk(c.row, c.source); (err != nil) != c.refuse {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// A merchant starts with a default and saves it as a template of the store.
func TestEveryDefaultTemplateCanBeSaved(t *testing.T) {
	for _, tracked := range tracking.All() {
		if _, err := CompileTemplate(tracked, tracked.Name, templates.Default(tracked.Name)); err != nil {
			t.Error(err)
		}
	}
}
