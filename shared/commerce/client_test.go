package commerce

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/apicall"
	"commerce-segment/shared/jsontext"
	"commerce-segment/shared/loggable"
)

// inStore runs a test with a client of a test store, in virtual time.
func inStore(t *testing.T, test func(t *testing.T, store *commercetest.Server, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := commercetest.New()
		test(t, store, clientOf(t, store))
	})
}

func clientOf(t *testing.T, transport http.RoundTripper) *Client {
	t.Helper()
	c, err := NewClient(Credentials{ExampleURL, commercetest.ClientID, commercetest.ClientSecret}, transport)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.Get(t.Context(), "/v2/customers"); err != nil {
		t.Fatal(err)
	}
}

func TestNewClientRejectsInvalidCredentials(t *testing.T) {
	for _, c := range []struct {
		name, message string
		credentials   Credentials
	}{
		{"no id", "client id", Credentials{URL: ExampleURL, ClientSecret: "s"}},
		{"no secret", "client secret", Credentials{URL: ExampleURL, ClientID: "i"}},
		{"no URL", "is not the URL of a store", Credentials{ClientID: "i", ClientSecret: "s"}},
	} {
		if _, err := NewClient(c.credentials, nil); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestATokenIsUsedUntilShortlyBeforeItsExpiry(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		get(t, c)
		time.Sleep(store.TokenLife - tokenMargin - time.Second)
		get(t, c)
		if got := len(store.Requests(TokenPath)); got != 1 {
			t.Errorf("%d tokens were requested before its expiry, want 1", got)
		}
		time.Sleep(2 * time.Second)
		get(t, c)
		if got := len(store.Requests(TokenPath)); got != 2 {
			t.Errorf("%d tokens were requested shortly before its expiry, want 2", got)
		}
	})
}

func TestConcurrentCallersShareOneToken(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		store.Fail(commercetest.Fault{Path: TokenPath, Status: 503, Times: 2})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { get(t, c) })
		}
		all.Wait()
		if got := len(store.Requests(TokenPath)); got != 3 {
			t.Errorf("%d requests for a token, want three: two that failed and one that succeeded", got)
		}
	})
}

// All callers wait for the token that one of them requests. If its context ends, the
// others must not fail.
func TestACallerWhoseContextEndsDoesNotFailTheOthers(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		store.Fail(commercetest.Fault{Path: TokenPath, Status: 503})
		hasty, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.Get(hasty, "/v2/customers"); err == nil {
				t.Error("the caller whose context ended got an answer")
			}
		})
		synctest.Wait()
		all.Go(func() { get(t, c) })
		synctest.Wait()
		cancel()
		all.Wait()
	})
}

func TestARejectedTokenIsReplacedOnce(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		get(t, c)
		store.EndTokens()
		get(t, c)
		if got := len(store.Requests(TokenPath)); got != 2 {
			t.Errorf("%d tokens were requested, want 2", got)
		}
		store.Fail(commercetest.Fault{Path: "/v2/customers", Status: 401, Times: 10})
		_, err := c.Get(t.Context(), "/v2/customers")
		if !isStatus(err, 401) || len(store.Requests(TokenPath)) != 3 {
			t.Errorf("%v after %d tokens", err, len(store.Requests(TokenPath)))
		}
	})
}

func TestBothFormsOfATokenAnswerAreRead(t *testing.T) {
	for _, answer := range []string{
		`{"access_token":"a","expires_in":3600}`,
		`{"data":{"access_token":"a","expires_in":3600}}`,
	} {
		inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
			store.Fail(commercetest.Fault{Path: TokenPath, Status: 200, Body: answer})
			if token, err := c.token(t.Context(), false); token != "a" || err != nil {
				t.Errorf("%s: %q, %v", answer, token, err)
			}
		})
	}
}

