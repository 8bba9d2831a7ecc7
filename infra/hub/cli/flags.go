package cli

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
)

// addWhere adds --dir and --prefix, of which one may be given.
func addWhere(cmd *cobra.Command, w *store.Location) {
	addDir(cmd, &w.Dir)
	cmd.Flags().StringVar(&w.Prefix, "prefix", "",
		"the `prefix` of a store that is deployed on AWS, for example "+store.DefaultPrefix+"; the AWS CLI's variables and profiles count")
	cmd.MarkFlagsMutuallyExclusive("dir", "prefix")
}

// addStore adds what addWhere does, and --addr: a store on this machine is asked for at
// its hub.
func addStore(cmd *cobra.Command, addr *string, w *store.Location) {
	addAddr(cmd, addr, "the `HOST:PORT` of the running hub; ADDR in the environment sets it too")
	addWhere(cmd, w)
	cmd.MarkFlagsMutuallyExclusive("addr", "prefix")
}

func addDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", store.DefaultDir, "the `directory` of the hub's settings, a file for each")
}

// addAddr adds --addr, whose default is ADDR in the environment.
func addAddr(cmd *cobra.Command, addr *string, usage string) {
	cmd.Flags().StringVar(addr, "addr", cmp.Or(os.Getenv("ADDR"), local.DefaultAddr), usage)
}

func addURL(cmd *cobra.Command, url *string) {
	cmd.Flags().StringVar(url, "url", "", "the public `URL` under which Commerce reaches the store: a tunnel's, or a domain of your own")
}
