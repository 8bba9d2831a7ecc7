package main

import (
	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/site"
)

// addWhere adds --dir and --prefix, of which one may be given.
func addWhere(cmd *cobra.Command, w *site.Where) {
	addDir(cmd, &w.Dir)
	cmd.Flags().StringVar(&w.Prefix, "prefix", "",
		"the `prefix` of a store that is deployed on AWS, for example "+site.DefaultPrefix+"; the AWS CLI's variables and profiles count")
	cmd.MarkFlagsMutuallyExclusive("dir", "prefix")
}

func addDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", site.DefaultDir, "the `directory` of the hub's settings, a file for each")
}
