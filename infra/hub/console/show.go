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

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/console/redact"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

//go:embed pages/*.html
var pageFiles embed.FS

// The editor's bundle is among these files where it has been built (make editor).
//
//go:embed static
var staticFiles embed.FS

// editorFile is the bundle of the code editor.
const editorFile = "editor.js"

var errNoPage = errors.New("there is no such page in the console")

// pages are the pages by name, each with the frame around it. They are parsed when the
// first is needed: most of the hub's commands never do.
var pages = sync.OnceValue(func() map[string]*template.Template {
	helpers := template.FuncMap{
		"ago":   func(t time.Time) string { return ago(time.Since(t)) },
		"join":  strings.Join,
		"step":  here,
		"clock": executions.Clock,
		"json":  redact.Parts,

		"count":  words.Count,
		"moment": backfill.Moment,
		"title":  titleOf,
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

// framed is a view with what the frame needs beside it.
type framed struct {
	view
	Base    string // the path below which the pages are
	Here    string // the path of this page below that
	Store   store.Store
	Machine bool
	Nonce   string
	Editor  bool
}

// show writes a whole page.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	if s := sessionOf(r); s != nil {
		v.Notice = cmp.Or(v.Notice, c.sessions.noted(s))
	}
	f := framed{view: v, Base: base(r), Here: r.URL.RequestURI(), Store: c.Store, Machine: c.Machine != nil, Nonce: nonce(), Editor: hasEditor()}
	w.Header().Set("Content-Security-Policy", policy(f.Nonce))
	c.write(w, status, name, "frame.html", f)
}

// showPart writes the part of a page that its script asked for.
func (c *Console) showPart(w http.ResponseWriter, status int, page, part string, data any) {
	c.write(w, status, page, part, data)
}

// write fills in a template before it writes anything, so that a page comes whole or
// not at all.
func (c *Console) write(w http.ResponseWriter, status int, page, part string, data any) {
	var written bytes.Buffer
	if err := pages()[page].ExecuteTemplate(&written, part, data); err != nil {
		c.Log.Error("making a page", "page", page, "error", err)
		http.Error(w, "this page could not be made: the hub's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	written.WriteTo(w)
}

// done goes on to a page and has it say what has been done. Who then loads that page
// again does nothing twice.
func (c *Console) done(w http.ResponseWriter, r *http.Request, path, notice string) {
	if s := sessionOf(r); s != nil {
		c.sessions.note(s, notice)
	}
	goTo(w, r, path)
}

// goTo goes on to a page.
func goTo(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, base(r)+path, http.StatusSeeOther)
}

// fail shows what went wrong instead of a page.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	c.show(w, r, status, "failed", view{Title: http.StatusText(status), Path: "/" + strings.SplitN(r.URL.Path, "/", 3)[1], Alert: err.Error()})
}

// static writes a file of the console's own.
func static(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, staticFiles, "static/"+path.Base(r.PathValue("file")))
}

func hasEditor() bool {
	_, err := fs.Stat(staticFiles, "static/"+editorFile)
	return err == nil
}

// ago says how long ago something was.
func ago(d time.Duration) string {
	if d < 10*time.Second {
		return "just now"
	}
	return words.Age(d) + " ago"
}
