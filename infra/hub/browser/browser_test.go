package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"commerce-segment/infra/hub/browser"
)

// The check for faults must find faults if a page has some.
func TestFaultsOfAPageAreFound(t *testing.T) {
	t.Parallel()
	const frame = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"><title>x</title><main><h1>x</h1><a href="/">a</a> %s</main>`
	var page string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:")
		file := map[string][2]string{
			"/":          {"text/html; charset=utf-8", page},
			"/style.css": {"text/css", `.faint, .pale::placeholder { color: #999 } .thin { opacity: .5 } .wide { width: 200vw } a { color: #00c } :focus { outline: 2px solid } .unseen { outline: none }`},
			"/error.js":  {"text/javascript", "missing()"},
			"/trap.js":   {"text/javascript", `document.querySelector(".trap").onfocus = (event) => event.target.blur()`},
		}[r.URL.Path]
		if file[0] == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", file[0])
		fmt.Fprint(w, file[1])
	}))
	defer server.Close()
	p := browser.Open(t, server.URL)
	for _, c := range []struct{ name, page, want string }{
		{"none", fmt.Sprintf(frame, ""), ""},
		{"a script in the page, which the policy forbids", fmt.Sprintf(frame, "<script>1</script>"), "Content Security Policy"},
		{"a style in the page, which the policy forbids", fmt.Sprintf(frame, `<p style="color: red">x</p>`), "Content Security Policy"},
		{"an error in a script", fmt.Sprintf(frame, `<script src="/error.js"></script>`), "missing is not defined"},
		{"a missing file", fmt.Sprintf(frame, `<img alt="" src="/none.png">`), "404"},
		{"no language", strings.Replace(fmt.Sprintf(frame, ""), ` lang="en"`, "", 1), "no language"},
		{"a skipped heading level", fmt.Sprintf(frame, "<h3>y</h3>"), "follows a heading of level 1"},
		{"a field without label", fmt.Sprintf(frame, "<input>"), "has no label"},
		{"a link without name", fmt.Sprintf(frame, `<button></button>`), "has no name"},
		{"a reference to an unknown id", fmt.Sprintf(frame, `<p aria-describedby="nothing">x</p>`), "which does not exist"},
		{"an error that is not connected with a field", fmt.Sprintf(frame, `<label>l <input aria-invalid="true"></label><p class="wrong" id="w">required</p>`), "is not connected with a field"},
		{"an id twice", fmt.Sprintf(frame, `<p id="i">x</p><p id="i">x</p>`), "used twice"},
		{"what only axe-core finds", fmt.Sprintf(frame, `<ul><p>x</p></ul>`), "axe list"},
		{"faint text", fmt.Sprintf(frame, `<p class="faint">x</p>`), "contrast of"},
		{"faint text through opacity", fmt.Sprintf(frame, `<p class="thin">x</p>`), "contrast of"},
		{"a faint placeholder", fmt.Sprintf(frame, `<label>l <input placeholder="x" class="pale"></label>`), "contrast of"},
		{"wider than the window", fmt.Sprintf(frame, `<p class="wide">x</p>`), "and the window"},
		{"an invisible focus", fmt.Sprintf(frame, `<button class="unseen">b</button>`), "does not show that it has the focus"},
		{"a control that Tab skips", fmt.Sprintf(frame, `<a href="/" class="trap">c</a><script src="/trap.js"></script>`), "cannot be reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page = c.page
			p.Visit("/")
			found := slices.Concat(p.Faults(), p.Tour(), p.Complaints())
			if c.want == "" && len(found) > 0 || !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}
