package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"commerce-segment/infra/hub/console/difference"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// defaultVersion names the default template in place of a version number.
const defaultVersion = "default"

// version is a version of a template.
type version struct {
	settings.Stored
	Current bool
	Default bool
}

// Who returns the author: the end of an ARN, without the number of the account.
func (v version) Who() string { return v.By[strings.LastIndexByte(v.By, ':')+1:] }

// versions returns the versions of a template, newest first.
func (c *Console) versions(ctx context.Context, stored store.Template) ([]version, error) {
	history, err := c.Store.Versions(ctx, settings.Template(stored.Tracking))
	if err != nil {
		return nil, err
	}
	all := make([]version, len(history))
	for i, one := range history {
		all[i] = version{one, i == 0 && stored.Own, store.SameText(one.Value, templates.Default(stored.Tracking.Name))}
	}
	return all, nil
}

// versionData is the data of the page of a version.
type versionData struct {
	Stored  store.Template
	Name    string // the number, or "default"
	Version version
	Source  string
	Both    difference.Sides // the live template and this version
}

// showVersion shows a version, and the changes if it is restored.
func (c *Console) showVersion(w http.ResponseWriter, r *http.Request) {
	t, stored, ok := c.storedTemplate(w, r)
	if !ok {
		return
	}
	name := r.PathValue("version")
	old, err := c.version(r.Context(), t, name)
	if err != nil {
		c.fail(w, r, statusOf(err), err)
		return
	}
	both, err := difference.Compare("Live", stored.Source, "This version", old.Value)
	if err != nil {
		c.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	title := fmt.Sprintf("%s: version %s", t.Title, name)
	if name == defaultVersion {
		title = t.Title + ": the default"
	}
	data := versionData{Stored: stored, Name: name, Version: version{Stored: old}, Source: old.Value, Both: both}
	c.show(w, r, http.StatusOK, "templates-version", view{Title: title, Path: "/templates", Data: data})
}

// version returns a version by its number, or the default.
func (c *Console) version(ctx context.Context, t tracking.Tracking, name string) (settings.Stored, error) {
	if name == defaultVersion {
		return settings.Stored{Name: settings.Template(t), Value: templates.Default(t.Name)}, nil
	}
	number, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return settings.Stored{}, fmt.Errorf("%w: %q is not a number", store.ErrNoVersion, name)
	}
	return c.Store.Version(ctx, t, number)
}

// restoreTemplate shows what it would do to make an earlier version live again, as the review of
// any other change.
func (c *Console) restoreTemplate(w http.ResponseWriter, r *http.Request) {
	t, stored, ok := c.storedTemplate(w, r)
	if !ok {
		return
	}
	old, err := c.version(r.Context(), t, r.PostFormValue("version"))
	if err != nil {
		c.fail(w, r, statusOf(err), err)
		return
	}
	form := templateForm{Tracking: t, Source: old.Value, Replaces: r.PostFormValue("replaces"), Event: firstEvent(t)}
	c.change(w, r, editorData{Stored: stored, Form: form}, "review")
}
