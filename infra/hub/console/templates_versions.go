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

// standard is the default template where a version's number could stand.
const standard = "default"

// version is what a template has been.
type version struct {
	settings.Stored
	Current bool
	Default bool
}

// Who is who wrote it: the end of an ARN, which begins with the account's number.
func (v version) Who() string { return v.By[strings.LastIndexByte(v.By, ':')+1:] }

// versions are those of a template, the newest first.
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

// versionData is a version beside the template that counts.
type versionData struct {
	Stored  store.Template
	Name    string // the number, or "default"
	Version version
	Source  string
	Both    difference.Sides // the one that counts, and this one
}

// showVersion shows a version, and what restoring it would change.
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
	both, err := difference.Compare("The one that counts", stored.Source, "This one", old.Value)
	if err != nil {
		c.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	title := fmt.Sprintf("%s: version %s", t.Title, name)
	if name == standard {
		title = t.Title + ": the default"
	}
	data := versionData{Stored: stored, Name: name, Version: version{Stored: old}, Source: old.Value, Both: both}
	c.show(w, r, http.StatusOK, "templates-version", view{Title: title, Path: "/templates", Data: data})
}

// version is a version by its number, or the default.
func (c *Console) version(ctx context.Context, t tracking.Tracking, name string) (settings.Stored, error) {
	if name == standard {
		return settings.Stored{Name: settings.Template(t), Value: templates.Default(t.Name)}, nil
	}
	number, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return settings.Stored{}, fmt.Errorf("%w: %q is no number", store.ErrNoVersion, name)
	}
	return c.Store.Version(ctx, t, number)
}

// restoreTemplate puts a version back in the place of the template that counts.
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
	// Where it cannot be restored, it is put into the editor, to be mended or compared.
	data := editorData{Stored: stored, Form: templateForm{Tracking: t, Source: old.Value, Replaces: r.PostFormValue("replaces"), Event: firstEvent(t)}}
	switch {
	case data.Form.Replaces != stored.Fingerprint():
		c.showConflict(w, r, data)
	case !data.Changed():
		c.done(w, r, pathOf(t), "There is nothing to restore: this is the template that counts.")
	case c.refuses(w, r, data):
	case old.Version == 0:
		c.saveTemplate(w, r, data, "The default is back.")
	default:
		c.saveTemplate(w, r, data, fmt.Sprintf("Version %d is back.", old.Version))
	}
}
