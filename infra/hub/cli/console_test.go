package cli

import (
	"context"
	"html"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/local"
)

// Other users of this machine reach the hub. So do clients of the tunnel that an operator runs
// for Commerce.
func TestTheConsoleAndTheInboxNeedTheKey(t *testing.T) {
	h := start(t)
	key := h.Parameter("console-key")
	if info, err := os.Stat(filepath.Join(h.Dir, "console-key")); err != nil || info.Mode().Perm() != 0o600 || len(key) != 64 {
		t.Errorf("the key has %d characters, in a file that is %v (%v)", len(key), info.Mode(), err)
	}
	for _, c := range []struct {
		method, path  string
		with, without int
	}{
		{"GET", "/", 200, 401}, {"GET", "/executions/page?rows=10", 200, 401}, {"POST", "/samples", 404, 401}, {"GET", "/inbox", 200, 401}, {"HEAD", "/inbox", 200, 401},
		{"DELETE", "/inbox", 204, 401}, {"GET", "/none", 404, 401},
		// Commerce, Segment's SDKs and health checks have other keys, or none.
		{"GET", "/healthz", 200, 200}, {"POST", "/webhooks/order-completed", 401, 401}, {"POST", "/v1/batch", 400, 401},
	} {
		if status, body := h.Request(c.method, c.path, ""); status != c.with {
			t.Errorf("%s %s is answered %d with the key, want %d: %s", c.method, c.path, status, c.with, body)
		}
		status, body := h.Request(c.method, c.path, "", "Authorization", "Bearer wrong")
		if status != c.without || strings.Contains(body, key) || c.path == "/webhooks/order-completed" && !strings.Contains(body, "forged") {
			t.Errorf("%s %s is answered %d without, want %d: %s", c.method, c.path, status, c.without, body)
		}
	}
	sendTo(h, "", local.SampleName)
	if said := h.Stdout.String() + h.Stderr.String(); strings.Contains(said, key) {
		t.Errorf("the hub prints its key:\n%s", said)
	}
}

// hub run prints one address; hub run --link, which has the key, gets another one.
func TestEachAddressOfTheConsoleWorksInOneBrowser(t *testing.T) {
	h := start(t)
	printed := regexp.MustCompile(`The console: (http://\S+)\n`).FindStringSubmatch(h.Stdout.String())
	if printed == nil {
		t.Fatalf("the hub does not print the console's address:\n%s", h.Stdout)
	}
	another := command(t, "", "run", "--link", "--dir", h.Dir, "--addr", strings.TrimPrefix(h.URL, "http://"))
	if another.code != exitDone || !strings.HasPrefix(another.stdout, h.URL+"/") {
		t.Fatalf("hub run --link exits %d: %s%s", another.code, another.stdout, another.stderr)
	}
	for _, link := range []string{printed[1], strings.TrimSpace(another.stdout)} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		one, other := &http.Client{Jar: jar}, &http.Client{}
		for _, visit := range []struct {
			browser *http.Client
			address string
			want    int
		}{
			{one, link, 200}, {one, link, 200}, {other, link, 401},
			{one, strings.SplitN(link, "?", 2)[0] + "inbox", 200}, {one, h.URL + "/inbox", 401}, {one, h.URL + "/", 401},
		} {
			response, err := visit.browser.Get(visit.address)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != visit.want {
				t.Errorf("%s is answered %s, want %d", visit.address, response.Status, visit.want)
			}
		}
	}
	outdated := command(t, "", "run", "--link", "--dir", t.TempDir(), "--addr", strings.TrimPrefix(h.URL, "http://"))
	if outdated.code != exitFailed || !strings.Contains(outdated.stderr, "does not accept the key") {
		t.Errorf("with another directory it exits %d: %s", outdated.code, outdated.stderr)
	}
}

