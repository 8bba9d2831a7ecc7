package cli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/local"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// sendTo runs hub send against a hub.
func sendTo(h *hubtest.Hub, stdin string, args ...string) result {
	h.T.Helper()
	h.AwaitSettings()
	return command(h.T, stdin, append([]string{"send", "--addr", strings.TrimPrefix(h.URL, "http://"), "--dir", h.Dir}, args...)...)
}

func TestSendPrintsTheMessagesThatArrive(t *testing.T) {
	h := start(t)
	h.Set("templates/order-completed", "["+hubtest.Simple+","+hubtest.Simple+"]")
	h.Set("templates/order-refunded", `payload.nothing`)
	h.Set("templates/order-cancelled", `{`)
	h.Set("tracking/order-updated/enabled", "false")
	h.Set("tracking/customer-deleted/enabled", "true")
	for _, c := range []struct {
		name, stdin    string
		args           []string
		stdout, stderr []string // parts of the output
	}{
		{"a sample", "", []string{"customer-created/new-customer"}, []string{"{\n  \"batch\": [\n", "\"messageId\": \"customer-created:"}, []string{"/webhooks/customer-created: 202 Accepted"}},
		{"the same sample again", "", []string{"customer-created/new-customer"}, []string{"\"messageId\": \"customer-created:"}, nil},
		{"standard input, by its event", hubtest.Order("order.paid", "o-1"), []string{"-"}, []string{"order-completed:o-1:0-track:", "order-completed:o-1:1-track:"}, []string{"/webhooks/order-completed: 202"}},
		{"an event that the tracking does not observe", hubtest.Order("order.paid", "o-2"), []string{"-", "--tracking", "order-refunded"}, nil, []string{"Segment received nothing: order-refunded observes order.refunded and order.updated, not order.paid."}},
		{"an event that the template filters", hubtest.Order("order.refunded", "o-3"), []string{"-"}, nil, []string{"Segment received nothing: the template filters this event."}},
		{"a tracking that is disabled", hubtest.Order("order.updated", "o-4"), []string{"-"}, nil, []string{"Segment received nothing: order-updated is disabled in the settings."}},
		{"a deletion", "", []string{"customer-deleted/deleted"}, nil, []string{"Segment received nothing: Segment is not asked to delete users while messages go to the inbox"}},
		{"a template that is broken", hubtest.Order("order.cancelled", "o-5"), []string{"-"}, nil, []string{"Segment received nothing: ", "order-cancelled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := sendTo(h.In(t), c.stdin, c.args...)
			if got.code != exitDone || c.stdout == nil && got.stdout != "" {
				t.Errorf("got %+v", got)
			}
			for _, want := range c.stdout {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("prints %s, want %q in it", got.stdout, want)
				}
			}
			for _, want := range c.stderr {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("says %s, want %q in it", got.stderr, want)
				}
			}
		})
	}
}

func TestAChangeIsInEffectWhenTheCommandEnds(t *testing.T) {
	h := start(t)
	for _, c := range []struct{ flag, stdout, stderr string }{
		{"--enable", "\"messageId\": \"account-created:", "202 Accepted"},
		{"--disable", "", "Segment received nothing: account-created is disabled in the settings."},
	} {
		succeeds(t, "configure", "--no-input", c.flag, "account-created", "--dir", h.Dir)
		if got := sendTo(h, "", "account-created/new-account"); !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
			t.Errorf("after %s it prints %s and says %s", c.flag, got.stdout, got.stderr)
		}
	}
}

func TestSendSaysWhatTheHubDidWithTheWebhook(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		says   string
	}{
		{"Segment accepts it", http.StatusOK, "look for the messages there"},
		{"Segment fails", http.StatusInternalServerError, "Segment received nothing. Order Completed is not sent yet. Attempt 1 failed: segment_500."},
	} {
		t.Run(c.name, func(t *testing.T) {
			segment := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(c.status) }))
			defer segment.Close()
			h := start(t)
			h.Set("segment/host", segment.URL)
			if got := sendTo(h, "", local.SampleName); got.code != exitDone || !strings.Contains(got.stderr, c.says) || strings.Contains(got.stderr, "look for") != (c.status == http.StatusOK) {
				t.Errorf("it exits %d and says %s", got.code, got.stderr)
			}
		})
	}
	t.Run("the hub has other settings than the command reads", func(t *testing.T) {
		h, other := start(t), t.TempDir()
		for _, name := range []string{"commerce/webhook-secret", "console-key", "segment/write-key"} {
			hubtest.WriteFile(t, filepath.Join(other, name), h.Parameter(name))
		}
		hubtest.WriteFile(t, filepath.Join(other, "tracking/account-created/enabled"), "true")
		if got := sendTo(h, "", "account-created/new-account", "--dir", other); !strings.Contains(got.stderr, "Segment received nothing. Account Created was not sent, as intended: the tracking is disabled.") {
			t.Errorf("it exits %d and says %s", got.code, got.stderr)
		}
	})
}

