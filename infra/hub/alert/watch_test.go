package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"commerce-segment/infra/hub/health"
	"commerce-segment/shared/settings"
)

// fixed are parameters that do not change.
type fixed map[string]string

func (f fixed) Parameters(context.Context, []string) (map[string]string, error) { return f, nil }

// watched is a Watcher whose judgements a test sets, and what it logged.
type watched struct {
	Watcher
	log bytes.Buffer
}

func watch(parameters settings.Source) *watched {
	w := &watched{Watcher: Watcher{Settings: parameters, Pace: Pace{Console: "http://hub"}}}
	w.Log = slog.New(slog.NewTextHandler(&w.log, nil))
	return w
}

// in judges the health in a minute.
func (w *watched) in(t *testing.T, minute int, problems ...health.Problem) {
	w.Judge = func(context.Context) health.Judgement { return judged(minute, problems...) }
	w.look(t.Context())
}

// slack is a stand-in for a webhook.
type slack struct {
	*httptest.Server
	status int
	bodies []string
}

func startSlack(t *testing.T) *slack {
	s := &slack{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.bodies = append(s.bodies, r.URL.Path+" "+string(body))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(s.status)
		io.WriteString(w, "PLANTED answer")
	}))
	t.Cleanup(s.Close)
	return s
}

func TestAlertsByWebhook(t *testing.T) {
	s := startSlack(t)
	w := watch(fixed{settings.AlertWebhook: s.URL + "/services/PLANTED\n"})
	w.in(t, 0)
	w.in(t, 1, broken)
	w.in(t, 2, broken)
	w.in(t, 3)
	w.in(t, 4)
	if len(s.bodies) != 2 || !strings.Contains(s.bodies[0], `/services/PLANTED {"text":"*commerce-segment is broken*\nThe template fails.\nSince: 2026-11-24 10:01 UTC`) ||
		!strings.Contains(s.bodies[1], "works again") {
		t.Errorf("it posted %q", s.bodies)
	}
	if w.log.Len() > 0 {
		t.Errorf("it logged %s", w.log.String())
	}
}

// An outage of the webhook must be logged once, without the URL, and the newest message must
// be sent when it is over.
func TestAWebhookThatFails(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusFound} {
		s := startSlack(t)
		s.status = status
		w := watch(fixed{settings.AlertWebhook: s.URL + "/services/PLANTED"})
		w.in(t, 1, broken)
		w.in(t, 2, broken)
		if logged := w.log.String(); strings.Count(logged, "alerts cannot be sent") != 1 || strings.Contains(logged, "PLANTED") {
			t.Errorf("after two failures it logged:\n%s", logged)
		}
		w.in(t, 3)
		s.status = http.StatusOK
		w.in(t, 4)
		w.in(t, 5)
		if len(s.bodies) != 4 || !strings.Contains(s.bodies[3], "works again") || !strings.Contains(w.log.String(), "alerts can be sent again") {
			t.Errorf("it posted %q and logged:\n%s", s.bodies, w.log.String())
		}
	}
}

func TestAWebhookThatCannotBeReached(t *testing.T) {
	s := startSlack(t)
	s.Close()
	w := watch(fixed{settings.AlertWebhook: s.URL + "/services/PLANTED"})
	w.in(t, 1, broken)
	if logged := w.log.String(); !strings.Contains(logged, "connection was refused") || strings.Contains(logged, "PLANTED") {
		t.Errorf("it logged:\n%s", logged)
	}
}

func TestTheHubSurvivesItsAlerts(t *testing.T) {
	w := watch(fixed{settings.AlertWebhook: "https://127.0.0.1:1/"})
	w.Judge = func(context.Context) health.Judgement { panic("PLANTED") }
	w.look(t.Context())
	if logged := w.log.String(); !strings.Contains(logged, "panic") || strings.Contains(logged, "PLANTED") {
		t.Errorf("it logged:\n%s", logged)
	}
}

func TestNothingIsJudgedWithoutAlerts(t *testing.T) {
	w := watch(fixed{})
	w.Judge = func(context.Context) health.Judgement { t.Error("it judged"); return health.Judgement{} }
	w.look(t.Context())
}

func TestBodies(t *testing.T) {
	m := Message{"a <title>", "one & two\nthree"}
	for host, want := range map[string]string{
		"hooks.slack.com":                     `{"text":"*a \u0026lt;title\u0026gt;*\none \u0026amp; two\nthree"}`,
		"prod-1.westeurope.logic.azure.com":   `"type":"AdaptiveCard"`,
		"x.environment.api.powerplatform.com": `"text":"one \u0026 two\n\nthree"`,
		"logic.azure.com.example.com":         `{"text":`,
		"Tenant.WEBHOOK.office.com":           `"contentType":"application/vnd.microsoft.card.adaptive"`,
	} {
		body, err := json.Marshal(bodyFor(host, m))
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s gets %s, %v; want %s", host, body, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	mail := func(change string, to string) fixed {
		f := fixed{settings.AlertMailTo: "a@example.com, Ops <b@example.com>", settings.AlertMailFrom: "hub@example.com", settings.AlertSMTPServer: "mail.example.com:587"}
		f[change] = to
		return f
	}
	for _, c := range []struct {
		parameters fixed
		says       string // empty if they are valid
	}{
		{fixed{}, ""},
		{fixed{settings.AlertWebhook: "https://hooks.slack.com/services/PLANTED"}, ""},
		{fixed{settings.AlertWebhook: "http://127.0.0.1:1/PLANTED"}, ""},
		{fixed{settings.AlertWebhook: "http://hooks.slack.com/PLANTED"}, "alerts/webhook is not a URL that begins with https://"},
		{fixed{settings.AlertWebhook: "PLANTED"}, "alerts/webhook is not a URL"},
		{fixed{settings.AlertWebhook: "https://PLANTED\x7f/"}, "alerts/webhook is not a URL"},
		{mail("", ""), ""},
		{mail(settings.AlertMailTo, "PLANTED"), "alerts/mail-to is not"},
		{mail(settings.AlertMailFrom, "PLANTED"), "alerts/mail-from is not"},
		{mail(settings.AlertSMTPServer, "PLANTED"), "alerts/smtp-server is not HOST:PORT"},
		{mail(settings.AlertSMTPServer, "PLANTED:70000"), "alerts/smtp-server is not HOST:PORT"},
		{mail(settings.AlertSMTPPassword, "PLANTED"), "belong together"},
	} {
		switch err := Check(c.parameters); {
		case c.says == "" && err != nil, c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "PLANTED")):
			t.Errorf("%v: %v, want %q", c.parameters, err, c.says)
		}
	}
}