// Programs that have read the key can still use it after a restart. A new key is made only if
// the file is empty or removed.
func TestTheHubKeepsItsKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	hubtest.WriteFile(t, filepath.Join(dir, "console-key"), "")
	if err := os.Chmod(filepath.Join(dir, "console-key"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := startIn(t, dir)
	first := h.Parameter("console-key")
	h.Stop()
	if err := os.Chmod(filepath.Join(dir, "console-key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again := startIn(t, dir).Parameter("console-key"); again != first || first == "" {
		t.Errorf("the key was %q and is %q", first, again)
	}
	if info, err := os.Stat(filepath.Join(dir, "console-key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its file is %v (%v)", info.Mode(), err)
	}
}

func TestEachRunOfHubConsolePrintsANewKey(t *testing.T) {
	links := map[string]bool{}
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		stdout, stderr, exited := new(hubtest.Log), new(hubtest.Log), make(chan int, 1)
		go func() {
			exited <- run(ctx, []string{"console", "--addr", "127.0.0.1:0", "--dir", t.TempDir()}, strings.NewReader(""), stdout, stderr)
		}()
		var link string
		hubtest.Eventually(t, "the console prints its address", func() bool {
			link = regexp.MustCompile(`http://\S+`).FindString(stdout.String())
			return strings.Contains(stdout.String(), "^C")
		}, stdout, stderr)
		for address, want := range map[string]int{link: http.StatusSeeOther, strings.SplitN(link, "?", 2)[0]: http.StatusUnauthorized} {
			response, err := (&http.Client{CheckRedirect: hubtest.NoRedirects}).Get(address)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s is answered %s, want %d", address, response.Status, want)
			}
		}
		links[strings.SplitN(link, "=", 2)[1]] = true
		stop()
		if code := <-exited; code != exitDone || strings.Count(stderr.String(), "a browser logged in") != strings.Count(stderr.String(), "\n") {
			t.Errorf("it exits %d and says %s", code, stderr)
		}
	}
	if len(links) != 2 || links[""] {
		t.Errorf("the keys of two runs are %v", links)
	}
}

func TestTheConsoleShowsFilesThatNothingReads(t *testing.T) {
	h := startIn(t, filepath.Join(t.TempDir(), "<b>'&"))
	h.Set("segment/writekey", "a mistyped name")
	status, page := h.Request("GET", "/", "")
	if status != http.StatusOK || strings.Contains(page, "<b>'") {
		t.Fatalf("answered %d, or does not escape a file's name:\n%s", status, page)
	}
	if text := html.UnescapeString(page); !strings.Contains(text, "nothing reads ") || !strings.Contains(text, "segment/writekey") {
		t.Errorf("the page does not show the file that nothing reads:\n%s", text)
	}
}

func TestTheConsolePostsASample(t *testing.T) {
	h := start(t)
	if status, _ := h.Request("POST", "/samples", "sample=order-completed%2Fguest", "Content-Type", "application/x-www-form-urlencoded"); status != http.StatusOK && status != http.StatusSeeOther {
		t.Errorf("answered %d", status)
	}
	h.AwaitMessages(1)
	if _, page := h.Request("GET", "/executions", ""); !strings.Contains(page, "order.paid") {
		t.Errorf("the executions do not show the webhook:\n%s", page)
	}
}

func TestThePagesShowDeadLetters(t *testing.T) {
	h := start(t)
	h.Set("templates/order-completed", `{"event": ""}`)
	h.Webhook("order-completed", hubtest.Order("order.paid", "o-dead"))
	hubtest.Eventually(t, "the page shows the number of dead letters, with a link", func() bool {
		_, page := h.Request("GET", "/", "")
		return strings.Contains(page, `<dd><a href="./deadletters" class="bad">1</a></dd>`)
	})
	if _, page := h.Request("GET", "/deadletters", ""); !strings.Contains(page, "o-dead") || !strings.Contains(page, "message_invalid") {
		t.Errorf("the page of the dead letters does not show it:\n%s", page)
	}
}

// Any page on the web can make its visitor's browser post to the hub.
func TestOtherSitesCannotWriteToTheInbox(t *testing.T) {
	h := start(t)
	status, _ := h.Request("POST", "/v1/batch", `{"batch":[{"type":"track"}]}`, "Origin", "https://elsewhere.example")
	if status != http.StatusForbidden {
		t.Errorf("answered %d, want 403", status)
	}
	if _, inbox := h.Request("GET", "/inbox", ""); inbox != "[]\n" {
		t.Errorf("the inbox holds %s", inbox)
	}
}

// A second console of the same store would not show the events of the hub.
func TestTheConsoleOfARunningHubIsUsed(t *testing.T) {
	h := start(t)
	t.Setenv("ADDR", strings.TrimPrefix(h.URL, "http://"))
	got := command(t, "", "console", "--dir", h.Dir)
	if got.code != exitDone || !strings.HasPrefix(got.stdout, "A hub already runs with the directory "+h.Dir+", in process ") || !strings.Contains(got.stdout, "serves its console at\n"+h.URL+"/s/") {
		t.Errorf("it exits %d and says %s%s", got.code, got.stdout, got.stderr)
	}
	t.Setenv("ADDR", "127.0.0.1:1")
	got = command(t, "", "console", "--dir", h.Dir)
	if got.code != exitFailed || !strings.Contains(got.stderr, "but not at http://127.0.0.1:1. Print the address of the console with hub run --link --dir ") {
		t.Errorf("with another address it exits %d and says %s%s", got.code, got.stdout, got.stderr)
	}
}
