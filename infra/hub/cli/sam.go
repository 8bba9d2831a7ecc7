package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/sam"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// samOptions are the flags of the subcommands of hub sam.
type samOptions struct {
	dir, template, addr string
	fromQueue           bool
}

func newSAM() *cobra.Command {
	var options samOptions
	cmd := &cobra.Command{
		Use:   "sam start|invoke|files|inbox",
		Short: "Run the functions in containers, with the SAM CLI",
		Long: `sam runs the functions in containers on this machine, as AWS would, with the SAM CLI and
the settings in the hub's directory. It needs no AWS account. There is no queue: an event is
delivered before its webhook is answered. make sam builds what is needed and runs it.

Without a segment/host in the directory, the functions send to the inbox of the hub that runs
on this machine, whatever its address is: hub sam listens where containers reach it, checks
that, passes the messages on to the hub, and prints them.`,
	}
	start := &cobra.Command{
		Use:   "start [-- OPTION …]",
		Short: "Serve the whole API: sam local start-api",
		Long: `start serves the API at http://127.0.0.1:3000 until ^C. It passes the options after -- to
sam local start-api.`,
		Example: `  hub sam start -- --port 3001
  hub send order-completed/guest --to http://127.0.0.1:3001`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.sam(cmd, nil, append([]string{"start-api"}, args...)...)
		},
	}
	invoke := &cobra.Command{
		Use:   "invoke NAME SAMPLE|FILE|- [-- OPTION …]",
		Short: "Call one function with one webhook: sam local invoke",
		Long: `invoke calls the function of the tracking NAME with a webhook, a bundled sample or a file,
as the API would, or with --from-queue as its queue would. It passes the options after -- to
sam local invoke.`,
		Example: `  hub sam invoke order-completed order-completed/guest
  hub sam invoke order-completed order-completed/guest --from-queue`,
		Args: cobra.MinimumNArgs(2),
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
	invoke.Flags().BoolVar(&options.fromQueue, "from-queue", false, "call it with an event of its queue, as SQS would")
	for _, command := range []*cobra.Command{start, invoke} {
		command.Flags().StringVar(&options.template, "template", "infra/cdk.out/commerce-segment.template.json", "the CloudFormation template of the stack, a `file` that cdk synth writes")
	}
	inbox := &cobra.Command{
		Use:   "inbox",
		Short: "Print what functions in containers send, for the SAM CLI without hub sam start",
		Long: `inbox listens where containers reach it, until ^C, with the port that hub sam files writes
to env.json. It passes the messages on to the inbox of the running hub, and prints them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := options.openInbox(cmd, sam.Port, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Containers send to %s (^C stops it).\n", in.URL())
			return in.Serve(cmd.Context())
		},
	}
	for _, command := range []*cobra.Command{start, invoke, inbox} {
		addAddr(command, &options.addr, "the `HOST:PORT` of the running hub whose inbox receives the messages, or ADDR in the environment")
	}
	files := &cobra.Command{
		Use:   "files [FOLDER]",
		Short: "Write events and variables for the SAM CLI",
		Long: `files writes env.json, for sam local --env-vars, and events of every tracking, for sam local
invoke --event: as the API and as the queue would call its function. They are written to
FOLDER, which is infra/sam otherwise, where infra/samconfig.toml expects them. They hold the
secrets of the hub's directory: only you can read them, and git ignores infra/sam.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := "infra/sam"
			if len(args) > 0 {
				folder = args[0]
			}
			return options.writeFiles(cmd, folder)
		},
	}
	for _, command := range []*cobra.Command{start, invoke, files, inbox} {
		addDir(command, &options.dir)
		addCommand(cmd, command)
	}
	return cmd
}

// function returns the name of a tracking's function. It begins with the name of the stack,
// which is that of the template's file.
func (o samOptions) function(t tracking.Tracking) string {
	return strings.TrimSuffix(filepath.Base(o.template), ".template.json") + "-" + t.Name
}

