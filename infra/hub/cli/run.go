package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
)

func newRun() *cobra.Command {
	var options local.Options
	var link bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Take webhooks here, and show what Segment is told",
		Long: `run takes webhooks at /webhooks/<name> exactly as the functions on AWS do, and
delivers to an inbox that takes what any Segment SDK sends with its write key. The settings are the
files in the directory, made on the first run. The address of the console that it prints
lets in one browser, for twelve hours; for another address say hub run --link. To send to Segment instead, put
its host in segment/host there and a source's write key in segment/write-key.

Events are kept in the directory, on the disk, until they are delivered: those of a hub that
was stopped or killed are delivered by the next hub run there.`,
		Example: `  hub run
  ADDR=127.0.0.1:9000 hub run
  hub run --link                               # in a second terminal: another address of the console
  hub run --inbox-fail 0.5 --backoff 200ms     # an outage of Segment, in quick motion`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if link {
				return printLink(cmd, options)
			}
			if err := checkRun(options); err != nil {
				return err
			}
			return local.Run(cmd.Context(), options, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addAddr(cmd, &options.Addr, "the `HOST:PORT` to listen on; ADDR in the environment sets it too, port 0 takes a free one")
	addDir(cmd, &options.Dir)
	cmd.Flags().Float64Var(&options.InboxFail, "inbox-fail", 0, "the share of requests that the inbox answers with 500, from 0 to 1")
	cmd.Flags().DurationVar(&options.Backoff, "backoff", 30*time.Second, "the delay before an event's second delivery; it doubles from there")
	cmd.Flags().StringVar(&options.Log, "log", "text", "the log's form on standard error, text or json")
	cmd.Flags().BoolVar(&link, "link", false, "print a new address of the console of the hub that runs already, and end")
	return cmd
}

// printLink asks a running hub for a new address of its console.
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

// checkRun says which flag of hub run has a value that it cannot have.
func checkRun(o local.Options) error {
	switch {
	case !(o.InboxFail >= 0 && o.InboxFail <= 1): // so that NaN is refused too
		return fmt.Errorf("--inbox-fail %v: write a share from 0 to 1, for example 0.5", o.InboxFail)
	case o.Backoff <= 0:
		return fmt.Errorf("--backoff %v: write a time above zero, for example 200ms", o.Backoff)
	case o.Log != "text" && o.Log != "json":
		return fmt.Errorf("--log %s: write text or json", o.Log)
	}
	return nil
}