func TestOnlyTemporaryFailuresAreRepeated(t *testing.T) {
	for _, c := range []struct {
		name     string
		fault    commercetest.Fault
		attempts int
		ok       bool
		waits    time.Duration // at least
	}{
		{"a 500", commercetest.Fault{Status: 500, Times: 2}, 3, true, time.Second},
		{"a connection that breaks", commercetest.Fault{Break: true}, 2, true, 400 * time.Millisecond},
		{"a 429 with Retry-After", commercetest.Fault{Status: 429, Header: map[string]string{"Retry-After": "7"}}, 2, true, 7 * time.Second},
		{"a 429 without Retry-After", commercetest.Fault{Status: 429}, 2, true, 400 * time.Millisecond},
		{"a 503 with a Retry-After that is too long", commercetest.Fault{Status: 503, Header: map[string]string{"Retry-After": "61"}}, 1, false, 0},
		{"a 500 that does not end", commercetest.Fault{Status: 500, Times: 100}, apicall.MaxAttempts, false, 6 * time.Second},
		{"a 403", commercetest.Fault{Status: 403}, 1, false, 0},
		{"a 404", commercetest.Fault{Status: 404}, 1, false, 0},
		{"a 422", commercetest.Fault{Status: 422}, 1, false, 0},
		{"a redirect", commercetest.Fault{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example"}}, 1, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, func(t *testing.T, store *commercetest.Server, client *Client) {
				c.fault.Path = "/v2/customers"
				store.Fail(c.fault)
				began := time.Now()
				_, err := client.Get(t.Context(), "/v2/customers")
				if attempts := len(store.Requests("/v2/customers")); (err == nil) != c.ok || attempts != c.attempts {
					t.Errorf("%v after %d attempts, want %d", err, attempts, c.attempts)
				}
				if waited := time.Since(began); waited < c.waits || c.attempts == 1 && waited != 0 {
					t.Errorf("it waited %v, want %v", waited, c.waits)
				}
			})
		})
	}
}

func TestGetOnceMakesOneAttempt(t *testing.T) {
	for _, failing := range []string{"/v2/customers", TokenPath} {
		inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
			store.Fail(commercetest.Fault{Path: failing, Status: 503})
			started := time.Now()
			if _, err := c.GetOnce(t.Context(), "/v2/customers"); !isStatus(err, 503) || len(store.Requests(failing)) != 1 || time.Since(started) > 0 {
				t.Errorf("%s: %v after %d requests and %v", failing, err, len(store.Requests(failing)), time.Since(started))
			}
		})
	}
}

// A caller that needs the answer does not fail with the only attempt of one that does not.
func TestGetFetchesATokenAgainAfterTheOnlyAttemptOfAnother(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		c.transport = loggable.Transport(slowly{store, time.Second})
		store.Fail(commercetest.Fault{Path: TokenPath, Status: 503})
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.GetOnce(t.Context(), "/v2/customers"); !isStatus(err, 503) {
				t.Errorf("the first call returns %v", err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		all.Go(func() { get(t, c) })
		all.Wait()
	})
}

// slowly is a transport that takes some time for each answer.
type slowly struct {
	http.RoundTripper
	takes time.Duration
}

func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.takes)
	return s.RoundTripper.RoundTrip(r)
}

// A call that cannot be made in time must not delay those that can.
func TestACallWithoutTimeForItsTurnTakesNone(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		get(t, c)
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			_, _ = c.GetOnce(ctx, "/v2/customers")
			cancel()
		}
		started := time.Now()
		get(t, c)
		if waited := time.Since(started); waited > 200*time.Millisecond {
			t.Errorf("it waits %v for calls that were not made", waited)
		}
	})
}

