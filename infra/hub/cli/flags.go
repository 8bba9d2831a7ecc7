package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
)

// addLocation adds --dir and --prefix, of which only one may be given.
func addLocation(cmd *cobra.Command, w *store.Location) {
	addDir(cmd, &w.Dir)
	cmd.Flags().StringVar(&w.Prefix, "prefix", "",
		"the `prefix` of a store that is deployed on AWS, for example "+store.DefaultPrefix+"; uses the variables and profiles of the AWS CLI")
	cmd.MarkFlagsMutuallyExclusive("dir", "prefix")
}

// addStore adds --dir, --prefix and --addr, the address of the hub that runs the store on
// this machine.
func addStore(cmd *cobra.Command, addr *string, w *store.Location) {
	addAddr(cmd, addr, "the `HOST:PORT` of the running hub, or ADDR in the environment")
	addLocation(cmd, w)
	cmd.MarkFlagsMutuallyExclusive("addr", "prefix")
}

func addDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", store.DefaultDir, "the `directory` of the hub's settings; each setting is a file")
}

// checkPrefix returns an error if --prefix is empty, as it is in a script whose variable is not
// set: the command would use the store on this machine.
func checkPrefix(cmd *cobra.Command) error {
	if flag := cmd.Flags().Lookup("prefix"); flag != nil && flag.Changed && flag.Value.String() == "" {
		return errors.New("--prefix is empty: give the prefix of a deployed store, such as " + store.DefaultPrefix + ", or leave the flag out for the store on this machine")
	}
	return nil
}

// makesDir annotates a command that makes the hub's directory if it does not exist.
const makesDir = "makes the directory"

// checkDir returns an error if --dir names no directory, which is probably a mistyped name: the
// command would use the defaults.
func checkDir(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("dir")
	if flag == nil || !flag.Changed || cmd.Annotations[makesDir] != "" {
		return nil
	}
	dir := flag.Value.String()
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		quoted := store.ShellQuote(dir)
		return fmt.Errorf("there is no hub's directory %s: check the name in --dir, or make one with hub run --dir %s", dir, quoted)
	case err != nil:
		return fmt.Errorf("looking for the hub's directory: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is a file, not a hub's directory: check the name in --dir", dir)
	}
	return nil
}

// addAddr adds --addr, whose default is ADDR in the environment.
func addAddr(cmd *cobra.Command, addr *string, usage string) {
	cmd.Flags().StringVar(addr, "addr", cmp.Or(os.Getenv("ADDR"), local.DefaultAddr), usage)
}

func addURL(cmd *cobra.Command, url *string) {
	cmd.Flags().StringVar(url, "url", "", "the public `URL` at which Commerce reaches the store, for example that of a tunnel; the store keeps it. default goes back")
}
