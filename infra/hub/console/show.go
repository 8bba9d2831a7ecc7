package console

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"commerce-segment/infra/hub/redact"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

//go:embed pages/*.html
var pageFiles embed.FS

// The static files include the editor's bundle if it was built with make editor.
//
//go:embed static
var staticFiles embed.FS

// editorFile is the name of the code editor's bundle.
const editorFile = "editor.js"

var errNoPage = errors.New("the console has no such page")

// pages returns the pages by name, each with its frame. They are parsed at the first use,
// because most of the hub's commands show no page.
var pages = sync.OnceValue(func() map[string]*template.Template {
	helpers := template.FuncMap{
		"ago":   func(t time.Time) string { return ago(time.Since(t)) },
		"until": until,
		"join":  strings.Join,
		"step":  stepAt,
		"clock": words.Clock,
		"json":  redact.Parts,

		"count":  words.Count,
		"moment": words.Moment,
		"title":  titleOf,

		"executionPath": executionPath,
	}
	frame := template.Must(template.New("frame.html").Funcs(helpers).ParseFS(pageFiles, "pages/frame.html", "pages/parts.html"))
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		panic(err) // the pattern above is malformed
	}
	all := map[string]*template.Template{}
	for _, file := range files {
		if name := strings.TrimSuffix(path.Base(file), ".html"); name != "frame" && name != "parts" {
			all[name] = template.Must(template.Must(frame.Clone()).ParseFS(pageFiles, file))
		}
	}
	return all
})

// framed is a view and the data of the frame.
type framed struct {
	view
	Base    string // the path below which all pages are
	Here    string // the path of this page below Base
	Store   store.Store
	Machine bool
	Nonce   string
	Pauses  []store.Pause
	Editor  bool
	Parts   []part // of the navigation
}

// show writes a whole page.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	if s := sessionOf(r); s != nil {
		v.Notice = cmp.Or(v.Notice, c.sessions.takeNotice(s))
	}
	f := framed{view: v, Parts: c.navigation(r.Context()), Base: base(r), Here: r.URL.RequestURI(), Store: c.Store, Machine: c.Machine != nil, Nonce: nonce(), Pauses: c.pauses(r.Context()), Editor: hasEditor()}
	w.Header().Set("Content-Security-Policy", policy(f.Nonce))
	c.write(w, status, name, "frame.html", f)
}

// showPart writes a part of a page, for the page's script.
func (c *Console) showPart(w http.ResponseWriter, status int, page, part string, data any) {
	c.write(w, status, page, part, data)
}

// write executes a page template into memory before it writes anything, so that it sends
// either the whole page or an error.
func (c *Console) write(w http.ResponseWriter, status int, page, part string, data any) {
	var written bytes.Buffer
	if err := pages()[page].ExecuteTemplate(&written, part, data); err != nil {
		c.Log.Error("rendering a page", "page", page, "error", err)
		http.Error(w, "this page could not be rendered: see the hub's log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	written.WriteTo(w)
}

// done redirects to a page that shows the notice. After the redirect, a reload does not send
// the form again.
func (c *Console) done(w http.ResponseWriter, r *http.Request, path, notice string) {
	if s := sessionOf(r); s != nil {
		c.sessions.setNotice(s, notice)
	}
	goTo(w, r, path)
}

// goTo redirects to a page.
func goTo(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, base(r)+path, http.StatusSeeOther)
}

// fail shows an error instead of a page.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	c.show(w, r, status, "failed", view{Title: http.StatusText(status), Path: "/" + strings.SplitN(r.URL.Path, "/", 3)[1], Alert: err.Error()})
}

// static writes a static file.
func static(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, staticFiles, "static/"+path.Base(r.PathValue("file")))
}

// hasEditor reports whether the code editor's bundle was built.
func hasEditor() bool {
	_, err := fs.Stat(staticFiles, "static/"+editorFile)
	return err == nil
}

// ago describes the time since an event.
func ago(d time.Duration) string {
	if d < 10*time.Second {
		return "just now"
	}
	return words.Age(d) + " ago"
}