func TestACallEndsByTheCallersDeadline(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		get(t, c)
		store.Fail(commercetest.Fault{Path: "/v2/customers", Status: 429, Header: map[string]string{"Retry-After": "30"}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		_, err := c.Get(ctx, "/v2/customers")
		if !isStatus(err, 429) || !strings.Contains(err.Error(), "no time was left") || time.Since(began) != 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Get(ctx, "/v2/customers"); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

// With a second integration Commerce would send every event twice.
func TestACreationIsRepeatedOnlyIfNothingWasCreated(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   commercetest.Fault
		created int
		message string // empty if it succeeds
	}{
		{"the rate limit rejects it", commercetest.Fault{Status: 429}, 1, ""},
		{"the token is rejected", commercetest.Fault{Status: 401}, 1, ""},
		{"its answer is lost", commercetest.Fault{Break: true, AfterProcessing: true}, 1, "check before you try again"},
		{"Commerce fails after it", commercetest.Fault{Status: 502, AfterProcessing: true}, 1, "check before you try again"},
		{"Commerce rejects it", commercetest.Fault{Status: 422}, 0, "correct the setting that Commerce names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, func(t *testing.T, store *commercetest.Server, client *Client) {
				c.fault.Method, c.fault.Path = http.MethodPost, integrationsPath
				store.Fail(c.fault)
				_, err := client.CreateWebhook(t.Context(), webhook("one"))
				if (err == nil) != (c.message == "") || err != nil && !strings.Contains(err.Error(), c.message) {
					t.Errorf("the error is %v", err)
				}
				if got := len(store.Integrations()); got != c.created {
					t.Errorf("there are %d integrations, want %d", got, c.created)
				}
			})
		})
	}
}

func TestACreationIsRepeatedIfThereWasNoConnection(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, _ *Client) {
		attempts := 0
		c := clientOf(t, transport(func(r *http.Request) (*http.Response, error) {
			if attempts++; r.URL.Path == integrationsPath && attempts < 3 {
				return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
			}
			return store.RoundTrip(r)
		}))
		if _, err := c.CreateWebhook(t.Context(), webhook("one")); err != nil || len(store.Integrations()) != 1 {
			t.Errorf("%v, %d integrations", err, len(store.Integrations()))
		}
	})
}

