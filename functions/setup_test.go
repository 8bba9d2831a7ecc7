package functions_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"commerce-segment/infra/commercetest"
	"commerce-segment/infra/emulator/standin"
	"commerce-segment/infra/hub/browser"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/tracking"
)

// freshStore is a store right after its first deployment, with the Commerce and the
// Segment that it is to connect.
type freshStore struct {
	*cloud
	commerce *commercetest.Server
	segment  *standIn
}

// deployFresh deploys a store of which one function runs, behind an API.
func deployFresh(t *testing.T) freshStore {
	t.Helper()
	aws := standin.Start(t)
	s := freshStore{deployed(t, aws, tracking.OrderCompleted), commercetest.Start(t), newStandIn(t)}
	function := newFleet(s.cloud)
	mapEventSource(s.cloud, function)
	api := httptest.NewServer(gateway(t, function))
	t.Cleanup(api.Close)
	for _, tracked := range tracking.All() {
		s.stack[outputs.Webhook(tracked)] = api.URL + serve.Route(tracked.Name)
	}
	aws.Deploy(outputs.StackName(s.prefix), s.stack)
	return s
}

// gateway does what API Gateway does with a webhook.
func gateway(t *testing.T, function lambda) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		request := events.APIGatewayV2HTTPRequest{RawPath: r.URL.Path, Headers: map[string]string{}, Body: string(body)}
		request.RequestContext.HTTP.Method = r.Method
		for name := range r.Header {
			request.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		var response events.APIGatewayV2HTTPResponse
		if err := function.ask(request, &response); err != nil {
			t.Error(err)
		}
		w.WriteHeader(response.StatusCode)
		fmt.Fprint(w, response.Body)
	})
}

// sellsAnOrder posts a webhook as the integration in Commerce describes, and waits until
// Segment receives the message.
func (s freshStore) sellsAnOrder() {
	s.t.Helper()
	all := s.commerce.Integrations()
	equal(s.t, "webhooks in Commerce", len(all), len(tracking.All())-len(tracking.Optional()))
	for _, integration := range all {
		var webhook struct {
			Observes      []string
			Configuration struct {
				URL       string
				SecretKey string `json:"secret_key"`
			}
		}
		text, err := json.Marshal(integration)
		if err == nil {
			err = json.Unmarshal(text, &webhook)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if !strings.HasSuffix(webhook.Configuration.URL, serve.Route(s.tracking.Name)) {
			continue
		}
		equal(s.t, "the events that Commerce posts", webhook.Observes, s.tracking.Observes)
		request, err := http.NewRequestWithContext(s.t.Context(), "POST", webhook.Configuration.URL, bytes.NewReader(samplesOf(s.t, s.tracking)[0].Body))
		if err != nil {
			s.t.Fatal(err)
		}
		request.Header.Set(serve.KeyHeader, webhook.Configuration.SecretKey)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			s.t.Fatal(err)
		}
		response.Body.Close()
		equal(s.t, "the answer to Commerce", response.StatusCode, 202)
	}
	var sent []json.RawMessage
	eventually(s.t, "Segment receives the order", func() bool {
		sent = append(sent, s.segment.drain()...)
		return len(sent) > 0
	})
	equal(s.t, "messages to Segment", len(sent), 1)
	isCallOf(s.t, s.tracking, sent[0])
}

// As infra/docs/console.md says, a store that is deployed is set up in a browser, page by page,
// until the first event is in Segment.
func TestAFreshStoreIsSetUpInTheBrowser(t *testing.T) {
	t.Parallel()
	s := deployFresh(t)
	address, link := console(t, s.cloud)
	p := browser.Open(t, address)
	began := time.Now()
	p.Visit(link)
	p.Sees("Neither Commerce nor Segment is set")

	p.Follow("Connections")
	p.Fill("Base URL of the API", s.commerce.URL)
	p.Fill("Client ID", commercetest.ClientID)
	p.Fill("Client secret", commercetest.ClientSecret)
	p.Follow("Connect")
	p.Sees("It may read webhooks, orders and customers.")
	p.Choose("Another host")
	p.Fill("Host", s.segment.url)
	p.Fill("Write key", writeKey)
	p.Follow("Save")
	p.Sees("Saved.")

	p.Follow("Next: Configurations")
	p.Follow("Save")
	p.Sees("Nothing has changed.")

	p.Follow("Templates")
	p.Follow(s.tracking.Title)
	p.Sees("one message.")

	p.Follow("Finish")
	p.Sees("There is no webhook secret yet. Finish creates one.")
	p.Follow("Finish")
	p.Sees("Nothing to do")

	s.sellsAnOrder()
	equal(t, "what was done by hand", p.Steps(), browser.Steps{Clicks: 10, Fields: 5}) // as infra/docs/console.md says
	t.Logf("in the browser: %d clicks and %d fields, %.1f s from the first page to the first event in Segment, without thinking",
		p.Steps().Clicks, p.Steps().Fields, time.Since(began).Seconds())
}

// The same setup with commands only.
func TestAFreshStoreIsSetUpWithCommands(t *testing.T) {
	t.Parallel()
	s := deployFresh(t)
	commands := [][]string{
		{"configure", "--segment-host", s.segment.url, "--commerce-url", s.commerce.URL, "--commerce-client-id", commercetest.ClientID},
		{"webhooks", "sync", "--yes"},
	}
	variables := []string{"SEGMENT_WRITE_KEY=" + writeKey, "COMMERCE_CLIENT_SECRET=" + commercetest.ClientSecret}
	hub(t, s.cloud, nil, "settings") // builds it
	began := time.Now()
	for _, command := range commands {
		hub(t, s.cloud, variables, command...)
	}
	s.sellsAnOrder()
	t.Logf("with commands: %d of them, with 3 flags and %d variables, %.1f s from the first to the first event in Segment",
		len(commands), len(variables), time.Since(began).Seconds())
}

var consoleAt = regexp.MustCompile(`^(http://[^/]+)(/\S+\?key=\S+)$`)

// console runs the operator's program's pages about a store until the test ends. The
// link, below their address, lets in.
func console(t *testing.T, c *cloud) (address, link string) {
	t.Helper()
	command := hubCommand(t, c, nil, "console", "--addr", "127.0.0.1:0")
	stdout, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended already
		_ = command.Wait()
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if match := consoleAt.FindStringSubmatch(lines.Text()); match != nil {
			return match[1], match[2]
		}
	}
	t.Fatal("hub console does not say where it listens")
	return "", ""
}
