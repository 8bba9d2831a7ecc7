package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// dockerHost is the name of this machine inside a container.
const dockerHost = "host.docker.internal"

// samOptions are the flags of the subcommands of hub sam.
type samOptions struct {
	dir, template, addr string
}

func newSAM() *cobra.Command {
	var options samOptions
	cmd := &cobra.Command{
		Use:   "sam start|invoke",
		Short: "Run the functions in containers, with the SAM CLI",
		Long: `sam runs the functions in containers on this machine, as AWS would, with the SAM CLI and
the settings in the hub's directory. It needs no AWS account. There is no queue: an event is
delivered before its webhook is answered. make sam builds what is needed and runs it.

Without a segment/host in the directory, the functions send to the inbox of the hub that runs
on this machine. On Linux, containers reach that hub only if it listens on Docker's address,
which ip address show docker0 prints: for example ADDR=172.17.0.1:8080 hub run.`,
	}
	start := &cobra.Command{
		Use:   "start [-- OPTION …]",
		Short: "Serve the whole API: sam local start-api",
		Long: `start serves the API at http://127.0.0.1:3000 until ^C. It passes the options after -- to
sam local start-api.`,
		Example: `  hub sam start -- --port 3001
  curl … http://127.0.0.1:3000/webhooks/order-completed`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.sam(cmd, nil, append([]string{"start-api"}, args...)...)
		},
	}
	invoke := &cobra.Command{
		Use:   "invoke NAME SAMPLE|FILE|- [-- OPTION …]",
		Short: "Call one function with one webhook: sam local invoke",
		Long: `invoke calls the function of the tracking NAME with a webhook, a bundled sample or a file,
as the API would. It passes the options after -- to sam local invoke.`,
		Example: `  hub sam invoke order-completed order-completed/guest`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, body, err := readTrackingAndWebhook(cmd, args)
			if err != nil {
				return err
			}
			event, err := options.event(cmd.Context(), t, body)
			if err != nil {
				return err
			}
			return options.sam(cmd, event, append([]string{"invoke", options.function(t), "--event", "-"}, args[2:]...)...)
		},
	}
	for _, command := range []*cobra.Command{start, invoke} {
		addDir(command, &options.dir)
		command.Flags().StringVar(&options.template, "template", "infra/cdk.out/commerce-segment.template.json", "the CloudFormation template of the stack, a `file` that cdk synth writes")
		addAddr(command, &options.addr, "the `HOST:PORT` of the running hub whose inbox receives the messages, or ADDR in the environment")
		addCommand(cmd, command)
	}
	return cmd
}

// function returns the name of a tracking's function. It begins with the name of the stack,
// which is that of the template's file.
func (o samOptions) function(t tracking.Tracking) string {
	return strings.TrimSuffix(filepath.Base(o.template), ".template.json") + "-" + t.Name
}

// event returns a webhook as an HTTP API passes it to a function, as JSON.
func (o samOptions) event(ctx context.Context, t tracking.Tracking, body []byte) ([]byte, error) {
	directory, err := store.OpenDirectory(o.dir)
	if err != nil {
		return nil, err
	}
	values, err := directory.Parameters(ctx, []string{settings.WebhookSecret})
	if err != nil {
		return nil, err
	}
	secrets := store.Lines(values[settings.WebhookSecret])
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%s holds no webhook secret: hub configure makes one, or name another directory with --dir", directory.Dir)
	}
	request := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST " + serve.Route(t.Name), RawPath: serve.Route(t.Name), Body: string(body),
		Headers: map[string]string{"content-type": "application/json", strings.ToLower(serve.KeyHeader): secrets[0]},
	}
	request.RequestContext.HTTP.Method, request.RequestContext.HTTP.Path = http.MethodPost, request.RawPath
	return json.Marshal(request)
}

// sam runs the SAM CLI. The settings and the event hold secrets, so they are never in a file
// or on its command line.
func (o samOptions) sam(cmd *cobra.Command, event []byte, args ...string) error {
	if err := o.ready(cmd.Context()); err != nil {
		return err
	}
	variable, err := o.variable(cmd.Context())
	if err != nil {
		return err
	}
	args = append([]string{"local", args[0], "--template", o.template, "--add-host", dockerHost + ":host-gateway"}, args[1:]...)
	program := exec.CommandContext(cmd.Context(), "sam", args...)
	// The SAM CLI sets the variables of a function from its own environment. An empty
	// variable means no Parameter Store and no queue.
	program.Env = append(os.Environ(), settings.Variable+"="+variable, serve.VariablePrefix+"=", serve.VariableQueue+"=",
		serve.VariableDeadLetters+"=", "SAM_CLI_TELEMETRY=0")
	program.Stdin, program.Stdout, program.Stderr = bytes.NewReader(event), unescaped(cmd.OutOrStdout()), unescaped(cmd.ErrOrStderr())
	program.Cancel = func() error { return program.Process.Signal(os.Interrupt) }
	program.WaitDelay = time.Minute // to stop its containers
	if err := program.Run(); err != nil && cmd.Context().Err() == nil {
		return fmt.Errorf("sam %s: %w", strings.Join(args[:2], " "), err)
	}
	return nil
}

// ready returns an error if a program or the template is missing, with how to get it.
func (o samOptions) ready(ctx context.Context) error {
	if _, err := os.Stat(o.template); err != nil {
		return fmt.Errorf("reading the stack's template: %w: write it with make sam, or with cdk synth in the folder infra", err)
	}
	if _, err := exec.LookPath("sam"); err != nil {
		return errors.New("the SAM CLI is not installed: pipx install aws-sam-cli, or another way from " +
			"https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html")
	}
	if _, err := exec.LookPath("docker"); err != nil {
		return errors.New("the SAM CLI runs the functions in Docker, which is not installed: install Docker Desktop, " +
			"or on Debian and Ubuntu: apt install docker.io")
	}
	if output, err := exec.CommandContext(ctx, "docker", "version").CombinedOutput(); err != nil {
		return fmt.Errorf("the SAM CLI runs the functions in Docker, which is not running: start Docker Desktop, or on Linux: systemctl start docker\n%s", bytes.TrimSpace(output))
	}
	return nil
}

// variable returns the settings in the directory as settings.Env reads them. Without a
// Segment host there, the host is the inbox of the running hub.
func (o samOptions) variable(ctx context.Context) (string, error) {
	directory, err := store.OpenDirectory(o.dir)
	if err != nil {
		return "", err
	}
	if err := directory.Check(ctx); err != nil {
		return "", err
	}
	values, err := directory.Parameters(ctx, store.AllNames())
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(values[settings.SegmentHost]) == "" {
		_, port, err := local.SplitAddr(o.addr)
		if err != nil {
			return "", err
		}
		values[settings.SegmentHost] = "http://" + net.JoinHostPort(dockerHost, port)
		delete(values, settings.SegmentPath) // it belongs to another host
	}
	text, err := json.Marshal(values)
	return string(text), err
}
