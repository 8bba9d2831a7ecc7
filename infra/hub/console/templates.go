package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"commerce-segment/infra/hub/console/difference"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// listedTemplate is a template in the list.
type listedTemplate struct {
	Tracking tracking.Tracking
	Edited   bool
	Modified *time.Time // nil if the store uses the default
	Wrong    *mistake   // why it cannot be used
	Faults   int        // findings in the messages for the samples, without warnings
}

// listedGroup is the templates of a group of trackings.
type listedGroup struct {
	Title     string
	Templates []listedTemplate
}

// listTemplates shows the templates of the store.
func (c *Console) listTemplates(w http.ResponseWriter, r *http.Request) {
	list, err := c.Store.Settings(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	set := byName(list)
	var shown []listedGroup
	for _, g := range groups(c.Store.Trackings()) {
		one := listedGroup{Title: g.Title}
		for _, t := range g.Trackings {
			one.Templates = append(one.Templates, listTemplate(r.Context(), t, set[settings.Template(t)]))
		}
		shown = append(shown, one)
	}
	c.show(w, r, http.StatusOK, "templates", view{Title: "Templates", Path: "/templates", Data: shown})
}

func listTemplate(ctx context.Context, t tracking.Tracking, s store.Setting) listedTemplate {
	one := listedTemplate{Tracking: t, Edited: !s.Default, Modified: s.Modified}
	compiled, err := store.CompileTemplate(t, t.Name, s.Value)
	if err != nil {
		one.Wrong = mistakeIn(err, s.Value)
		return one
	}
	faults, err := lint.Lint(ctx, t, compiled, templates.SamplesOf(t.Name))
	if err != nil {
		one.Wrong = mistakeIn(err, s.Value)
	}
	one.Faults = len(lint.Certain(faults))
	return one
}

// editorData is the data of the page of one template.
type editorData struct {
	Form     templateForm
	Stored   store.Template
	Events   []eventGroup
	Preview  preview
	Conflict difference.Sides // the template that another user saved meanwhile, and the one in the form
	Versions []version
	Received []received.Finding // about the events of this template
	Asked    url.Values         // the form with the fields that could not be added or removed; nil without an error
}

// Changed reports whether the form has unsaved changes.
func (d editorData) Changed() bool { return !store.SameText(d.Form.Source, d.Stored.Source) }

// openTemplate shows the live template.
func (c *Console) openTemplate(w http.ResponseWriter, r *http.Request) {
	t, stored, ok := c.storedTemplate(w, r)
	if !ok {
		return
	}
	form := templateForm{Tracking: t, Source: stored.Source, Replaces: stored.Fingerprint(), Event: firstEvent(t)}
	c.showEditor(w, r, http.StatusOK, editorData{Form: form, Stored: stored}, "")
}

// describeFunctions sends the descriptions of the language's functions to the code editor.
func (c *Console) describeFunctions(w http.ResponseWriter, _ *http.Request) {
	described, err := json.Marshal(templates.Functions())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(described)
}

// storedTemplate returns the live template of the request's path. If ok is false, it has
// answered the request with an error.
func (c *Console) storedTemplate(w http.ResponseWriter, r *http.Request) (tracking.Tracking, store.Template, bool) {
	t, err := tracking.ByName(r.PathValue("name"))
	if err != nil {
		c.fail(w, r, http.StatusNotFound, err)
		return tracking.Tracking{}, store.Template{}, false
	}
	stored, err := c.Store.Template(r.Context(), t)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return tracking.Tracking{}, store.Template{}, false
	}
	return t, stored, true
}

// showEditor writes the page of one template.
func (c *Console) showEditor(w http.ResponseWriter, r *http.Request, status int, data editorData, alert string) {
	versions, err := c.versions(r.Context(), data.Stored)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	data.Versions = versions
	data.Events = c.events(r.Context(), data.Form.Tracking)
	data.Preview = c.preview(r.Context(), data.Form)
	if report := c.lastReceived(r.Context()); report != nil {
		data.Received = report.About(data.Form.Tracking)
	}
	c.show(w, r, status, "templates-edit", view{Title: data.Form.Tracking.Title, Path: "/templates", Alert: alert, Data: data})
}

