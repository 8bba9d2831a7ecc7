package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/local"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func TestTheFirstRunMakesSettingsThatOnlyTheOwnerCanRead(t *testing.T) {
	h := start(t)
	for _, name := range []string{"commerce/webhook-secret", "segment/write-key"} {
		info, err := os.Stat(filepath.Join(h.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o: others can read it", name, mode)
		}
	}
	if secret := h.Parameter("commerce/webhook-secret"); !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(secret) {
		t.Errorf("the secret %q is not 32 random bytes", secret)
	}
	if info, err := os.Stat(h.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v, want mode 700", info.Mode(), err)
	}
	other := start(t)
	if h.Parameter("commerce/webhook-secret") == other.Parameter("commerce/webhook-secret") ||
		h.Parameter("segment/write-key") == other.Parameter("segment/write-key") {
		t.Error("two hubs made the same secrets")
	}
}

func TestALaterRunKeepsTheSettings(t *testing.T) {
	dir := t.TempDir()
	hubtest.WriteFile(t, filepath.Join(dir, "commerce/webhook-secret"), "newest\nolder\n")
	hubtest.WriteFile(t, filepath.Join(dir, "segment/write-key"), "my-write-key")
	sample := filepath.Join(dir, "samples", local.SampleName+".json")
	hubtest.WriteFile(t, sample, "{}")
	h := startIn(t, dir)
	for file, want := range map[string]string{"commerce/webhook-secret": "newest\nolder\n", "segment/write-key": "my-write-key", "samples/" + local.SampleName + ".json": "{}"} {
		if content, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(content) != want {
			t.Errorf("%s is now %q, %v", file, content, err)
		}
	}
	if !strings.Contains(h.Stdout.String(), "\nX-MOLTIN-SECRET-KEY: newest\n") {
		t.Errorf("it does not print the newest secret:\n%s", h.Stdout)
	}
}

// New users paste the commands that the hub prints. The directory's name has characters that a
// shell treats specially.
func TestThePrintedCommandsWorkInAnyFolder(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this machine has no %s", tool)
		}
	}
	h := startIn(t, filepath.Join(t.TempDir(), `it's "$HOME" & more`, ".hub"))
	commands := regexp.MustCompile(`(?m)^curl .*$`).FindAllString(h.Stdout.String(), -1)
	if len(commands) != 2 {
		t.Fatalf("it prints %d commands, want 2:\n%s", len(commands), h.Stdout)
	}
	paste := func(command string) string {
		shell := exec.Command("sh", "-c", command)
		shell.Dir = t.TempDir()
		output, err := shell.Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		return string(output)
	}
	if answer := paste(commands[0]); !strings.HasPrefix(answer, "HTTP/1.1 202 ") {
		t.Fatalf("the first is answered %s", answer)
	}
	h.AwaitMessages(1)
	var inbox []struct{ Batch []map[string]any }
	if err := json.Unmarshal([]byte(paste(commands[1])), &inbox); err != nil || len(inbox) != 1 || len(inbox[0].Batch) != 1 {
		t.Errorf("the second shows %v, %v, want one batch of one message", inbox, err)
	}
}

func TestEverySampleReachesSegmentAsPreviewShowsIt(t *testing.T) {
	running, store := start(t), commercetest.Start(t)
	running.Set("commerce/token-url", store.URL)
	running.Set("commerce/client-id", commercetest.ClientID)
	running.Set("commerce/client-secret", settings.BindSecret(store.URL, commercetest.ClientSecret))
	for _, sample := range templates.Samples() {
		if sample.Tracking == tracking.CustomerDeleted.Name {
			continue // its message is a request to Segment's Public API, and not in the inbox
		}
		for path, answer := range sample.Answers {
			store.AddAnswer(path, answer)
		}
		t.Run(sample.Name, func(t *testing.T) {
			h := running.In(t)
			h.Request("DELETE", "/inbox", "")
			observe(h, sample)
			h.Webhook(sample.Tracking, string(sample.Body))
			previewed := previewOf(t, h.Dir, sample.Tracking, sample.Name)
			// Byte for byte: Segment receives what hub preview prints.
			got, want := fmt.Sprintf("%s", h.AwaitMessages(len(previewed))), fmt.Sprintf("%s", previewed)
			if strings.HasSuffix(eventOf(sample.Body), ".deleted") { // its event time is when it was received
				timestamp := regexp.MustCompile(`"timestamp":"[^"]*"`)
				got, want = timestamp.ReplaceAllString(got, ""), timestamp.ReplaceAllString(want, "")
			}
			if got != want {
				t.Errorf("Segment received\n%s\nand preview prints\n%s", got, want)
			}
		})
	}
}