// A mistyped host is an error at once, without retries.
func TestAHostThatDoesNotExistIsCalledOnce(t *testing.T) {
	for name, cause := range map[string]error{
		"no such host":        &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}},
		"a wrong certificate": &tls.CertificateVerificationError{Err: errors.New("another host")},
	} {
		attempts := 0
		c := clientOf(t, transport(func(*http.Request) (*http.Response, error) {
			attempts++
			return nil, cause
		}))
		if _, err := c.Get(t.Context(), "/v2/customers"); !errors.Is(err, cause) || attempts != 1 || !strings.Contains(err.Error(), "check the network and the Commerce URL") {
			t.Errorf("%s: %v after %d attempts", name, err, attempts)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func TestADeletionWithALostAnswerSucceeds(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		one, err := c.CreateWebhook(t.Context(), webhook("one"))
		if err != nil {
			t.Fatal(err)
		}
		store.Fail(commercetest.Fault{Method: http.MethodDelete, Break: true, AfterProcessing: true})
		if err := c.DeleteIntegration(t.Context(), one.ID); err != nil {
			t.Error(err)
		}
		if err := c.DeleteIntegration(t.Context(), one.ID); !isStatus(err, 404) {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestAnErrorSaysWhatToDoAndQuotesNoSecret(t *testing.T) {
	const path = "/v2/customers"
	for _, c := range []struct {
		name  string
		fault commercetest.Fault
		want  []string
	}{
		{"wrong credentials", commercetest.Fault{Path: TokenPath, Status: 401},
			[]string{"POST /oauth/access_token: Commerce answered 401 (Unauthorized)", "client id and the client secret"}},
		{"a wrong host", commercetest.Fault{Path: TokenPath, Status: 404, Body: "<html>"},
			[]string{"404 (Not Found)", "base URL"}},
		{"a page instead of a token", commercetest.Fault{Path: TokenPath, Status: 200, Body: "<html>"},
			[]string{"unreadable", "base URL"}},
		{"no permission", commercetest.Fault{Path: path, Status: 403, Body: `{"errors":[{"status":403,"title":"Forbidden","detail":"jane@example.com"}]}`},
			[]string{"GET /v2/customers: Commerce answered 403 (Forbidden)", "permission"}},
		{"an unsupported query", commercetest.Fault{Path: path, Status: 400, Body: `{"errors":{"status":400,"title":"jane@example.com"}}`},
			[]string{"400 (Bad Request)", "does not accept this request"}},
		{"a path without a resource", commercetest.Fault{Path: path, Status: 404}, []string{"check the id"}},
		{"the rate limit", commercetest.Fault{Path: path, Status: 429, Header: map[string]string{"Retry-After": "90"}},
			[]string{"try again in 1m30s"}},
		{"an internal error of Commerce", commercetest.Fault{Path: path, Status: 500, Times: 9}, []string{"an internal error"}},
		{"no answer", commercetest.Fault{Path: path, Break: true, Times: 9}, []string{"no answer from Commerce", "check the network"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, func(t *testing.T, store *commercetest.Server, client *Client) {
				store.Fail(c.fault)
				_, err := client.Get(t.Context(), path+"?filter=eq(email,jane@example.com)")
				var typed *APIError
				if !errors.As(err, &typed) || typed.Status != c.fault.Status {
					t.Fatalf("%#v", err)
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error does not say %q: %v", want, err)
					}
				}
				for _, secret := range []string{commercetest.ClientSecret, "token-0", "jane@example.com", "\x1b"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error quotes %q: %v", secret, err)
					}
				}
				if len(err.Error()) > 600 {
					t.Errorf("the error has %d bytes", len(err.Error()))
				}
			})
		})
	}
}

// An operator needs Commerce's explanation to correct a setting. It may contain a secret,
// which must not be shown.
func TestAnErrorOfAWriteHasCommercesExplanation(t *testing.T) {
	const path = "/v2/integrations/i-1"
	for _, c := range []struct{ name, body, want string }{
		{"a list of errors", `{"errors":[{"status":400,"title":"Bad","detail":"the url is not https"}]}`, "400 (Bad: the url is not https): correct the setting that Commerce names"},
		{"errors as an object", `{"errors":{"status":400,"title":"Bad"}}`, "400 (Bad): correct the setting that Commerce names"},
		{"a secret in them", `{"errors":[{"title":"you sent ` + commercetest.ClientSecret + ` and whsec\n\u001b[31m` + strings.Repeat("x", 300) + `"}]}`, "400 (you sent [secret] and [secret] [31mxxx"},
		{"no JSON", "<html>jane@example.com", "400 (Bad Request): correct the setting that Commerce names"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, func(t *testing.T, store *commercetest.Server, client *Client) {
				store.Fail(commercetest.Fault{Path: path, Status: 400, Body: c.body})
				err := client.write(t.Context(), http.MethodPut, path, "whsec", map[string]string{"name": "x"}, new(any))
				if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 600 {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				for _, secret := range []string{commercetest.ClientSecret, "whsec", "jane@example.com", "\x1b"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error contains %q: %v", secret, err)
					}
				}
			})
		})
	}
}

func TestAnAnswerOfUnlimitedLengthIsCutOff(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		store.Fail(commercetest.Fault{Path: "/v2/customers", Status: 200, Body: strings.Repeat(" ", apicall.MaxAnswerBytes+1), Times: 2})
		if _, err := c.Get(t.Context(), "/v2/customers"); err == nil || !strings.HasSuffix(err.Error(), "longer than 16 MB)") {
			t.Errorf("it says %v", err)
		}
		if got := len(store.Requests("/v2/customers")); got != 1 {
			t.Errorf("it was requested %d times, want once", got)
		}
	})
}

func TestOnlyPathsOfTheAPIAreRead(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		for _, path := range []string{"", "v2/orders", "https://elsewhere.example/v2/orders", "//elsewhere.example/", "/v2/../oauth", "/v2//orders", "/v2/orders#x", "/v2/%zz", "@elsewhere.example/"} {
			if _, err := c.Get(t.Context(), path); err == nil || !strings.Contains(err.Error(), "not a path of the Commerce API") {
				t.Errorf("%s: %v", path, err)
			}
		}
		for _, query := range []string{"a b", "a\nb", "ä", "a#b"} {
			if _, err := c.Get(t.Context(), "/v2/orders?"+query); err == nil || !strings.Contains(err.Error(), "the query of /v2/orders has") {
				t.Errorf("the query %q: %v", query, err)
			}
		}
		for _, id := range []string{"", ".", ".."} {
			if err := c.DeleteIntegration(t.Context(), id); err == nil || !strings.Contains(err.Error(), "not a path of the Commerce API") {
				t.Errorf("the integration %q: %v", id, err)
			}
		}
		if got := store.Requests(); len(got) != 0 {
			t.Errorf("the client requested %v", got)
		}
	})
}

