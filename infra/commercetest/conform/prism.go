package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The modes of Prism: it answers requests itself, or forwards them.
const (
	mock  = "mock"
	proxy = "proxy"
)

// descriptionBases maps the names of the descriptions to the beginning of Commerce's paths
// that their paths leave out.
var descriptionBases = map[string]string{"authentication": "", "integrations": "/v2", "cartsorders": ""}

// corrections lists the errors of the descriptions, which contradict their own examples or
// Commerce's guides. Each is corrected in a copy.
var corrections = []struct {
	name, why, wrong, right string
	times                   int
}{
	{"authentication", "the example of a token's answer is text with JSON in it, not an object",
		"summary: Client Credentials\n                  # language=JSON\n                  value: |-\n",
		"summary: Client Credentials\n                  # language=JSON\n                  value:\n", 1},
	{"integrations", "an integration is required to have observers, which it has nowhere else: observes is meant",
		"        - observers\n", "        - observes\n", 1},
	{"integrations", "the example of a link is no URI, which it is required to be",
		"      example: ?page[offset]=0&page[limit]=25\n", "      example: https://euwest.api.elasticpath.com/v2/integrations\n", 1},
	{"integrations", "an integration is not said to be an object, so that Prism makes an empty one",
		"    Integration:\n      properties:\n", "    Integration:\n      type: object\n      properties:\n", 1},
	{"integrations", "nor is a log",
		"    IntegrationLog:\n", "    IntegrationLog:\n      type: object\n", 1},
	{"integrations", "nor is a job",
		"    IntegrationJob:\n", "    IntegrationJob:\n      type: object\n", 1},
	{"integrations", "a configuration must be of one kind only, and most are of two: SQS's is a webhook's, and a webhook's is STOMP's",
		"oneOf:\n            - $ref: \"#/components/schemas/AWSSQS", "anyOf:\n            - $ref: \"#/components/schemas/AWSSQS", 3},
}

// correct writes corrected copies of the descriptions to a directory.
func correct(out io.Writer, from, to string) error {
	for name := range descriptionBases {
		file := name + ".yaml"
		content, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			return fmt.Errorf("reading the description: %w", err)
		}
		text := string(content)
		for _, c := range corrections {
			if c.name != name {
				continue
			}
			if count := strings.Count(text, c.wrong); count != c.times {
				return fmt.Errorf("%s: the text of a correction is there %d times, not %d (%s): adapt the correction, or remove it", file, count, c.times, c.why)
			}
			text = strings.ReplaceAll(text, c.wrong, c.right)
			fmt.Fprintf(out, "corrected in %s: %s\n", file, c.why)
		}
		if err := os.WriteFile(filepath.Join(to, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// servers are running Prisms, one for each description.
type servers struct {
	urls map[string]string
	stop func()
}

// start starts a Prism for each description, and waits until they answer.
func start(ctx context.Context, prism, descriptions, mode, store string) (servers, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := servers{urls: map[string]string{}}
	var running []*exec.Cmd
	s.stop = func() {
		cancel()
		for _, command := range running {
			_ = command.Wait() // it was killed
		}
	}
	for name, base := range descriptionBases {
		address, err := freeAddress()
		if err != nil {
			s.stop()
			return servers{}, err
		}
		host, port, _ := net.SplitHostPort(address)
		arguments := []string{mode, "--errors", "--host", host, "--port", port, filepath.Join(descriptions, name+".yaml")}
		if mode == proxy {
			arguments = append(arguments, store+base)
		}
		command := exec.CommandContext(ctx, prism, arguments...)
		if err := command.Start(); err != nil {
			s.stop()
			return servers{}, fmt.Errorf("starting Prism (npm install @stoplight/prism-cli, and name its program with -prism): %w", err)
		}
		running = append(running, command)
		s.urls[name] = "http://" + address
	}
	for name, url := range s.urls {
		if err := answers(ctx, url); err != nil {
			s.stop()
			return servers{}, fmt.Errorf("waiting for Prism with %s.yaml: %w", name, err)
		}
	}
	return s, nil
}

// startTime is how long Prism may take to read its descriptions.
const startTime = 3 * time.Minute

// answers waits until a server answers anything.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// freeAddress returns an address of this machine with a free port.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
