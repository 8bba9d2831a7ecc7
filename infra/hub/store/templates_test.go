package store

import (
	"errors"
	"strings"
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
	const calling, optional, other = `$commerce("/v2/orders")`, `$commerce("/v2/orders", 800)`, `{}`
	const retried, leftOut = "Until then its events are retried.", "are left out."
	here, deployed := Store{}, Store{Deployment: &Deployment{}}
	for _, c := range []struct {
		name   string
		store  Store
		row    tracking.Tracking
		source string
		note   string
	}{
		{"on this machine", here, tracking.OrderCompleted, calling, ""},
		{"deployed, and the default template calls Commerce", deployed, tracking.OrderRefunded, calling, ""},
		{"deployed, and the default template does not call Commerce", deployed, tracking.OrderCompleted, calling, retried},
		{"deployed, and all calls are optional", deployed, tracking.OrderCompleted, optional, leftOut},
		{"deployed, and the template does not call Commerce", deployed, tracking.OrderCompleted, other, ""},
	} {
		if note := c.store.CommerceNote(c.row, c.source); (note == "") != (c.note == "") || !strings.HasSuffix(note, c.note) {
			t.Errorf("%s: got %q, want %q", c.name, note, c.note)
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
