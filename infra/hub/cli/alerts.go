package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/alert"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
)

func newAlertTest() *cobra.Command {
	var addr, dir string
	cmd := &cobra.Command{
		Use:   "alert-test [--dir DIRECTORY]",
		Short: "Send a test of the alerts of a hub on this machine",
		Long: `alert-test sends a test message through each webhook and mail server that is set up in the
hub's directory, and prints the result. hub run sends alerts when the state that hub status
shows gets worse, and when it works again.

The settings are files in the folder alerts of the directory:

  webhook          the URL of an incoming webhook of Slack, or of a workflow of Teams
  mail-to          e-mail addresses, with commas between them
  mail-from        the address of the sender
  smtp-server      HOST:PORT of the mail server
  smtp-user        empty if the server wants none
  smtp-password    its password

The webhook and the password are secrets. On AWS, alarms do this work.`,
		Example: `  hub alert-test`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return testAlerts(cmd, addr, dir) },
	}
	addAddr(cmd, &addr, "the `HOST:PORT` of the hub, for the link in the message, or ADDR in the environment")
	addDir(cmd, &dir)
	return cmd
}

func testAlerts(cmd *cobra.Command, addr, dir string) error {
	hub, err := local.NewClient(addr, dir)
	if err != nil {
		return err
	}
	directory, err := store.OpenDirectory(dir)
	if err != nil {
		return err
	}
	parameters, err := directory.Parameters(cmd.Context(), settings.AlertNames())
	if err != nil {
		return err
	}
	results, err := alert.Test(cmd.Context(), parameters, hub.URL)
	if err == nil && len(results) == 0 {
		return fmt.Errorf("no alerts are set up: put the URL of a webhook of Slack or Teams into %s, or an e-mail address into %s (hub alert-test --help)",
			directory.File(settings.AlertWebhook), directory.File(settings.AlertMailTo))
	}
	for _, r := range results {
		if r.Err != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", r.Channel, r.Err))
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: accepted. Look whether the message has arrived.\n", r.Channel)
	}
	return err
}
