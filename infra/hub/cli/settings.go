package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
)

func newSettings() *cobra.Command {
	var w store.Location
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "settings [--json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Show the settings, without secrets",
		Long: `settings shows every setting in the hub's directory, or with --prefix in the Parameter
Store of a deployed store. For a secret it shows only whether it is set: it neither reads
nor decrypts secrets. For a template it shows the size; hub templates diff shows the text.`,
		Example: `  hub settings --prefix /commerce-segment`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := store.Open(cmd.Context(), w)
			if err != nil {
				return err
			}
			list, err := s.Settings(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Settings in %s\n", s.Name)
			return printSettings(cmd.OutOrStdout(), list)
		},
	}
	addLocation(cmd, &w)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

// printSettings prints the settings as a table.
func printSettings(w io.Writer, list []store.Setting) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tVALUE\tDEFAULT\tVERSION\tMODIFIED")
	for _, one := range list {
		version, modified := "", ""
		if one.Version > 0 {
			version = fmt.Sprint(one.Version)
		}
		if one.Modified != nil {
			modified = one.Modified.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.Name, valueOf(one), yesIf(one.Default), version, modified)
	}
	return table.Flush()
}

// valueOf returns the value of a setting in one line, and no secret.
func valueOf(s store.Setting) string {
	switch {
	case s.Unknown:
		return "set, but nothing reads it: check the name"
	case s.Secret && s.Set:
		return "set"
	case s.Value == "":
		return "not set"
	case strings.HasPrefix(s.Name, "templates/"):
		return fmt.Sprintf("%d bytes", len(s.Value))
	default:
		return strings.Join(store.Lines(s.Value), " ")
	}
}

func yesIf(condition bool) string {
	if condition {
		return "yes"
	}
	return ""
}
