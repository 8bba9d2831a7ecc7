// Command conform checks the Commerce client and the fake store of package commercetest
// against Commerce's OpenAPI descriptions, which are not part of this repository:
//
//	go run ./infra/commercetest/conform -descriptions DIRECTORY -prism PROGRAM
//
// The directory has authentication.yaml, integrations.yaml and cartsorders.yaml. The program
// is that of the npm package @stoplight/prism-cli, version 5.14.2, a server that rejects
// everything that a description does not allow. Every call is made twice: to Prism, which
// answers with the examples of the description, and through Prism to the fake store, whose
// answers must match the description.
//
// It prints a line for each call, and exits with 1 if one fails. It corrects errors of the
// descriptions in a copy, and prints them.
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

// run makes all calls. It returns an error if one is not as described.
func run(ctx context.Context, out io.Writer, descriptions, prism string) error {
	if descriptions == "" {
		return errors.New("the directory of the descriptions is not set: name it with -descriptions")
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

// makeAll makes calls, prints the result of each, and returns the number of those that
// failed. For a call that succeeds it prints the verdict.
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
		panic(err) // the credentials are constants
	}
	return client
}

// router sends each request to the server whose description has the call, or otherwise to
// the fake store.
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

// note records a violation that Prism reports, in a header of the answer or as the answer.
// It records the same one only once, because a call may be repeated.
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
