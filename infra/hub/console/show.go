package console

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/site"
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
		"json":  jsonParts,

		"count":  words.Count,
		"moment": site.Moment,
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
	Site    site.Site
	Machine bool
	Nonce   string
	Editor  bool
}

// show writes a whole page.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.Notice = cmp.Or(v.Notice, notice(w, r))
	f := framed{view: v, Site: c.Site, Machine: c.Machine != nil, Nonce: nonce(), Editor: hasEditor()}
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

// noticeCookie carries what has been done over to the page that is shown next.
const noticeCookie = "hub-notice"

// A browser drops a cookie of more than 4 KB, and with it what has been done.
const (
	maxNotice = 2500 // bytes, which are a third more in base64
	cutNotice = "… and more: the pages show how it is by now."
)

// bounded is a notice that fits into a cookie, cut between two words.
func bounded(notice string) string {
	if len(notice) <= maxNotice {
		return notice
	}
	short := strings.ToValidUTF8(notice[:maxNotice], "")
	if end := strings.LastIndexAny(short, " \n"); end > 0 {
		short = short[:end]
	}
	return short + cutNotice
}

// done goes on to a page and has it say what has been done. Who then loads that page
// again does nothing twice.
func (c *Console) done(w http.ResponseWriter, r *http.Request, path, notice string) {
	http.SetCookie(w, &http.Cookie{
		Name: noticeCookie, Value: base64.URLEncoding.EncodeToString([]byte(bounded(notice))),
		Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// notice is what has been done just before, and is told once.
func notice(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(noticeCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: noticeCookie, Path: "/", MaxAge: -1})
	text, err := base64.URLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return string(text)
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
