package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Template is the template of a tracking that is live in a store.
type Template struct {
	Tracking tracking.Tracking
	Source   string // the default if the store has none
	Own      bool   // the store has one, which can be equal to the default
}

// IsDefault reports whether the template is equal to the default, stored or not.
func (t Template) IsDefault() bool { return SameText(t.Source, templates.Default(t.Tracking.Name)) }

// Fingerprint returns a hash of the source. It shows whether another user changed the
// template.
func (t Template) Fingerprint() string {
	sum := sha256.Sum256([]byte(t.Source))
	return hex.EncodeToString(sum[:])
}

// Templates returns the templates of these trackings, in the same order.
func (s Store) Templates(ctx context.Context, trackings ...tracking.Tracking) ([]Template, error) {
	names := make([]string, len(trackings))
	for i, t := range trackings {
		names[i] = settings.Template(t)
	}
	stored, err := s.Parameters(ctx, names)
	if err != nil {
		return nil, err
	}
	list := make([]Template, len(trackings))
	for i, t := range trackings {
		list[i] = Template{Tracking: t, Source: templates.Default(t.Name)}
		if own := stored[names[i]]; strings.TrimSpace(own) != "" {
			list[i].Source, list[i].Own = own, true
		}
	}
	return list, nil
}

// Template returns the template of a tracking.
func (s Store) Template(ctx context.Context, t tracking.Tracking) (Template, error) {
	list, err := s.Templates(ctx, t)
	if err != nil {
		return Template{}, err
	}
	return list[0], nil
}

// CompileTemplate compiles a source for a tracking, or returns why it is not a valid
// template. The errors use the given name.
func CompileTemplate(t tracking.Tracking, name, source string) (*template.Template, error) {
	if err := settings.CheckValue(settings.Template(t), source); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return template.Compile(name, source)
}

// ErrTemplateChanged reports that a template changed after it was read.
var ErrTemplateChanged = errors.New("another user changed this template after you opened it")

// CommerceNote describes what happens to events if a template calls $commerce and its function
// has no permission to read the credentials; empty if it has. On this machine any template can
// call it.
func (s Store) CommerceNote(t tracking.Tracking, source string) string {
	switch {
	case s.Deployment == nil || settings.ReadsCommerce(t) || !template.UsesCommerce(source):
		return ""
	case template.NeedsCommerce(source):
		return fmt.Sprintf("%v. Until then its events are retried.", settings.ErrNoCommercePermission)
	default:
		return fmt.Sprintf("%v. Until then the fields that it asks Commerce for are left out.", settings.ErrNoCommercePermission)
	}
}

// SaveTemplate writes a template if the current one still has the given fingerprint. The
// error is ErrTemplateChanged if it does not.
func (s Store) SaveTemplate(ctx context.Context, t tracking.Tracking, source, replaces string) error {
	if err := s.CheckHas(t); err != nil {
		return err
	}
	if _, err := CompileTemplate(t, t.Name, source); err != nil {
		return err
	}
	release, err := s.Saving(ctx)
	if err != nil {
		return err
	}
	defer release()
	now, err := s.Template(ctx, t)
	if err != nil {
		return err
	}
	if now.Fingerprint() != replaces {
		return ErrTemplateChanged
	}
	return s.Put(ctx, settings.Template(t), source)
}

// ErrNoVersion reports that a template has no version with this number.
var ErrNoVersion = errors.New("there is no such version")

// Version returns one version of a tracking's template.
func (s Store) Version(ctx context.Context, t tracking.Tracking, number int64) (settings.Stored, error) {
	versions, err := s.Versions(ctx, settings.Template(t))
	if err != nil {
		return settings.Stored{}, err
	}
	for _, version := range versions {
		if version.Version == number {
			return version, nil
		}
	}
	return settings.Stored{}, fmt.Errorf("%w: version %d of %s in %s; hub templates versions %s%s lists the versions",
		ErrNoVersion, number, settings.Template(t), s.Name, t.Name, s.Flag())
}

// WhenKnown returns a sentence about when a change is in effect, or "" if it is in effect at
// once.
func (s Store) WhenKnown() string {
	if s.Takes == 0 {
		return ""
	}
	return fmt.Sprintf("In effect within %.0f seconds.", s.Takes.Seconds())
}