// A development store accepts 25 requests a second, and the shop needs some of them.
func TestAClientLeavesAPartOfTheRateLimitToTheShop(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		store.Limit = 25
		began := time.Now()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { get(t, c) })
		}
		all.Wait()
		if rate := store.PeakRate(); rate > 20 {
			t.Errorf("%d requests in a second", rate)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("51 requests took %v", took)
		}
	})
}

func TestARateLimitDelaysEveryCaller(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		get(t, c)
		store.Fail(commercetest.Fault{Path: "/v2/orders", Status: 429, Header: map[string]string{"Retry-After": "5"}})
		began := time.Now()
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := c.Get(t.Context(), "/v2/orders"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		both.Go(func() { get(t, c) })
		both.Wait()
		for _, r := range store.Requests()[3:] {
			if r.At.Sub(began) < 5*time.Second {
				t.Errorf("%s was requested after %v", r.Path, r.At.Sub(began))
			}
		}
	})
}

func webhook(name string) NewWebhook {
	return NewWebhook{
		Name: name, Description: "Sends events to Segment", Enabled: true, Observes: []string{"order.paid"},
		Configuration: WebhookConfiguration{URL: "https://hooks.example.com/webhooks/order-completed", SecretKey: "k"},
	}
}

// all returns the elements of an iterator, and its error.
func all[T any](list iter.Seq2[T, error]) (values []T, err error) {
	for value, err := range list {
		if err != nil {
			return values, err
		}
		values = append(values, value)
	}
	return values, nil
}

func TestIntegrations(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		created, err := c.CreateWebhook(t.Context(), webhook("one"))
		if err != nil {
			t.Fatal(err)
		}
		updated, err := c.UpdateIntegration(t.Context(), created.ID, IntegrationChange{Enabled: new(false), Observes: []string{"order.fulfilled"}})
		if err != nil {
			t.Fatal(err)
		}
		want := created
		want.Enabled, want.Observes = false, []string{"order.fulfilled"}
		listed, err := all(c.Integrations(t.Context()))
		if err != nil || fmt.Sprint(updated) != fmt.Sprint(want) || fmt.Sprint(listed) != fmt.Sprint([]Integration{want}) {
			t.Errorf("%v\nupdated %+v\nlisted %+v\nwant %+v", err, updated, listed, want)
		}
		for i := range 130 {
			store.AddLog(created.ID, []int{202, 404}[i%2], "answer")
		}
		logs, err := all(c.IntegrationLogs(t.Context(), created.ID))
		if err != nil || len(logs) != 130 || !logs[0].Succeeded || logs[1].Succeeded || logs[1].StatusCode != 404 || logs[1].Reason == "" {
			t.Errorf("%v, %d logs", err, len(logs))
		}
		jobs, err := all(c.IntegrationJobs(t.Context(), created.ID))
		if err != nil || len(jobs) != 130 || jobs[0] != logs[0].Relationships.Job.Data {
			t.Errorf("%v, %d jobs", err, len(jobs))
		}
		if err := c.DeleteIntegration(t.Context(), created.ID); err != nil || len(store.Integrations()) != 0 {
			t.Errorf("%v, the store still has %v", err, store.Integrations())
		}
	})
}