// changeTemplate shows, reviews or saves the template in the form.
func (c *Console) changeTemplate(w http.ResponseWriter, r *http.Request) {
	t, stored, ok := c.storedTemplate(w, r)
	if !ok {
		return
	}
	form, err := readTemplateForm(r, t)
	if err != nil {
		c.fail(w, r, http.StatusRequestEntityTooLarge, err)
		return
	}
	data, action := editorData{Form: form, Stored: stored}, r.PostForm.Get("do")
	if action == "fields" {
		action = "review"
		if data.Form.Source, err = withFields(t, form.Source, r.PostForm); err != nil {
			data.Form, data.Asked = form, r.PostForm
			c.showEditor(w, r, http.StatusUnprocessableEntity, data, "No field was added or removed: "+err.Error())
			return
		}
	}
	c.change(w, r, data, action)
}

// change shows, reviews or saves a template.
func (c *Console) change(w http.ResponseWriter, r *http.Request, data editorData, action string) {
	switch {
	case action != "review" && action != "save":
		c.showEditor(w, r, http.StatusOK, data, "")
	case data.Form.Replaces != data.Stored.Fingerprint():
		c.showConflict(w, r, data)
	case !data.Changed():
		c.done(w, r, pathOf(data.Form.Tracking), "There is nothing to save: this is the live template.")
	case c.rejectsTemplate(w, r, data):
	case action == "review":
		c.reviewTemplate(w, r, data, "")
	case r.PostForm.Get("bad") != "" && r.PostForm.Get("confirm") == "":
		c.reviewTemplate(w, r, data, "Nothing was saved. With this template events would not be sent: correct it, or confirm below that you want that.")
	default:
		c.saveTemplate(w, r, data)
	}
}

// pathOf returns the path of a template's page.
func pathOf(t tracking.Tracking) string { return "/templates/" + t.Name }

// rejectsTemplate answers a request with a template that does not compile. It reports whether
// it did.
func (c *Console) rejectsTemplate(w http.ResponseWriter, r *http.Request, data editorData) bool {
	t := data.Form.Tracking
	if _, err := store.CompileTemplate(t, t.Name, data.Form.Source); err != nil {
		c.showEditor(w, r, http.StatusUnprocessableEntity, data, "Nothing was saved: "+mistakeIn(err, data.Form.Source).Sentence())
		return true
	}
	return false
}

// showConflict shows that another user changed the template. If the user saves again, the form
// replaces that change.
func (c *Console) showConflict(w http.ResponseWriter, r *http.Request, data editorData) {
	both, err := difference.Compare("Saved", data.Stored.Source, "Yours", data.Form.Source)
	if err != nil {
		c.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	data.Conflict, data.Form.Replaces = both, data.Stored.Fingerprint()
	c.showEditor(w, r, http.StatusConflict, data, "Nothing was saved: another user changed this template after you opened it. "+
		"The differences are shown below. Copy what you want to keep into your version. If you save it, it replaces the other one.")
}

// saveTemplate saves the template.
func (c *Console) saveTemplate(w http.ResponseWriter, r *http.Request, data editorData) {
	t := data.Form.Tracking
	switch err := c.Store.SaveTemplate(r.Context(), t, data.Form.Source, data.Form.Replaces); {
	case errors.Is(err, store.ErrTemplateChanged): // changed since it was read above
		c.showEditor(w, r, http.StatusConflict, data, "Nothing was saved: "+err.Error()+". Save it again to see the changes.")
	case err != nil:
		c.showEditor(w, r, http.StatusBadGateway, data, "The template may not have been saved: "+err.Error())
	default:
		c.done(w, r, pathOf(t), c.saved())
	}
}

// saved returns the notice about a saved template, with the time when it is in effect.
func (c *Console) saved() string {
	if known := c.Store.WhenKnown(); known != "" {
		return "Saved. " + known
	}
	return "Saved. The next event uses it."
}
