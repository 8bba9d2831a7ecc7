// Command conform holds the Commerce client and its stand-in against Commerce's own
// OpenAPI descriptions, which are not part of this repository:
//
//	go run ./infra/commercetest/conform -descriptions DIRECTORY -prism PROGRAM
//
// The directory holds authentication.yaml, integrations.yaml and cartsorders.yaml.
// The program is the one of the npm package @stoplight/prism-cli, a server that
// refuses whatever a description does not allow; version 5.14.2 did it. Every call is made twice: to answers
// that Prism makes of the description's examples, which the client must understand,
// and through Prism to the stand-in, whose answers must be as described.
//
// It prints a line a call and ends with 1 where one fails. What is wrong in the
// descriptions themselves is set right in a copy, and named.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"slices"
	"strings"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/commerce"
)

func main() {
	descriptions := flag.String("descriptions", "", "the `directory` of the descriptions")
	prism := flag.String("prism", "prism", "the Prism `program`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *descriptions, *prism); err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(1)
	}
}

// run checks everything, and gives an error where something is not as described.
func run(ctx context.Context, out io.Writer, descriptions, prism string) error {
	if descriptions == "" {
		return errors.New("where are the descriptions? Name their directory with -descriptions")
	}
	copies, err := os.MkdirTemp("", "conform-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(copies)
	if err := correct(out, descriptions, copies); err != nil {
		return err
	}
	store := commercetest.New()
	listening := httptest.NewServer(store)
	defer listening.Close()

	failed := 0
	for _, mode := range []string{mock, proxy} {
		servers, err := start(ctx, prism, copies, mode, listening.URL)
		if err != nil {
			return err
		}
		r := &router{servers: servers.urls, store: listening.URL}
		client := clientOf(commercetest.ClientSecret, r)
		described := calls(client, clientOf("another secret", r), store)
		failed += makeAll(ctx, out, described, r, mode, "as described")
		if mode == proxy {
			failed += makeAll(ctx, out, undescribed(client, store), r, mode, "works, but no description has it")
		}
		servers.stop()
	}
	if failed > 0 {
		return fmt.Errorf("%d calls are not as described", failed)
	}
	return nil
}

// makeAll makes calls, and counts those that fail. Of one that does not it says the
// verdict.
func makeAll(ctx context.Context, out io.Writer, calls []call, r *router, mode, verdict string) (failed int) {
	for _, c := range calls {
		r.refusals = nil
		err := c.make(ctx)
		said := verdict
		switch {
		case len(r.refusals) > 0:
			said = "NOT AS DESCRIBED: " + strings.Join(r.refusals, "; ")
			failed++
		case err != nil:
			said = "FAILED: " + err.Error()
			failed++
		}
		fmt.Fprintf(out, "%-5s  %-22s  %s\n", mode, c.name, said)
	}
	return failed
}

func clientOf(secret string, r *router) *commerce.Client {
	client, err := commerce.NewClient(commerce.Credentials{
		URL: commerce.ExampleURL, ClientID: commercetest.ClientID, ClientSecret: secret,
	}, r)
	if err != nil {
		panic(err) // the credentials are these
	}
	return client
}

// router is the client's way to the servers: to the one whose description has the
// call, or else to the stand-in itself.
type router struct {
	servers  map[string]string // by the description's name
	store    string
	refusals []string // what Prism said was wrong
}

// RoundTrip sends one request on. integrations.yaml leaves out the /v2 with which
// Commerce's guides write its paths.
func (r *router) RoundTrip(request *http.Request) (*http.Response, error) {
	path := request.URL.EscapedPath()
	server, target := r.store, path
	switch {
	case path == commerce.TokenPath:
		server = r.servers["authentication"]
	case strings.HasPrefix(path, "/v2/integrations"):
		server, target = r.servers["integrations"], strings.TrimPrefix(path, "/v2")
	case strings.HasPrefix(path, "/v2/orders"):
		server = r.servers["cartsorders"]
	}
	if request.URL.RawQuery != "" {
		target += "?" + request.URL.RawQuery
	}
	sent, err := http.NewRequestWithContext(request.Context(), request.Method, server+target, request.Body)
	if err != nil {
		return nil, err
	}
	sent.Header, sent.ContentLength = request.Header, request.ContentLength
	response, err := http.DefaultTransport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	return response, r.note(response)
}

// note keeps what Prism says of a violation: in a header beside an answer, or in
// place of one. A call that is repeated meets the same one again.
func (r *router) note(response *http.Response) error {
	refusal := response.Header.Get("Sl-Violations")
	if refusal == "" && strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		response.Body.Close()
		response.Body = io.NopCloser(bytes.NewReader(body))
		refusal = string(body)
	}
	if refusal != "" && !slices.Contains(r.refusals, refusal) {
		r.refusals = append(r.refusals, refusal)
	}
	return nil
}
