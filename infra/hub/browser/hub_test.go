package browser_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"commerce-segment/infra/hub/browser"
	"commerce-segment/infra/tools"
)

// screenshots is where TestEveryPage writes a picture of each page.
var screenshots = flag.String("screenshots", "", "write pictures of the pages into `DIRECTORY`, relative to this package's")

// programs is the directory of the programs that the tests build.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "browser"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

// The two builds of the hub: with the code editor, and without it.
const (
	withEditor    = "with the code editor"
	withoutEditor = "with plain text areas"
)

var hubs = map[string]func() (string, error){
	withEditor:    sync.OnceValues(func() (string, error) { return build("hub-editor", bundle) }),
	withoutEditor: sync.OnceValues(func() (string, error) { return build("hub-plain", func() (string, error) { return "", nil }) }),
}

// build builds a hub. The bundle of its editor is the returned file, or none, regardless of the
// files in the source directory.
func build(name string, bundle func() (string, error)) (program string, err error) {
	file, err := bundle()
	if err != nil {
		return "", err
	}
	static, err := filepath.Abs("../console/static/editor.js")
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{static: file}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(programs, name+".json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	program = filepath.Join(programs, name)
	if said, err := exec.Command("go", "build", "-overlay", list, "-o", program, "..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the hub: %w\n%s", err, said)
	}
	return program, nil
}

// bundle builds the code editor as make editor does.
func bundle() (file string, err error) {
	file = filepath.Join(programs, "editor.js")
	command := exec.Command("npm", "run", "--silent", "editor", "--", "--outfile="+file)
	command.Dir = "../.."
	if said, err := command.CombinedOutput(); err != nil || len(said) > 0 {
		return "", fmt.Errorf("bundling the editor: %w\n%s", err, said)
	}
	return file, nil
}

// hub is a running hub with a store on this machine.
type hub struct {
	t        *testing.T
	url, dir string
	console  string // the link that logs in one browser
	base     string // the address of that browser's session
}

var listening = regexp.MustCompile(`^Listening on (http://\S+).* The console: (http://\S+)$`)

// start runs one of the hubs on a free port until the test ends.
func start(t *testing.T, kind string) *hub {
	t.Helper()
	return startIn(t, kind, filepath.Join(t.TempDir(), "store"))
}

// startIn is start for a hub with a directory.
func startIn(t *testing.T, kind, dir string) *hub {
	t.Helper()
	tools.NodeModules(t)
	program, err := hubs[kind]()
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, dir: dir}
	command := exec.Command(program, "run", "--addr", "127.0.0.1:0", "--dir", h.dir, "--backoff", "1h")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may already have ended
		_ = command.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && h.url == "" {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			h.url, h.console = match[1], match[2]
			h.base = strings.SplitN(h.console, "/?", 2)[0]
		}
	}
	if h.url == "" {
		t.Fatal("the hub does not print where it listens")
	}
	go func() {
		for lines.Scan() { // so that its output never blocks
		}
	}()
	return h
}

// open opens the hub's console with the link that it printed.
func (h *hub) open() *browser.Page {
	h.t.Helper()
	p := browser.Open(h.t, h.base)
	p.Visit(strings.TrimPrefix(h.console, h.base))
	return p
}

// set writes parameters into the store's directory, and waits until they are in effect.
func (h *hub) set(parameters map[string]string) {
	h.t.Helper()
	for name, value := range parameters {
		file := filepath.Join(h.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
}

// parameter reads a parameter from the store's directory.
func (h *hub) parameter(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, filepath.FromSlash(name)))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// posts posts a sample webhook, as the overview's button does.
func (h *hub) posts(sample string) {
	h.t.Helper()
	request, err := http.NewRequest(http.MethodPost, h.url+"/samples", strings.NewReader(url.Values{"sample": {sample}}.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "Bearer "+h.parameter("console-key"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		h.t.Fatalf("posting %s: %s", sample, answer.Status)
	}
}

// none fails the test for each fault.
func none(t *testing.T, where string, faults []string) {
	t.Helper()
	if len(faults) > 0 {
		t.Errorf("%s:\n%s", where, strings.Join(faults, "\n"))
	}
}