// observe sets a sample's tracking to observe the sample's event.
func observe(h *hubtest.Hub, sample templates.Sample) {
	h.T.Helper()
	t, err := tracking.ByName(sample.Tracking)
	if err != nil {
		h.T.Fatal(err)
	}
	events := eventOf(sample.Body)
	if slices.Contains(t.AsWell, events) {
		events = t.Observes[0] + "," + events
	}
	if t.Optional && h.ParameterOr("tracking/"+t.Name+"/enabled", "false") != "true" {
		h.Set("tracking/"+t.Name+"/enabled", "true")
	}
	if h.ParameterOr("tracking/"+t.Name+"/events", t.Observes[0]) != events {
		h.Set("tracking/"+t.Name+"/events", events)
	}
}

// previewOf returns the messages that hub preview prints, without indentation.
func previewOf(t *testing.T, dir, name, webhook string) []json.RawMessage {
	t.Helper()
	got := command(t, "", "preview", name, webhook, "--dir", dir)
	if got.code != exitDone {
		t.Fatalf("preview exits %d: %s", got.code, got.stderr)
	}
	var body struct{ Batch []json.RawMessage }
	if err := json.Unmarshal([]byte(got.stdout), &body); err != nil {
		t.Fatal(err)
	}
	for i, message := range body.Batch {
		body.Batch[i] = hubtest.Compact(t, message)
	}
	return body.Batch
}