func TestSendFindsTheTracking(t *testing.T) {
	for _, c := range []struct{ name, tracking, source, event, want string }{
		{"the one that is named", "order-updated", "order-completed/x.json", "order.paid", "order-updated"},
		{"the one of the folder", "", "/some/where/order-refunded/x.json", "order.paid", "order-refunded"},
		{"the one that observes the event", "", "x.json", "order.paid", "order-completed"},
		{"the one that can observe the event", "", "-", "customer.deleted", "customer-updated"},
		{"an event of two trackings", "", "-", "order.authorized", ""},
		{"an event of none", "", "-", "cart.updated", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := trackingFor(c.tracking, c.source, []byte(hubtest.Order(c.event, "o")))
			if got.Name != c.want || (err == nil) != (c.want != "") {
				t.Errorf("it is %q, %v, want %q", got.Name, err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), "--tracking") {
				t.Errorf("%q does not say what to do", err)
			}
		})
	}
}

func TestSendRejectsAFileThatIsNotAWebhook(t *testing.T) {
	if _, err := trackingFor("", "order.json", []byte(`{"data": {}}`)); err == nil || !strings.HasPrefix(err.Error(), `order.json has no "triggered_by"`) {
		t.Errorf("it says %v", err)
	}
}

func TestAWebhookIsReadFromAFileInUTF8(t *testing.T) {
	const webhook = `{"triggered_by": "order.paid"}`
	inUTF16 := string([]byte{0xff, 0xfe})
	for _, c := range webhook {
		inUTF16 += string(c) + "\x00"
	}
	for name, c := range map[string]struct{ content, says string }{
		"in UTF-8":                        {webhook, ""},
		"in UTF-8 with a byte order mark": {"\ufeff" + webhook, ""},
		"in UTF-16":                       {inUTF16, "it begins with a UTF-16 byte order mark: save it as UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "order.json")
			hubtest.WriteFile(t, file, c.content)
			body, err := readWebhook(newSend(), file)
			switch {
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("it says %v", err)
			case c.says == "" && eventOf(body) != "order.paid":
				t.Errorf("it has the event %q, error %v", eventOf(body), err)
			}
		})
	}
}

func TestErrorsOfSend(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := silent.Addr().String()
	silent.Close()
	another := httptest.NewServer(http.NotFoundHandler())
	defer another.Close()
	h := start(t)
	other := filepath.Join(t.TempDir(), "other")
	hubtest.WriteFile(t, filepath.Join(other, "commerce/webhook-secret"), "other")
	outdated := filepath.Join(t.TempDir(), "outdated")
	hubtest.WriteFile(t, filepath.Join(outdated, "commerce/webhook-secret"), "outdated")
	hubtest.WriteFile(t, filepath.Join(outdated, "console-key"), h.Parameter("console-key"))
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no hub runs", []string{"--addr", closed}, "nothing listens on " + closed + ": start it with make run"},
		{"something else runs", []string{"--addr", another.Listener.Addr().String()}, "is not a hub: it has no inbox"},
		{"there are no settings in the directory", []string{"--dir", t.TempDir()}, "holds no webhook secret: start the hub once with make run"},
		{"the directory is that of another hub", []string{"--dir", other}, "does not accept the key in " + filepath.Join(other, "console-key") + ": name the hub's directory with --dir, or its address with --addr or ADDR"},
		{"the webhook secret is outdated", []string{"--dir", outdated}, "401 Unauthorized {\"code\":\"forged\"}: the hub has another webhook secret"},
		{"an invalid address", []string{"--to", "http://127.0.0.1:99999"}, "127.0.0.1:99999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sendTo(h, "", append(c.args, local.SampleName)...); got.code != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, c.want) {
				t.Errorf("got %+v, want %q in it", got, c.want)
			}
		})
	}
}

func TestSendPostsElsewhereWithoutWaitingForAnInbox(t *testing.T) {
	h := start(t)
	secret := h.Parameter("commerce/webhook-secret")
	for _, c := range []struct{ name, path, want string }{
		{"to a server", "", "/webhooks/order-completed"},
		{"to a server with a slash", "/", "/webhooks/order-completed"},
		{"to another path", "/stage/webhooks/order-completed", "/stage/webhooks/order-completed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var path, key string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path, key = r.URL.Path, r.Header.Get(serve.KeyHeader)
				w.WriteHeader(http.StatusAccepted)
			}))
			defer server.Close()
			got := sendTo(h, "", local.SampleName, "--to", server.URL+c.path)
			if got.code != exitDone || path != c.want || key != secret {
				t.Errorf("posted to %q with the key %q: %+v", path, key, got)
			}
		})
	}
	t.Run("and does not follow a redirect with the secret", func(t *testing.T) {
		var followed bool
		target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
		defer target.Close()
		server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
		defer server.Close()
		if got := sendTo(h, "", local.SampleName, "--to", server.URL); got.code != exitFailed || followed {
			t.Errorf("got %+v, followed: %v", got, followed)
		}
	})
}

func TestSamplesAreListed(t *testing.T) {
	got := command(t, "", "samples")
	if got.code != exitDone {
		t.Fatalf("got %+v", got)
	}
	for _, sample := range templates.Samples() {
		if !strings.Contains(got.stdout, "\n"+sample.Name+" ") {
			t.Errorf("%s is not listed", sample.Name)
		}
		named, err := tracking.ByName(sample.Tracking)
		if err != nil {
			t.Error(err)
		}
		if event := eventOf(sample.Body); !strings.Contains(strings.Join(named.Observable(), " "), event) {
			t.Errorf("%s has the event %q, which its tracking cannot observe", sample.Name, event)
		}
	}
	if _, ok := findSample(local.SampleName); !ok {
		t.Errorf("the sample %s, which hub run prints, is not bundled", local.SampleName)
	}
}
