package store

import (
	"errors"
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func TestATemplateIsSavedOnlyIfItDidNotChangeAfterItWasRead(t *testing.T) {
	s := Store{Backend: Directory{Dir: settings.Dir(t.TempDir())}}
	opened, err := s.Template(t.Context(), tracking.OrderCompleted)
	if err != nil || opened.Own || opened.Source != templates.Default("order-completed") {
		t.Fatalf("the template is %+v, %v", opened, err)
	}
	save := func(source string) error {
		return s.SaveTemplate(t.Context(), tracking.OrderCompleted, source, opened.Fingerprint())
	}
	if err := save("{"); err == nil || errors.Is(err, ErrTemplateChanged) {
		t.Errorf("saving an invalid template returns %v", err)
	}
	if err := save(`{"event": "Mine"}`); err != nil {
		t.Error(err)
	}
	if err := save(`{"event": "Theirs"}`); !errors.Is(err, ErrTemplateChanged) {
		t.Errorf("saving over the change of another user returns %v", err)
	}
	now, err := s.Template(t.Context(), tracking.OrderCompleted)
	if err != nil || now.Source != `{"event": "Mine"}` || !now.Own || now.IsDefault() {
		t.Errorf("the template is %+v, %v", now, err)
	}
}

func TestATemplateCanCallCommerceIfItsFunctionReadsTheCredentials(t *testing.T) {
	const calling, other = `$commerce("/v2/orders")`, `{}`
	here, deployed := Store{}, Store{Deployment: &Deployment{}}
	for _, c := range []struct {
		name   string
		store  Store
		row    tracking.Tracking
		source string
		fails  bool
	}{
		{"on this machine", here, tracking.OrderCompleted, calling, false},
		{"deployed, and the default template calls Commerce", deployed, tracking.OrderRefunded, calling, false},
		{"deployed, and the default template does not call Commerce", deployed, tracking.OrderCompleted, calling, true},
		{"deployed, and the template does not call Commerce", deployed, tracking.OrderCompleted, other, false},
	} {
		if err := c.store.CheckCommerceCalls(c.row, c.source); (err != nil) != c.fails {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// An operator starts with a default template and saves it as the template of the store.
func TestEveryDefaultTemplateCanBeSaved(t *testing.T) {
	for _, tracked := range tracking.All() {
		if _, err := CompileTemplate(tracked, tracked.Name, templates.Default(tracked.Name)); err != nil {
			t.Error(err)
		}
	}
}
