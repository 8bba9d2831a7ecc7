// Package cli is the command line of the hub: a file for each command, which has its flags,
// its help and how it prints. What a command does is in the packages next to this one.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/version"
	"commerce-segment/shared/loggable"
)

// Main runs the command line of this process, and ends it.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second ^C ends the program at once
	local.BypassProxy()
	loggable.StandardLog(local.NewLog("text", os.Stderr))
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes of every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitRefused = 2 // eval: the template was refused before anything was evaluated
	exitTrouble = 2 // templates diff: the templates could not be compared, as with diff(1)
)

// codedError is an error with an exit code of its own.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// run runs one command line and returns its exit code. Whatever went wrong is
// said here, once, on stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(screen{stdout})
	root.SetErr(screen{stderr})
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		fmt.Fprintf(screen{stderr}, "hub: %s\n", strings.TrimSpace(err.Error()))
	}
	return exitCode(cmd, err)
}

// saysWhetherTheyDiffer annotates a command that exits as diff(1) does, for whatever
// stops it: also for a command line that cobra refuses before it runs.
const saysWhetherTheyDiffer = "says whether they differ"

func exitCode(cmd *cobra.Command, err error) int {
	var coded codedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &coded):
		return coded.code
	case cmd.Annotations[saysWhetherTheyDiffer] != "" && !errors.Is(err, errDiffer):
		return exitTrouble
	default:
		return exitFailed
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "hub",
		Short: "Tell Segment what happens in an Elastic Path Commerce shop",
		Long: "hub runs the integration on this machine, shows what Segment would be told\n" +
			"of a webhook, tries templates, and sets up and looks after a store on AWS.",
		Version:       version.This().String(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return withUsage(cmd, inFlagWords(err)) })
	root.AddGroup(
		&cobra.Group{ID: "local", Title: "Run it on this machine:"},
		&cobra.Group{ID: "templates", Title: "Write templates:"},
		&cobra.Group{ID: "operate", Title: "Set up and operate, here or on AWS (--prefix):"},
	)
	addGroup(root, "local", newRun(), newSend(), newSamples(), newSAM())
	addGroup(root, "templates", newPreview(), newLint(), newEval(), newTemplates())
	addGroup(root, "operate", newConsole(), newConfigure(), newWebhookCommands(), newSettings(), newRotate(),
		newDoctor(), newExecutions(), newTrace(), newDeadLetters(), newBackfill(), newReconcile())
	root.SetHelpCommand(newHelp())
	root.InitDefaultCompletionCmd()
	needSubcommands(root)
	return root
}

// addGroup adds commands below a title of the root's help.
func addGroup(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, command := range commands {
		command.GroupID = id
		addCommand(root, command)
	}
}

// addCommand adds a command whose complaints about its arguments say how to write it.
func addCommand(parent, command *cobra.Command) {
	command.DisableFlagsInUseLine = true
	if positional := command.Args; positional != nil {
		command.Args = func(cmd *cobra.Command, args []string) error { return withUsage(cmd, positional(cmd, args)) }
	}
	parent.AddCommand(command)
}

// withUsage adds to what is wrong with a command line how to write it.
func withUsage(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\nUsage: %s (see %s --help)", err, cmd.UseLine(), cmd.CommandPath())
}

// inFlagWords says of a value that its flag cannot have what to write, where pflag says
// it in strconv's words.
func inFlagWords(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	remedy, known := map[string]string{
		"float64":  "write a number, for example 0.5",
		"duration": "write a time with its unit, for example 200ms or 30s",
		"bool":     "write true or false, or leave the value out",
	}[invalid.GetFlag().Value.Type()]
	if !known {
		return err
	}
	return fmt.Errorf("--%s %s: %s", invalid.GetFlag().Name, invalid.GetValue(), remedy)
}
