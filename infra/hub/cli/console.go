package cli

import (
	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
)

func newConsole() *cobra.Command {
	var w store.Location
	var addr string
	cmd := &cobra.Command{
		Use:   "console [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Set a store up and look after it, in a browser",
		Long: `console serves pages with which to set a store up: connect, choose, edit templates,
finish. With --prefix they are about a store that is deployed on AWS, with your own
AWS credentials. hub run serves the same pages about the hub on this machine.

It prints an address with a key, new each time, and lets in the one browser that opens it
first, for twelve hours; on this machine only. Where --addr names an address that other machines reach, it
lets in theirs too; what they exchange is not encrypted, so a forwarded port (ssh -L)
is better.`,
		Example: `  hub console --prefix /commerce-segment`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return local.ServeConsole(cmd.Context(), w, addr, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addWhere(cmd, &w)
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "the `HOST:PORT` to listen on; port 0 takes a free one")
	return cmd
}
