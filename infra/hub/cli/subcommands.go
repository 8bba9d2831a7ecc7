package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// needSubcommands makes every command that only groups others fail without a known
// subcommand. By default cobra prints the help and exits with 0, which means success to a
// script.
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
		return fmt.Errorf("name a command of %s:\n\n%s", cmd.CommandPath(), cmd.UsageString())
	}
}

// unknownCommand returns the error for an unknown subcommand, and suggests similar ones.
func unknownCommand(cmd *cobra.Command, name string) error {
	err := fmt.Errorf("unknown command %q for %q", name, cmd.CommandPath())
	if meant := cmd.SuggestionsFor(name); len(meant) > 0 {
		err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(meant, " or "))
	}
	return withUsage(cmd, err)
}

// newHelp returns the command help. Unlike cobra's, it fails for an unknown command.
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
