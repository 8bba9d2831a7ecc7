package cli

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
)

func newConsole() *cobra.Command {
	var w store.Location
	var addr string
	cmd := &cobra.Command{
		Use:   "console [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Set up and operate a store in a browser",
		Long: `console serves the pages with which to set up and operate a store. With --prefix they
are for a store that is deployed on AWS, and use your own AWS credentials. hub run serves the
same pages for the hub on this machine: if one runs with the directory, console prints a new
address of its pages. ADDR in the environment is the address of that hub.

console prints an address with a new key. The first browser that opens the address can use
the console for twelve hours, and no other browser can. By default only browsers on this
machine reach it. With an --addr that other machines reach, their browsers can use it too; the
connection is not encrypted, so a forwarded port (ssh -L) is better.`,
		Example: `  hub console --prefix /commerce-segment`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hub := cmp.Or(os.Getenv("ADDR"), local.DefaultAddr)
			return local.ServeConsole(cmd.Context(), w, addr, hub, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addLocation(cmd, &w)
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "the `HOST:PORT` to listen on; port 0 is any free port")
	return cmd
}