func TestWebhooksAreAcceptedInEveryForm(t *testing.T) {
	running := start(t)
	running.Set("templates/order-completed", hubtest.Simple)
	running.Set("templates/customer-updated", `{"userId": payload.id}`)
	running.Set("tracking/customer-updated/events", "customer.updated,customer.deleted")
	payload := `{"data":{"type":"order","id":"old-1","meta":{"timestamps":{"created_at":"2026-11-01T10:00:00Z"}}}}`
	text, _ := json.Marshal(payload)
	for _, c := range []struct{ name, tracking, body, want string }{
		{"with a payload", "order-completed", hubtest.Order("order.paid", "new-1"), `"userId":"new-1"`},
		{"with the old resources only, as text", "order-completed", `{"id":"w","triggered_by":"order.paid","resources":` + string(text) + `}`, `"userId":"old-1"`},
		{"a deletion", "customer-updated", `{"id":"w","triggered_by":"customer.deleted","payload":{"type":"customer","id":"gone-1"}}`, `"userId":"gone-1"`},
		{"with bytes that are not UTF-8", "order-completed", strings.Replace(hubtest.Order("order.paid", "raw-1"), `"attempt"`, "\"note\":\"\xff\",\"attempt\"", 1), `"userId":"raw-1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := running.In(t)
			h.Request("DELETE", "/inbox", "")
			h.Webhook(c.tracking, c.body)
			if got := string(h.AwaitMessages(1)[0]); !strings.Contains(got, c.want) {
				t.Errorf("Segment received %s, want %s in it", got, c.want)
			}
		})
	}
}

func TestWebhooksAreRejectedAsOnAWS(t *testing.T) {
	h := start(t)
	secret := h.Parameter("commerce/webhook-secret")
	for _, c := range []struct {
		name, method, path, body, key string
		status                        int
		answer                        string
	}{
		{"a wrong secret", "POST", "/webhooks/order-completed", hubtest.Order("order.paid", "a"), "wrong", 401, `{"code":"forged"}`},
		{"no secret", "POST", "/webhooks/order-completed", hubtest.Order("order.paid", "a"), "", 401, `{"code":"forged"}`},
		{"a wrong secret, and not JSON", "POST", "/webhooks/order-completed", "hello", "wrong", 401, `{"code":"forged"}`},
		{"not JSON", "POST", "/webhooks/order-completed", "hello", secret, 400, `{"code":"not_json"}`},
		{"not a webhook", "POST", "/webhooks/order-completed", "{}", secret, 400, `{"code":"not_webhook"}`},
		{"another method", "GET", "/webhooks/order-completed", "", secret, 405, `{"code":"method_not_allowed"}`},
		{"an unknown tracking", "POST", "/webhooks/order-paid", "{}", secret, 404, `{"code":"not_found"}`},
		{"an unknown tracking, without a secret", "POST", "/webhooks/order-paid", "{}", "", 404, `{"code":"not_found"}`},
		{"no tracking", "POST", "/webhooks", "{}", "", 404, `{"code":"not_found"}`},
		{"no tracking after a slash", "POST", "/webhooks/", "{}", "", 404, `{"code":"not_found"}`},
		{"something after the tracking", "POST", "/webhooks/order-completed/x", "{}", secret, 404, `{"code":"not_found"}`},
		{"a misspelt folder", "POST", "/webhook/order-completed", "{}", secret, 404, `{"code":"not_found"}`},
		{"no folder", "POST", "/order-completed", "{}", secret, 404, `{"code":"not_found"}`},
		{"no path", "POST", "/", "{}", secret, 404, `{"code":"not_found"}`},
		{"a body that is too large for AWS", "POST", "/webhooks/order-completed", strings.Repeat(" ", 10<<20+1), secret, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, answer := h.In(t).Request(c.method, c.path, c.body, serve.KeyHeader, c.key)
			if status != c.status || !strings.HasPrefix(answer, c.answer) {
				t.Errorf("answered %d %s, want %d %s", status, answer, c.status, c.answer)
			}
		})
	}
	h.Webhook("order-completed", hubtest.Order("order.paid", "genuine")) // it arrives after any of the others would
	for _, message := range h.AwaitMessages(1) {
		if !strings.Contains(string(message), "genuine") {
			t.Errorf("a rejected webhook reached Segment: %s", message)
		}
	}
}

func TestAWebhookIsAcceptedAtEveryFormOfItsPath(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/webhooks/order-completed", "/webhooks/order-completed/", "//webhooks/order-completed", "/prod/webhooks/order-completed"} {
		if status, answer := h.Request("POST", path, hubtest.Order("order.paid", "a"), serve.KeyHeader, h.Parameter("commerce/webhook-secret")); status != 202 {
			t.Errorf("%s is answered %d %s", path, status, answer)
		}
	}
	if status, _ := h.Request("GET", "/", ""); status != 200 {
		t.Errorf("the console is answered %d", status)
	}
}

func TestAChangedFileIsInEffectWithinASecond(t *testing.T) {
	h := start(t)
	h.Webhook("order-completed", hubtest.Order("order.paid", "one")) // the settings have been read
	h.AwaitMessages(1)

	h.Set("segment/path", "/nowhere") // the path is ignored without a host
	h.Set("commerce/webhook-secret", "rotated")
	h.Webhook("order-completed", hubtest.Order("order.paid", "two"))
	h.AwaitMessages(2)

	elsewhere := make(chan struct{})
	segment := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if key, _, _ := r.BasicAuth(); key != "a-real-key" || r.URL.Path != "/v1/import" {
			t.Errorf("Segment receives a request for %s with the key %q", r.URL, key)
		}
		close(elsewhere)
	}))
	defer segment.Close()
	h.Set("segment/write-key", "a-real-key")
	h.Set("segment/path", "/v1/import")
	h.Set("segment/host", segment.URL)
	h.Webhook("order-completed", hubtest.Order("order.paid", "three"))
	select {
	case <-elsewhere:
	case <-time.After(hubtest.Patience):
		t.Fatal("the host in the settings receives nothing")
	}
	h.AwaitMessages(2)
}

// Commerce sends a new secret as soon as it has it.
func TestAWebhookWithASecretThatWasJustWrittenIsAccepted(t *testing.T) {
	h := start(t)
	hubtest.WriteFile(t, filepath.Join(h.Dir, "commerce", "webhook-secret"), "rotated")
	h.Webhook("order-completed", hubtest.Order("order.paid", "one"))
	h.AwaitMessages(1)
}

func TestAFileThatIsBeingWrittenIsNotUsed(t *testing.T) {
	var elsewhere atomic.Int64
	segment := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ Batch []any }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		elsewhere.Add(int64(len(body.Batch)))
	}))
	defer segment.Close()
	dir := filepath.Join(t.TempDir(), ".hub")
	secret := strings.Repeat("s3cr3t", 10)
	for name, value := range map[string]string{"segment/host": segment.URL, "segment/write-key": "a-real-key", "commerce/webhook-secret": secret} {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	h := startIn(t, dir)
	events := 0
	for name, value := range map[string]string{"segment/host": segment.URL + "/", "commerce/webhook-secret": "new\n" + secret} {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for i := range value {
			if _, err := file.WriteString(value[i : i+1]); err != nil {
				t.Fatal(err)
			}
			events++
			if status, answer := h.Request("POST", "/webhooks/order-completed", hubtest.Order("order.paid", fmt.Sprint(name, i)), serve.KeyHeader, secret); status != http.StatusAccepted {
				t.Errorf("with %d bytes of %s written, a genuine webhook is answered %d %s", i+1, name, status, answer)
			}
		}
	}
	hubtest.Eventually(t, "Segment receives all events", func() bool { return elsewhere.Load() == int64(events) }, h.Stderr)
	if kept := len(h.Messages()); kept > 0 {
		t.Errorf("%d messages went to the inbox", kept)
	}
}

func TestASecretForAnotherHostAffectsOnlyTrackingsThatUseCommerce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	for name, value := range map[string]string{
		"commerce/token-url": "https://useast.api.elasticpath.com", "commerce/client-id": "id",
		"commerce/client-secret": settings.BindSecret("https://euwest.api.elasticpath.com", "PLANTED-secret"),
	} {
		hubtest.WriteFile(t, filepath.Join(dir, name), value)
	}
	h := startIn(t, dir)
	if said := h.Stdout.String(); !strings.Contains(said, "the trackings that ask Commerce retry their events: parameter commerce/client-secret: it was entered for ") || strings.Contains(said, "PLANTED") {
		t.Errorf("it says\n%s", said)
	}
	h.Webhook("order-completed", hubtest.Order("order.paid", "one"))
	h.AwaitMessages(1)
	h.Webhook("order-refunded", hubtest.Order("order.refunded", "two"))
	hubtest.Eventually(t, "the refund is retried", func() bool {
		return strings.Contains(h.Stderr.String(), "tracking=order-refunded") && strings.Contains(h.Stderr.String(), "outcome=retrying")
	}, h.Stderr)
	if got := h.Messages(); len(got) != 1 {
		t.Errorf("Segment received %s", got)
	}
}

func TestAHubOnAllAddressesWarnsThatOthersReachIt(t *testing.T) {
	h := start(t, "--addr", "0.0.0.0:0")
	if !strings.HasPrefix(h.URL, "http://127.0.0.1:") || !strings.Contains(h.Stdout.String(), "\nOther machines reach it at ") {
		t.Errorf("it says\n%s", h.Stdout)
	}
	got := sendTo(h, "", local.SampleName, "--addr", strings.Replace(h.URL, "http://127.0.0.1", "", 1))
	if got.code != exitDone || !strings.Contains(got.stdout, `"messageId"`) {
		t.Errorf("send returns %+v", got)
	}
}

func TestTheHubWarnsIfTheInboxKeyIsUsedForSegment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	h := startIn(t, dir)
	if strings.Contains(h.Stdout.String(), "Warning") {
		t.Errorf("it warns without a reason:\n%s", h.Stdout)
	}
	h.Stop()
	hubtest.WriteFile(t, filepath.Join(dir, "segment/host"), "https://api.segment.io")
	h = startIn(t, dir)
	for _, part := range []string{"Sending to https://api.segment.io/v1/batch. The debugger of the source shows the messages", "Warning: the write key is still the one made for the inbox"} {
		if !strings.Contains(h.Stdout.String(), part) {
			t.Errorf("it does not say %q:\n%s", part, h.Stdout)
		}
	}
}

// The templates in the repository end in .jsonata, so users try this name.
func TestTheHubWarnsOfFilesThatNothingReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	hubtest.WriteFile(t, filepath.Join(dir, "templates/order-completed.jsonata"), "{}")
	hubtest.WriteFile(t, filepath.Join(dir, "templates/order-updated"), "{}")
	h := startIn(t, dir)
	said := h.Stdout.String()
	if !strings.Contains(said, "Warning: nothing reads "+filepath.Join(dir, "templates/order-completed.jsonata")+":") ||
		strings.Count(said, "nothing reads") != 1 {
		t.Errorf("it says:\n%s", said)
	}
}

func TestErrorsIfTheHubCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	hubtest.WriteFile(t, file, "")
	broken := t.TempDir()
	hubtest.WriteFile(t, filepath.Join(broken, "tracking/order-updated/enabled"), "maybe")
	for _, c := range []struct {
		name  string
		args  []string
		wants []string
	}{
		{"the port is in use", []string{"--addr", taken.Addr().String()}, []string{taken.Addr().String() + " is in use", "with ADDR or --addr, for example 127.0.0.1:"}},
		{"the port for webhooks is in use", []string{"--webhooks-addr", taken.Addr().String()}, []string{taken.Addr().String() + " is in use", "with --webhooks-addr, for example 127.0.0.1:"}},
		{"the address for webhooks has no port", []string{"--webhooks-addr", "8443"}, []string{`the address "8443" (from --webhooks-addr)`}},
		{"the certificate has no key", []string{"--webhooks-addr", "127.0.0.1:0", "--tls-cert", file}, []string{"--tls-cert and --tls-key belong together: add --tls-key"}},
		{"the certificate is missing", []string{"--webhooks-addr", "127.0.0.1:0", "--tls-cert", file + "-none", "--tls-key", file}, []string{file + "-none", "--tls-cert is a PEM file"}},
		{"the certificate has no address", []string{"--tls-cert", file, "--tls-key", file}, []string{"add --webhooks-addr"}},
		{"the address has no port", []string{"--addr", "8080"}, []string{`the address "8080"`, "write it like 127.0.0.1:8080"}},
		{"the port is not a number", []string{"--addr", "127.0.0.1:http"}, []string{`has the port "http"`, "write a number"}},
		{"the port is too high", []string{"--addr", "127.0.0.1:70000"}, []string{`has the port "70000"`, "65535"}},
		{"the host is not this machine", []string{"--addr", "192.0.2.1:0"}, []string{"listening on 192.0.2.1:0"}},
		{"the directory is a file", []string{"--dir", file}, []string{"directory " + file, "--dir"}},
		{"a setting is wrong", []string{"--dir", broken}, []string{broken, "parameter tracking/order-updated/enabled"}},
		{"the share is above 1", []string{"--inbox-fail", "50"}, []string{"--inbox-fail 50", "from 0 to 1"}},
		{"the share is not a number", []string{"--inbox-fail", "NaN"}, []string{"--inbox-fail NaN"}},
		{"the share is a word", []string{"--inbox-fail", "x"}, []string{"hub: --inbox-fail x: write a number, for example 0.5\n", "Usage: "}},
		{"the backoff has no unit", []string{"--backoff", "1"}, []string{"hub: --backoff 1: write a time with its unit, for example 200ms or 30s\n"}},
		{"the backoff is zero", []string{"--backoff", "0s"}, []string{"--backoff 0s", "200ms"}},
		{"the log format is unknown", []string{"--log", "xml"}, []string{"--log xml", "text or json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := command(t, "", append([]string{"run", "--addr", "127.0.0.1:0", "--dir", filepath.Join(t.TempDir(), "hub")}, c.args...)...)
			if got.code != exitFailed || got.stdout != "" {
				t.Errorf("exits %d and prints %q", got.code, got.stdout)
			}
			for _, want := range c.wants {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("says %q, want %q in it", got.stderr, want)
				}
			}
		})
	}
}

func TestNothingSecretOrPersonalIsLogged(t *testing.T) {
	for _, form := range []string{"text", "json"} {
		t.Run(form, func(t *testing.T) {
			dir := t.TempDir()
			hubtest.WriteFile(t, filepath.Join(dir, "commerce/webhook-secret"), "PLANTED-secret")
			hubtest.WriteFile(t, filepath.Join(dir, "segment/write-key"), "PLANTED-key")
			h := startIn(t, dir, "--log", form, "--inbox-fail", "0.5", "--backoff", "1ms")
			body := `{"id":"w-%s","triggered_by":%q,"configuration":{"secret_key":"PLANTED-secret"},"payload":{"data":{"type":"order","id":%[1]q,` +
				`"customer":{"name":"PLANTED Ann","email":"PLANTED@example.com"},"meta":{"timestamps":{"updated_at":"2026-11-02T10:00:00Z"}}}}}`
			h.Set("templates/order-refunded", `{"userId": payload.data.id, "event": 1, "properties": {"e": payload.data.customer.email}}`)
			h.Set("templates/order-updated", `$number(payload.data.customer.email)`)
			h.Set("templates/order-completed", hubtest.Simple)
			h.Webhook("order-completed", fmt.Sprintf(body, "delivered", "order.paid"))
			h.Webhook("order-completed", fmt.Sprintf(body, "skipped", "order.updated"))
			h.Webhook("order-refunded", fmt.Sprintf(body, "invalid", "order.refunded"))
			h.Webhook("order-updated", fmt.Sprintf(body, "failing", "order.updated"))
			h.Request("POST", "/webhooks/order-completed", fmt.Sprintf(body, "forged", "order.paid"), serve.KeyHeader, "PLANTED-wrong")
			h.Request("POST", "/webhooks/order-completed", "PLANTED no JSON", serve.KeyHeader, "PLANTED-secret")
			h.AwaitMessages(1)
			for _, said := range []string{"delivered", "skipped", "failed", "retrying", "forged", "not_json"} {
				hubtest.Eventually(t, "the log has "+said, func() bool { return strings.Contains(h.Stderr.String(), said) }, h.Stderr)
			}
			h.Stop()
			if strings.Contains(h.Stderr.String(), "PLANTED") {
				t.Errorf("the log has personal data or a secret:\n%s", h.Stderr)
			}
			if form == "json" {
				wantLogLines(t, h)
			}
		})
	}
}

// wantLogLines fails the test unless each line of a hub's log is JSON with a time and a level,
// and the hub has printed nothing else.
func wantLogLines(t *testing.T, h *hubtest.Hub) {
	t.Helper()
	for text := range strings.Lines(h.Stderr.String()) {
		var line struct {
			Time       time.Time
			Level, Msg string
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Time.IsZero() || line.Level == "" || line.Msg == "" {
			t.Errorf("the line %s lacks something: %v", text, err)
		}
	}
	if h.Stdout.String() != "" {
		t.Errorf("the hub also prints\n%s", h.Stdout)
	}
}

// program starts the built hub, and returns its process and the hub.
func program(t *testing.T, env []string, args ...string) (*exec.Cmd, *hubtest.Hub) {
	t.Helper()
	return programLogging(t, new(hubtest.Log), env, args...)
}

// programLogging is program with another log, for one that is too long to keep.
func programLogging(t *testing.T, log hubtest.Logger, env []string, args ...string) (*exec.Cmd, *hubtest.Hub) {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	h := &hubtest.Hub{T: t, Dir: filepath.Join(t.TempDir(), ".hub"), Stdout: new(hubtest.Log), Stderr: log}
	hub := exec.Command(binary, append([]string{"run", "--dir", h.Dir}, args...)...)
	hub.Env = append(os.Environ(), env...)
	hub.Stdout, hub.Stderr = h.Stdout, h.Stderr
	if err := hub.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hub.Process.Kill(); hub.Wait() })
	h.URL = hubtest.AwaitURL(t, h.Stdout, h.Stderr)
	return hub, h
}

func TestASignalStopsTheProgramAndItPrintsWhatIsKept(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal os.Signal
		posts  int
		says   string
	}{
		{"with nothing waiting", os.Interrupt, 0, "\nStopped. No events are queued.\n"},
		{"with one event waiting", syscall.SIGTERM, 1, "\nStopped. 1 event to be delivered and 0 dead letters are kept in "},
		{"with events waiting", syscall.SIGTERM, 3, "\nStopped. 3 events to be delivered and 0 dead letters are kept in "},
	} {
		t.Run(c.name, func(t *testing.T) {
			hub, h := program(t, []string{"ADDR=127.0.0.1:0"}, "--inbox-fail", "1")
			for n := range c.posts {
				h.Webhook("order-completed", hubtest.Order("order.paid", fmt.Sprint("o-", n)))
			}
			hubtest.Eventually(t, "all are retrying", func() bool { return strings.Count(h.Stderr.String(), "outcome=retrying") == c.posts }, h.Stderr)
			if err := hub.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			if err := hub.Wait(); err != nil {
				t.Errorf("it ends with %v", err)
			}
			if !strings.Contains(h.Stdout.String(), c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, h.Stdout)
			}
		})
	}
}

// Segment never answers, so the deliveries end because the hub stops, and the events are kept.
func TestASignalStopsTheProgramWhileSegmentHangs(t *testing.T) {
	for _, c := range []struct {
		name    string
		signals int
		says    string
	}{
		{"one signal, and the event is kept", 1, "\nStopped. 1 event to be delivered and 0 dead letters are kept in "},
		{"a second signal ends it at once", 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			hub, h := program(t, nil, "--addr", "127.0.0.1:0", "--backoff", "10ms")
			arrived := make(chan struct{}, 10)
			segment := hubtest.StartSegment(t)
			segment.Before = func(r *http.Request, _ int) int {
				arrived <- struct{}{}
				<-r.Context().Done()
				return http.StatusServiceUnavailable
			}
			h.Set("segment/host", segment.URL)
			h.Webhook("order-completed", hubtest.Order("order.paid", "hangs"))
			<-arrived
			for n := range c.signals {
				if err := hub.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				hubtest.Eventually(t, "it stops", func() bool { return n > 0 || strings.Contains(h.Stderr.String(), "msg=\"stopping") }, h.Stderr)
			}
			err := hub.Wait()
			if ended := hub.ProcessState.Sys().(syscall.WaitStatus).Signaled(); ended != (c.signals > 1) {
				t.Errorf("it ends with %v", err)
			}
			if !strings.Contains(h.Stdout.String(), c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, h.Stdout)
			}
			hubtest.WriteFile(t, filepath.Join(h.Dir, "segment/host"), "") // the inbox
			startIn(t, h.Dir).AwaitMessages(1)
		})
	}
}

// A stop waits for the deliveries that have begun. Webhooks are not accepted any more.
func TestStoppingCompletesTheDeliveriesInProgress(t *testing.T) {
	h := start(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	segment := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-answer
	}))
	defer segment.Close()
	release := sync.OnceFunc(func() { close(answer) })
	defer release() // or a failure would hang
	h.Set("segment/host", segment.URL)
	h.Webhook("order-completed", hubtest.Order("order.paid", "slow"))
	<-arrived
	stopped := make(chan int)
	go func() { stopped <- h.Stop() }()
	hubtest.Eventually(t, "webhooks are not accepted any more", func() bool {
		// The order of this webhook is not observed, so it leaves no event.
		status, _ := h.Request("POST", "/webhooks/order-completed", hubtest.Order("order.created", "late"), serve.KeyHeader, h.Parameter("commerce/webhook-secret"))
		return status == http.StatusServiceUnavailable
	}, h.Stderr)
	release()
	if code := <-stopped; code != exitDone {
		t.Errorf("it exits %d", code)
	}
	if !strings.HasSuffix(h.Stdout.String(), "No events are queued.\n") || !strings.Contains(h.Stderr.String(), "outcome=delivered") {
		t.Errorf("the delivery was not completed:\n%s\n%s", h.Stdout, h.Stderr)
	}
}

func TestIdleConnectionsDoNotUseUpFileDescriptors(t *testing.T) {
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"that send nothing": "", "that send half a header": "POST / HTTP/1.1\r\nHo"} {
		t.Run(name, func(t *testing.T) {
			h := &hubtest.Hub{T: t, Dir: filepath.Join(t.TempDir(), ".hub"), Stdout: new(hubtest.Log), Stderr: new(hubtest.Log)}
			hub := exec.Command("sh", "-c", `ulimit -n 600; exec "$@"`, "sh", binary, "run", "--addr", "127.0.0.1:0", "--dir", h.Dir)
			hub.Stdout, hub.Stderr = h.Stdout, h.Stderr
			if err := hub.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { hub.Process.Kill(); hub.Wait() })
			h.URL = hubtest.AwaitURL(t, h.Stdout, h.Stderr)
			h.HoldConnections(700, text)
			h.WantAccepted("genuine")
			if log := h.Stderr.String(); strings.Contains(log, "too many open files") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}