// A store may have 100 integrations. According to the OpenAPI description their list has
// no pages, so a request for a second page would return the first one again and again.
func TestAListWithoutPagesIsReadOnce(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		for i := range 100 {
			if _, err := c.CreateWebhook(t.Context(), webhook(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		listed, err := all(c.Integrations(t.Context()))
		if err != nil || len(listed) != 100 {
			t.Errorf("%v, %d integrations", err, len(listed))
		}
	})
}

func TestOrdersIteratesOverEachOrderOnceOldestFirstWithItsLines(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		period Period
		from   int // the numbers of the orders in the period
		to     int
	}{
		{"all", Period{}, 0, 350},
		{"created in a period", Period{From: start.Add(20 * time.Minute), To: start.Add(300 * time.Minute)}, 20, 300},
		{"updated in a period", Period{Of: Updated, From: start.Add(20*time.Minute + time.Hour)}, 20, 350},
		{"none", Period{To: start}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inStore(t, func(t *testing.T, store *commercetest.Server, client *Client) {
				// Newest first, and 150 of them with the same timestamp: more than a page.
				for i := 349; i >= 0; i-- {
					at := start.Add(time.Duration(i) * time.Minute)
					if i >= 100 && i < 250 {
						at = start.Add(100 * time.Minute)
					}
					store.AddOrder(order(fmt.Sprintf("order-%d", i), at), commercetest.Object{"id": fmt.Sprintf("line-%d", i)})
				}
				orders, err := all(client.Orders(t.Context(), c.period))
				if err != nil || len(orders) != c.to-c.from {
					t.Fatalf("%v, %d orders, want %d", err, len(orders), c.to-c.from)
				}
				seen := map[string]bool{}
				for _, o := range orders {
					if number := strings.TrimPrefix(o.ID, "order-"); len(o.Items) != 1 || jsontext.Text(jsontext.Member(o.Items[0], "id")) != "line-"+number {
						t.Errorf("%s has the lines %s", o.ID, o.Items)
					}
					seen[o.ID] = true
				}
				if len(seen) != len(orders) || !slices.IsSortedFunc(orders, func(a, b Order) int { return strings.Compare(a.CreatedAt, b.CreatedAt) }) {
					t.Errorf("%d different ones, or not sorted", len(seen))
				}
			})
		})
	}
}

// order returns an order as Commerce lists it, updated an hour later.
func order(id string, created time.Time) commercetest.Object {
	return commercetest.Object{
		"id": id, "status": "complete", "payment": "paid", "shipping": "unfulfilled", "gift_note": "a custom field",
		"data":          "a custom field, too",
		"relationships": commercetest.Object{"customer": commercetest.Object{"data": commercetest.Object{"id": "jane"}}},
		"meta": commercetest.Object{"timestamps": commercetest.Object{
			"created_at": timestamp(created), "updated_at": timestamp(created.Add(time.Hour)),
		}},
	}
}

// So a long list needs little memory.
func TestAListRequestsAPageOnlyWhenItIsNeeded(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		for i := range 250 {
			store.AddOrder(order(fmt.Sprint(i), time.Now()))
		}
		for range c.Orders(t.Context(), Period{}) {
			break
		}
		if got := len(store.Requests(ordersPath)); got != 1 {
			t.Errorf("%d pages were requested, want 1", got)
		}
	})
}

// In an unsorted list, a request from the last timestamp of a page on would miss orders.
func TestAListThatIsNotSortedIsAnError(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		var page []commercetest.Object
		for i := range pageLimit {
			page = append(page, order(fmt.Sprint(i), time.Now().Add(-time.Duration(i)*time.Hour)))
		}
		body, _ := json.Marshal(commercetest.Object{"data": page})
		store.Fail(commercetest.Fault{Path: ordersPath, Status: 200, Body: string(body)})
		if _, err := all(c.Orders(t.Context(), Period{})); err == nil || !strings.Contains(err.Error(), "not sorted by created_at") {
			t.Errorf("it says %v", err)
		}
	})
}

func TestAnErrorEndsAList(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		for i := range 150 {
			store.AddCustomer(commercetest.Object{"id": fmt.Sprint(i), "meta": order("", time.Now().Add(time.Duration(i)*time.Second))["meta"]})
		}
		var err error
		customers := 0
		for _, err = range c.Customers(t.Context(), Period{}) {
			if err != nil {
				break
			}
			if customers++; customers == 100 {
				store.Fail(commercetest.Fault{Path: customersPath, Status: 403})
			}
		}
		if customers != 100 || !isStatus(err, 403) {
			t.Errorf("%d customers, then %v", customers, err)
		}
	})
}

