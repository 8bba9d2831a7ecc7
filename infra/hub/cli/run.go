package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/shared/loggable"
)

func newRun() *cobra.Command {
	var options local.Options
	var link bool
	var keep string
	cmd := &cobra.Command{
		Use:         "run",
		Annotations: map[string]string{makesDir: "yes"},
		Short:       "Receive webhooks on this machine, and show what Segment receives",
		Long: `run receives webhooks at /webhooks/<name>, exactly as the functions on AWS do, and
sends the messages to its own inbox. The inbox also takes the requests of a Segment SDK
that uses its write key. The settings are files in the directory; the first run makes them.
To send to Segment instead, write its host to segment/host there, and the write key of a
source to segment/write-key.

run prints an address of the console. It works in one browser, for twelve hours. hub run
--link prints a new address.

With --webhooks-addr, run also listens on a second address, which has webhooks and the health
addresses alone, so that other machines may reach it. It uses TLS with --tls-cert and --tls-key,
and follows the changes of these files. Without them it is for a reverse proxy on this machine.

/healthz answers 200 while the hub runs, /readyz while it can take webhooks, and otherwise 503
with the reason. /metrics on the first address is for Prometheus, with the key of the console.

Events are kept on the disk, in the directory, until they are delivered. If a hub is
stopped or killed, the next hub run with the same directory delivers them. What happened to
each webhook is kept there for 30 days, or for --keep.`,
		Example: `  hub run
  ADDR=127.0.0.1:9000 hub run
  hub run --link                               # in a second terminal: print a new address of the console
  hub run --webhooks-addr 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --log json
  hub run --inbox-fail 0.5 --backoff 200ms     # simulate an outage of Segment`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if link {
				return printLink(cmd, options)
			}
			if err := checkRun(options); err != nil {
				return err
			}
			loggable.StandardLog(local.NewLog(options.Log, cmd.ErrOrStderr()))
			var err error
			if options.Keep, err = executions.ParseSince(keep); err != nil {
				return fmt.Errorf("--keep %w", err)
			}
			return local.Run(cmd.Context(), options, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addAddr(cmd, &options.Addr, "the `HOST:PORT` to listen on, or ADDR in the environment; port 0 is any free port")
	cmd.Flags().StringVar(&options.WebhooksAddr, "webhooks-addr", "", "another `HOST:PORT` to listen on, for webhooks and the health addresses alone")
	cmd.Flags().StringVar(&options.TLSCert, "tls-cert", "", "the PEM `file` with the certificate of --webhooks-addr; without it that address is plain HTTP")
	cmd.Flags().StringVar(&options.TLSKey, "tls-key", "", "the PEM `file` with the private key of --tls-cert")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	addDir(cmd, &options.Dir)
	cmd.Flags().Float64Var(&options.InboxFail, "inbox-fail", 0, "the share of requests that the inbox answers with 500, from 0 to 1")
	cmd.Flags().DurationVar(&options.Backoff, "backoff", 30*time.Second, "the delay before the second attempt to deliver an event; it doubles with each attempt")
	cmd.Flags().StringVar(&options.Log, "log", "text", "the log format on standard error: text, or json, which prints nothing else and no secret")
	cmd.Flags().StringVar(&keep, "keep", "30d", "how long the list of executions goes back, for example 36h or 90d; at most 1 GiB of it is kept")
	cmd.Flags().BoolVar(&link, "link", false, "print a new address of the console of the running hub, and exit")
	return cmd
}

// printLink prints a new address of a running hub's console.
func printLink(cmd *cobra.Command, options local.Options) error {
	client, err := local.NewClient(options.Addr, options.Dir)
	if err != nil {
		return err
	}
	link, err := client.NewConsoleLink(cmd.Context())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), link)
	return err
}

// checkRun returns an error for a flag of hub run with an invalid value.
func checkRun(o local.Options) error {
	switch {
	case !(o.InboxFail >= 0 && o.InboxFail <= 1): // also rejects NaN
		return fmt.Errorf("--inbox-fail %v: write a share from 0 to 1, for example 0.5", o.InboxFail)
	case o.Backoff <= 0:
		return fmt.Errorf("--backoff %v: write a time above zero, for example 200ms", o.Backoff)
	case o.Log != "text" && o.Log != "json":
		return fmt.Errorf("--log %s: write text or json", o.Log)
	case o.TLSCert != "" && o.WebhooksAddr == "":
		return errors.New("--tls-cert is for the address of the webhooks: add --webhooks-addr, for example 0.0.0.0:8443")
	}
	return nil
}