// event returns a webhook as the API or the queue passes it to a function, as JSON.
func (o samOptions) event(ctx context.Context, t tracking.Tracking, body []byte) ([]byte, error) {
	if o.fromQueue {
		event, err := sam.SQSEvent(body, time.Now())
		if err != nil {
			return nil, err
		}
		return json.Marshal(event)
	}
	values, err := o.settings(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := o.secret(values)
	if err != nil {
		return nil, err
	}
	return json.Marshal(sam.HTTPEvent(t, secret, body))
}

// secret returns the newest webhook secret.
func (o samOptions) secret(values map[string]string) (string, error) {
	secrets := store.Lines(values[settings.WebhookSecret])
	if len(secrets) == 0 {
		return "", fmt.Errorf("%s holds no webhook secret: start the hub once with make run, or name its directory with --dir", o.dir)
	}
	return secrets[0], nil
}

// sam runs the SAM CLI. The settings and the event hold secrets, so they are never in a file
// or on its command line.
func (o samOptions) sam(cmd *cobra.Command, event []byte, args ...string) error {
	if _, err := os.Stat(o.template); err != nil {
		return fmt.Errorf("reading the stack's template: %w: write it with make sam, or with cdk synth in the folder infra", err)
	}
	values, err := o.settings(cmd.Context())
	if err != nil {
		return err
	}
	if sam.ToInbox(values) {
		in, err := o.openInbox(cmd, "0", cmd.ErrOrStderr()) // a free port
		if err != nil {
			return err
		}
		sam.SetInbox(values, in.URL())
		ctx, stop := context.WithCancel(cmd.Context())
		defer stop()
		go in.Serve(ctx)
	}
	variables, err := sam.Variables(values)
	if err != nil {
		return err
	}
	args = append([]string{"local", args[0], "--template", o.template, "--add-host", sam.AddHost}, args[1:]...)
	program := exec.CommandContext(cmd.Context(), "sam", args...)
	// The SAM CLI sets the variables of a function from its own environment.
	program.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0")
	for name, value := range variables {
		program.Env = append(program.Env, name+"="+value)
	}
	program.Stdin, program.Stdout, program.Stderr = bytes.NewReader(event), unescaped(cmd.OutOrStdout()), unescaped(cmd.ErrOrStderr())
	program.Cancel = func() error { return program.Process.Signal(os.Interrupt) }
	program.WaitDelay = time.Minute // to stop its containers
	switch err := program.Run(); {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%w: sh infra/tools/sam.sh says how to install it", err)
	case err != nil && cmd.Context().Err() == nil:
		return fmt.Errorf("sam %s: %w", strings.Join(args[:2], " "), err)
	}
	return nil
}

// settings returns the settings in the directory.
func (o samOptions) settings(ctx context.Context) (map[string]string, error) {
	directory, err := store.OpenDirectory(o.dir)
	if err != nil {
		return nil, err
	}
	if err := directory.Check(ctx); err != nil {
		return nil, err
	}
	return directory.Parameters(ctx, store.AllNames())
}

// openInbox opens an inbox for containers in front of the one of the running hub. It prints the
// messages to w.
func (o samOptions) openInbox(cmd *cobra.Command, port string, w io.Writer) (*sam.Inbox, error) {
	client, err := local.NewClient(o.addr, o.dir)
	if err != nil {
		return nil, err
	}
	if _, err := client.Received(cmd.Context()); err != nil {
		return nil, err
	}
	return sam.OpenInbox(cmd.Context(), port, client.URL, func(messages []json.RawMessage) {
		if err := printBatch(w, messages); err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "printing what Segment receives:", err)
		}
	})
}

// writeFiles writes the files for the SAM CLI, and prints their paths.
func (o samOptions) writeFiles(cmd *cobra.Command, folder string) error {
	values, err := o.settings(cmd.Context())
	if err != nil {
		return err
	}
	secret, err := o.secret(values)
	if err != nil {
		return err
	}
	written, err := sam.WriteFiles(folder, values, secret, time.Now())
	for _, file := range written {
		fmt.Fprintln(cmd.OutOrStdout(), file)
	}
	if err != nil {
		return fmt.Errorf("writing the files for the SAM CLI: %w", err)
	}
	return nil
}
