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

// Template is a tracking's template as it counts in a store.
type Template struct {
	Tracking tracking.Tracking
	Source   string // the default where the store has none
	Own      bool   // the store has one, be it the same as the default
}

// IsDefault says that the template is the default, whether the store has it or not.
func (t Template) IsDefault() bool { return SameText(t.Source, templates.Default(t.Tracking.Name)) }

// Fingerprint tells a template from what somebody else makes of it meanwhile.
func (t Template) Fingerprint() string {
	sum := sha256.Sum256([]byte(t.Source))
	return hex.EncodeToString(sum[:])
}

// Templates are those of some trackings, in their order.
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

// Template is the one of a tracking.
func (s Store) Template(ctx context.Context, t tracking.Tracking) (Template, error) {
	list, err := s.Templates(ctx, t)
	if err != nil {
		return Template{}, err
	}
	return list[0], nil
}

// CompileTemplate compiles what is to become a tracking's template, or says why it
// cannot be one. Its errors call it by that name.
func CompileTemplate(t tracking.Tracking, name, source string) (*template.Template, error) {
	if err := settings.CheckValue(settings.Template(t), source); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return template.Compile(name, source)
}

// ErrChangedMeanwhile means that a template is no longer the one that was looked at.
var ErrChangedMeanwhile = errors.New("somebody has changed this template since you opened it")

// MayNotAsk says why a template cannot call $commerce in a store; nil where it does not,
// or may. On this machine any template may.
func (s Store) MayNotAsk(t tracking.Tracking, source string) error {
	if s.Deployment != nil && template.UsesCommerce(source) && !settings.ReadsCommerce(t) {
		return settings.ErrNoCommercePermission
	}
	return nil
}

// SaveTemplate writes a template in the place of the one that has that fingerprint.
func (s Store) SaveTemplate(ctx context.Context, t tracking.Tracking, source, replaces string) error {
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
		return ErrChangedMeanwhile
	}
	return s.Put(ctx, settings.Template(t), source)
}

// ErrNoVersion means that a template has no version of that number.
var ErrNoVersion = errors.New("there is no such version")

// Version is a version of a tracking's template.
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
	return settings.Stored{}, fmt.Errorf("%w: version %d of %s in %s; hub templates versions %s%s lists those that there are",
		ErrNoVersion, number, settings.Template(t), s.Name, t.Name, s.Flag())
}

// WhenKnown says when a change counts; empty where it does at once.
func (s Store) WhenKnown() string {
	if s.Takes == 0 {
		return ""
	}
	return fmt.Sprintf("The functions know it within %.0f seconds.", s.Takes.Seconds())
}
