package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

func newSettings() *cobra.Command {
	var w where
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "settings [--json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Show what is set, without the secrets",
		Long: `settings shows every setting: in the hub's directory, or with --prefix in the
Parameter Store of a deployed store. Of a secret it shows whether it is set; it
neither reads nor decrypts it. Of a template it shows the size: hub templates diff
shows the text.`,
		Example: `  hub settings --prefix /commerce-segment`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openSite(cmd.Context(), w)
			if err != nil {
				return err
			}
			list, err := s.settings(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(list)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Settings in %s\n", s.Name)
			return printSettings(cmd.OutOrStdout(), list)
		},
	}
	addWhere(cmd, &w)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, for programs")
	return cmd
}

// setting is a parameter as hub settings shows it.
type setting struct {
	Name     string     `json:"name"`
	Value    string     `json:"value,omitempty"` // empty for a secret
	Secret   bool       `json:"secret"`
	Set      bool       `json:"set"`
	Default  bool       `json:"default"`           // the value is the default, written or not
	Unknown  bool       `json:"unknown,omitempty"` // nothing reads a parameter of that name
	Version  int64      `json:"version,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
}

// settings are all parameters that there are, and those that are set besides. These
// are perhaps misspelled, and what they hold is perhaps a secret.
func (s site) settings(ctx context.Context) ([]setting, error) {
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	stored := make(map[string]settings.Stored, len(list))
	for _, parameter := range list {
		stored[parameter.Name] = parameter
	}
	var all []setting
	defaults := s.defaults()
	for _, name := range allNames() {
		parameter, set := stored[name]
		delete(stored, name)
		all = append(all, settingOf(name, parameter, set, defaults[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		unknown := settingOf(name, stored[name], true, "")
		unknown.Value, unknown.Unknown = "", true
		all = append(all, unknown)
	}
	return all, nil
}

func settingOf(name string, stored settings.Stored, set bool, standard string) setting {
	one := setting{Name: name, Secret: settings.IsSecret(name), Set: set, Version: stored.Version}
	if set {
		one.Modified = &stored.Modified
	}
	if one.Secret {
		return one
	}
	one.Value = stored.Value
	if strings.TrimSpace(one.Value) == "" {
		one.Value = standard
	}
	one.Default = standard != "" && sameText(one.Value, standard)
	return one
}

// defaults are what counts where a parameter is not set. On this machine there is no
// host then: the hub sends to its inbox.
func (s site) defaults() map[string]string {
	defaults := map[string]string{}
	if s.Deployment != nil {
		defaults[settings.SegmentHost], defaults[settings.SegmentPath] = settings.DefaultHost, settings.DefaultPath
	}
	for _, t := range tracking.All() {
		defaults[settings.Enabled(t)] = "true"
		defaults[settings.Events(t)] = strings.Join(t.Observes, ",")
		defaults[settings.Template(t)] = templates.Default(t.Name)
	}
	return defaults
}

// sameText compares texts but for the line ends after them, which editors put there
// and a directory's parameters do not have.
func sameText(one, other string) bool {
	return strings.TrimRight(one, "\r\n") == strings.TrimRight(other, "\r\n")
}

// printSettings prints a table.
func printSettings(w io.Writer, list []setting) error {
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.Name, one.shown(), yesIf(one.Default), version, modified)
	}
	return table.Flush()
}

// shown is a value in one line, and no secret's.
func (s setting) shown() string {
	switch {
	case s.Unknown:
		return "set, and nothing reads it: is the name right?"
	case s.Secret && s.Set:
		return "set"
	case s.Value == "":
		return "not set"
	case strings.HasPrefix(s.Name, "templates/"):
		return fmt.Sprintf("%d bytes", len(s.Value))
	default:
		return strings.Join(lines(s.Value), " ")
	}
}

func yesIf(condition bool) string {
	if condition {
		return "yes"
	}
	return ""
}
