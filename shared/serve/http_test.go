package serve

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool/spooltest"
)

type request = events.APIGatewayV2HTTPRequest

func TestARequestIsAnsweredWithAStatusAndACode(t *testing.T) {
	cases := []struct {
		name   string
		change func(*request)
		status int
		code   string
		kept   int // events on the queue
	}{
		{"a webhook", func(*request) {}, 202, "accepted", 1},
		{"a webhook in base64", func(r *request) {
			r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(r.Body)), true
		}, 202, "accepted", 1},
		// HTTP header names are case-insensitive. AWS writes them in lower case, other servers do not.
		{"a key under its documented name", func(r *request) { r.Headers = map[string]string{"X-MOLTIN-SECRET-KEY": secret} }, 202, "accepted", 1},
		{"a key under a name as Go writes it", func(r *request) { r.Headers = map[string]string{"X-Moltin-Secret-Key": secret} }, 202, "accepted", 1},
		{"a path with a stage before it", func(r *request) { r.RawPath = "/prod" + r.RawPath }, 202, "accepted", 1},
		{"a path with a slash after it", func(r *request) { r.RawPath += "/" }, 202, "accepted", 1},
		{"a path with two slashes before it", func(r *request) { r.RawPath = "/" + r.RawPath }, 202, "accepted", 1},
		{"the same key twice", func(r *request) { r.Headers["x-moltin-secret-key"] = secret + "," + secret }, 202, "accepted", 1},
		{"the same key three times, with white space", func(r *request) { r.Headers["x-moltin-secret-key"] = secret + ", " + secret + " ," + secret }, 202, "accepted", 1},
		{"the same key under two names", func(r *request) { r.Headers["X-MOLTIN-SECRET-KEY"] = secret }, 202, "accepted", 1},
		{"the key and another one", func(r *request) { r.Headers["x-moltin-secret-key"] = secret + ",guess" }, 401, "forged", 0},
		{"another key and the key", func(r *request) { r.Headers["x-moltin-secret-key"] = "guess," + secret }, 401, "forged", 0},
		{"the key and none", func(r *request) { r.Headers["x-moltin-secret-key"] = secret + "," }, 401, "forged", 0},
		{"the key and another one under two names", func(r *request) { r.Headers["X-MOLTIN-SECRET-KEY"] = "guess" }, 401, "forged", 0},
		{"a wrong key twice", func(r *request) { r.Headers["x-moltin-secret-key"] = "guess,guess" }, 401, "forged", 0},
		{"a body that is declared not to be compressed", func(r *request) { r.Headers["Content-Encoding"] = "identity" }, 202, "accepted", 1},
		{"a body in gzip", func(r *request) { r.Headers["content-encoding"] = "gzip" }, 415, "unsupported_encoding_gzip", 0},
		{"a body in gzip, in capitals", func(r *request) { r.Headers["Content-Encoding"] = "GZIP" }, 415, "unsupported_encoding_gzip", 0},
		{"a body in Brotli", func(r *request) { r.Headers["content-encoding"] = "br" }, 415, "unsupported_encoding_br", 0},
		{"a body that is compressed twice", func(r *request) { r.Headers["content-encoding"] = "gzip, br" }, 415, "unsupported_encoding", 0},
		{"a body in an unknown content coding", func(r *request) { r.Headers["content-encoding"] = "ron.swanson" }, 415, "unsupported_encoding", 0},
		{"a body in UTF-8", func(r *request) { r.Headers["content-type"] = "application/json; charset=UTF-8" }, 202, "accepted", 1},
		{"a body in quoted UTF-8", func(r *request) { r.Headers["content-type"] = `application/json; charset="utf-8"` }, 202, "accepted", 1},
		{"a body in ISO-8859-1", func(r *request) { r.Headers["content-type"] = "application/json;charset=ISO-8859-1" }, 415, "unsupported_charset", 0},
		{"a body in UTF-16", func(r *request) { r.Headers["content-type"] = "application/json; charset=utf-16" }, 415, "unsupported_charset", 0},
		{"an invalid content type", func(r *request) { r.Headers["content-type"] = ";;" }, 202, "accepted", 1},
		{"a body with a byte order mark", func(r *request) { r.Body = "\ufeff" + r.Body }, 202, "accepted", 1},
		{"a wrong key", func(r *request) { r.Headers["x-moltin-secret-key"] = "guess" }, 401, "forged", 0},
		{"no key", func(r *request) { r.Headers = nil }, 401, "forged", 0},
		{"no body", func(r *request) { r.Body = "" }, 400, "not_json", 0},
		{"a body that is not JSON", func(r *request) { r.Body = "hello" }, 400, "not_json", 0},
		{"invalid base64", func(r *request) { r.IsBase64Encoded = true }, 400, "not_base64", 0},
		{"a body that is too large", func(r *request) { r.Body = strings.Repeat(" ", relay.MaxBody) + webhook }, 413, "too_large", 0},
		{"another path", func(r *request) { r.RawPath = "/" }, 404, "not_found", 0},
		{"no path", func(r *request) { r.RawPath = "" }, 404, "not_found", 0},
		{"another tracking's path", func(r *request) { r.RawPath = "/webhooks/order-updated" }, 404, "not_found", 0},
		{"a path with a similar end", func(r *request) { r.RawPath = "/webhooks/re-order-completed" }, 404, "not_found", 0},
		{"another method", func(r *request) { r.RequestContext.HTTP.Method = http.MethodGet }, 405, "method_not_allowed", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			queue := spooltest.NewMemory()
			f, _, log := newFunction(queue)
			response, err := f.HTTP(t.Context(), post(c.change))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "status", response.StatusCode, c.status)
			equal(t, "body", response.Body, `{"code":"`+c.code+`"}`)
			equal(t, "content type", response.Headers["Content-Type"], "application/json")
			equal(t, "kept", queue.Counts().Visible, c.kept)
			if c.status == 405 {
				equal(t, "allowed", response.Headers["Allow"], "POST")
			}
			notLogged := c.code == "not_found" || c.code == "method_not_allowed" || c.code == "not_base64"
			if logged := strings.Contains(log.String(), `"outcome":"`+c.code+`"`); logged == notLogged {
				t.Errorf("the log contains %s: %t, got %s", c.code, logged, log)
			}
		})
	}
}