func TestOrderAndTransactions(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		id := store.AddOrder(order("one", time.Now()), commercetest.Object{"sku": "a"}, commercetest.Object{"sku": "b"})
		store.AddTransaction(id, commercetest.Object{"transaction-type": "purchase", "status": "complete", "amount": 1000, "refunded_amount": 250, "currency": "GBP"})
		for _, listed := range []string{"with the order", "by themselves"} {
			if listed == "by themselves" { // as if Commerce leaves some lines out
				body, _ := json.Marshal(commercetest.Object{"data": json.RawMessage(first(t, c, id).JSON)})
				store.Fail(commercetest.Fault{Path: ordersPath + "/one", Status: 200, Body: string(body)})
			}
			o := first(t, c, id)
			if o.ID != "one" || o.Status != "complete" || o.Payment != "paid" || o.Shipping != "unfulfilled" || o.CustomerID != "jane" {
				t.Errorf("the order is %+v", o)
			}
			if len(o.Items) != 2 || jsontext.Text(jsontext.Member(o.Items[1], "sku")) != "b" || jsontext.Text(jsontext.Member(o.JSON, "gift_note")) == "" {
				t.Errorf("%s: %s", listed, o.Items)
			}
		}
		transactions, err := c.Transactions(t.Context(), id)
		if err != nil || len(transactions) != 1 || transactions[0].RefundedAmount != 250 || transactions[0].Type != "purchase" {
			t.Errorf("%v, %+v", err, transactions)
		}
		if _, err := c.Order(t.Context(), "another/one"); !isStatus(err, 404) {
			t.Errorf("an order that does not exist: %v", err)
		}
	})
}

func first(t *testing.T, c *Client, id string) Order {
	t.Helper()
	o, err := c.Order(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestCustomers(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		id := store.AddCustomer(commercetest.Object{"name": "Jane", "email": "jane@example.com", "loyalty": "gold"})
		one, err := c.Customer(t.Context(), id)
		if err != nil || one.ID != id || one.Name != "Jane" || one.Email != "jane@example.com" || jsontext.Text(jsontext.Member(one.JSON, "loyalty")) != "gold" {
			t.Errorf("%v, %+v", err, one)
		}
		listed, err := all(c.Customers(t.Context(), Period{}))
		if err != nil || len(listed) != 1 || listed[0].ID != id {
			t.Errorf("%v, %+v", err, listed)
		}
	})
}

func TestTheApplicationKeyOfTheClient(t *testing.T) {
	inStore(t, func(t *testing.T, store *commercetest.Server, c *Client) {
		if key, err := c.ApplicationKey(t.Context()); err != nil || key.Name != commercetest.KeyName {
			t.Errorf("%v, %+v", err, key)
		}
		store.Fail(commercetest.Fault{Path: "/v2/application-keys", Status: 200, Body: `{"data":[]}`})
		if _, err := c.ApplicationKey(t.Context()); err == nil || !strings.Contains(err.Error(), commercetest.ClientID) {
			t.Errorf("a key that is not listed: %v", err)
		}
	})
}

func TestAnErrorQuotesNoSecretKeyOfAWebhook(t *testing.T) {
	const secret = "PLANTED-webhook-secret"
	server := commercetest.New()
	client := clientOf(t, server)
	get(t, client) // fetches a token
	for method, call := range map[string]func() error{
		http.MethodPost: func() error {
			_, err := client.CreateWebhook(t.Context(), NewWebhook{Configuration: WebhookConfiguration{SecretKey: secret}})
			return err
		},
		http.MethodPut: func() error {
			_, err := client.UpdateIntegration(t.Context(), "1", IntegrationChange{Configuration: &WebhookConfiguration{SecretKey: secret}})
			return err
		},
	} {
		server.Fail(commercetest.Fault{Method: method, Status: 422, Body: `{"errors":[{"title":"Invalid","detail":"secret_key ` + secret + ` is too short"}]}`})
		if err := call(); err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "is too short") {
			t.Errorf("%s: %v", method, err)
		}
	}
}
