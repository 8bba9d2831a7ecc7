package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// needSubcommands makes every command that only groups others refuse a command line
// without one of them, or with a misspelt one. cobra shows its help instead, and a
// script takes that for done.
func needSubcommands(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		needSubcommands(below)
	}
	if !cmd.HasSubCommands() || cmd.Runnable() {
		return
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return fmt.Errorf("say which command of %s:\n\n%s", cmd.CommandPath(), cmd.UsageString())
	}
}

// unknownCommand says that a command has none of a name below it, and what was
// probably meant.
func unknownCommand(cmd *cobra.Command, name string) error {
	err := fmt.Errorf("unknown command %q for %q", name, cmd.CommandPath())
	if meant := cmd.SuggestionsFor(name); len(meant) > 0 {
		err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(meant, " or "))
	}
	return withUsage(cmd, err)
}

// newHelp is cobra's command help, which fails where there is no such command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show how to use a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownCommand(found, rest[0])
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