// broken is a Configuration with a bug in it.
type broken struct{ fixed }

func (broken) Current(context.Context) (relay.Config, error) { panic("with ron.swanson@moltin.com") }

// A panic that reaches aws-lambda-go ends the process: Commerce gets a 502, and the next
// event has to wait for a cold start.
func TestAPanicIsA503AndALogLine(t *testing.T) {
	f, _, log := newFunction(nil)
	f.Relay.Configuration = broken{}
	response, err := f.HTTP(t.Context(), post())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "status", response.StatusCode, 503)
	equal(t, "body", response.Body, `{"code":"unavailable"}`)
	if !strings.Contains(log.String(), "broken") || !strings.Contains(log.String(), "ERROR") {
		t.Errorf("the log does not show where: %s", log)
	}
	if strings.Contains(log.String(), "swanson") {
		t.Errorf("the log quotes the value of the panic: %s", log)
	}
}

func FuzzHTTP(f *testing.F) {
	f.Add("POST", "/webhooks/order-completed", "x-moltin-secret-key", secret, webhook, false)
	f.Add("POST", "/webhooks/order-completed/", "X-MOLTIN-SECRET-KEY", secret, base64.StdEncoding.EncodeToString([]byte(webhook)), true)
	f.Add("POST", "/prod/webhooks/order-completed", "X-Moltin-Secret-Key", "guess", webhook, false)
	f.Add("POST", "/webhooks/order-completed", "x-moltin-secret-key", secret, `{"id":`, false)
	f.Add("POST", "/webhooks/order-completed", "x-moltin-secret-key", secret, "=", true)
	f.Add("GET", "/", "", "", "", false)
	statuses := []int{202, 400, 401, 404, 405, 413, 415}
	f.Fuzz(func(t *testing.T, method, path, name, key, body string, inBase64 bool) {
		queue := spooltest.NewMemory()
		function, _, log := newFunction(queue)
		response, err := function.HTTP(t.Context(), post(func(r *request) {
			r.RequestContext.HTTP.Method, r.RawPath, r.Body, r.IsBase64Encoded = method, path, body, inBase64
			r.Headers = map[string]string{name: key}
		}))
		if err != nil || !slices.Contains(statuses, response.StatusCode) {
			t.Fatalf("got status %d, error %v: %s", response.StatusCode, err, log)
		}
		// 202 is a promise to Commerce: an event is kept if and only if it is accepted.
		kept := queue.Counts().Visible
		if (response.StatusCode == 202) != (kept == 1) {
			t.Fatalf("answered %d and kept %d", response.StatusCode, kept)
		}
		if once(key) != secret && kept+queue.Counts().Dead > 0 {
			t.Fatalf("a body with the key %q is kept", key)
		}
	})
}

// A server can reject a request before it reads the body. The answer to an unauthenticated
// client, and its log line, show only that the key is wrong.
func TestARequestIsRejectedByItsHeaders(t *testing.T) {
	cases := []struct {
		name    string
		change  func(*request)
		status  int // 0 if it is not rejected
		outcome string
	}{
		{"a genuine webhook", func(*request) {}, 0, ""},
		{"a wrong key", func(r *request) { r.Headers["x-moltin-secret-key"] = "guess" }, 401, "forged"},
		{"no key", func(r *request) { r.Headers = nil }, 401, "forged"},
		{"a compressed body", func(r *request) { r.Headers["content-encoding"] = "gzip" }, 415, "unsupported_encoding_gzip"},
		{"a compressed body with a wrong key", func(r *request) {
			r.Headers["content-encoding"], r.Headers["x-moltin-secret-key"] = "gzip", "guess"
		}, 401, "forged"},
		{"another path", func(r *request) { r.RawPath = "/" }, 404, ""},
		{"another method", func(r *request) { r.RequestContext.HTTP.Method = http.MethodGet }, 405, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, _, log := newFunction(spooltest.NewMemory())
			response, rejected := f.Reject(t.Context(), post(c.change, func(r *request) { r.Body = "" }))
			equal(t, "rejected", rejected, c.status != 0)
			if rejected {
				equal(t, "status", response.StatusCode, c.status)
			}
			if c.outcome != "" && strings.Count(log.String(), c.outcome) != 1 || c.outcome == "" && log.String() != "" {
				t.Errorf("the log is\n%s", log)
			}
		})
	}
}
