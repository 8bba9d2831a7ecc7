// Package cli is the command line of the hub. Each command has a file with its flags, its
// help and its output. What a command does is in the packages next to this one.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/version"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/loggable"
)

// Main runs the command line of this process, and exits.
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
	exitInvalid = 2 // eval: the template does not compile
	exitTrouble = 2 // templates diff: the templates could not be compared, as with diff(1)
)

// codedError is an error with its exit code.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// run runs one command line and returns its exit code. It is the only place that prints
// an error, on stderr.
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

// exitsLikeDiff annotates a command whose exit codes are those of diff(1). That includes
// a command line that cobra rejects before the command runs.
const exitsLikeDiff = "exits like diff"

func exitCode(cmd *cobra.Command, err error) int {
	var coded codedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &coded):
		return coded.code
	case cmd.Annotations[exitsLikeDiff] != "" && !errors.Is(err, errDiffer):
		return exitTrouble
	default:
		return exitFailed
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "hub",
		Short: "Send the events of an Elastic Path Commerce store to Segment",
		Long: "hub runs the integration on this machine, shows what Segment would receive for a\n" +
			"webhook, tests templates, and sets up and operates a store on AWS.\n\n" +
			"A store is one set of settings: the hub's directory on this machine (--dir), or a\n" +
			"deployment on AWS (--prefix). A tracking is one kind of call to Segment, such as\n" +
			"order-completed; it has a template that makes the call of a webhook.",
		Example: `  hub run                            # in one terminal: it prints the address of the console
  hub send order-completed/guest     # in another one`,
		Version:       version.This().String(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(withUsage(cmd, explainFlagGroups(cmd.ValidateFlagGroups())), checkDir(cmd), checkPrefix(cmd))
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return withUsage(cmd, explainFlagError(err)) })
	root.AddGroup(
		&cobra.Group{ID: "local", Title: "Run on this machine:"},
		&cobra.Group{ID: "templates", Title: "Write templates:"},
		&cobra.Group{ID: "operate", Title: "Set up and operate, here or on AWS (--prefix):"},
	)
	addGroup(root, "local", newRun(), newSend(), newSamples(), newSAM())
	addGroup(root, "templates", newPreview(), newLint(), newEval(), newTemplates(), newPlan())
	addGroup(root, "operate", newConsole(), newConfigure(), newWebhookCommands(), newSourceCommands(), newSettings(), newRotate(),
		newStatus(), newAlertTest(), newDoctor(), newExecutions(), newTrace(), newRetry(), newPause(), newResume(), newDeadLetters(), newBackfill(), newReconcile(), newRevenue(), newReceived(), newDeletions(), newCompare(),
		newExport(), newImport(), newUnprotect(), newPolicy())
	root.SetHelpCommand(newHelp())
	root.InitDefaultCompletionCmd()
	needSubcommands(root)
	return root
}

// addGroup adds commands to a group of the root's help.
func addGroup(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, command := range commands {
		command.GroupID = id
		addCommand(root, command)
	}
}

// addCommand adds a command, and its usage to the errors about its arguments.
func addCommand(parent, command *cobra.Command) {
	command.DisableFlagsInUseLine = true
	if positional := command.Args; positional != nil {
		command.Args = func(cmd *cobra.Command, args []string) error {
			return withUsage(cmd, explainArgs(positional(cmd, args)))
		}
	}
	parent.AddCommand(command)
}

// withUsage adds the usage of a command to an error about its command line.
func withUsage(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\nUsage: %s (see %s --help)", err, cmd.UseLine(), cmd.CommandPath())
}

// explainFlagError replaces pflag's error about an invalid value, which is in the words of
// strconv, by one that says what to write.
func explainFlagError(err error) error {
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

// The texts of cobra's errors about flags that exclude each other or belong together.
var (
	exclusive = regexp.MustCompile(`none of the others can be; \[([^ ]+) ([^ \]]+)`)
	together  = regexp.MustCompile(`^if any flags in the group \[(.*)\] are set they must all be set; missing \[(.*)\]$`)
	oneOf     = regexp.MustCompile(`^at least one of the flags in the group \[(.*)\] is required$`)
)

// explainFlagGroups replaces cobra's error about flags that exclude each other or belong together by
// one that says what to do.
func explainFlagGroups(err error) error {
	if err == nil {
		return nil
	}
	flags := func(names, separator string) string { return "--" + strings.ReplaceAll(names, " ", separator+"--") }
	if found := exclusive.FindStringSubmatch(err.Error()); found != nil {
		return fmt.Errorf("--%s and --%s exclude each other: leave one out", found[1], found[2])
	}
	if found := together.FindStringSubmatch(err.Error()); found != nil {
		return fmt.Errorf("%s belong together: add %s", flags(found[1], " and "), flags(found[2], " and "))
	}
	if found := oneOf.FindStringSubmatch(err.Error()); found != nil {
		return fmt.Errorf("give %s", flags(found[1], " or "))
	}
	return err
}

// argCount matches cobra's error about the number of arguments.
var argCount = regexp.MustCompile(`^(?:accepts|requires) (at most |at least )?(\d+) arg\(s\), (?:only )?received (\d+)$`)

// explainArgs replaces cobra's error about the number of arguments.
func explainArgs(err error) error {
	if err == nil {
		return nil
	}
	found := argCount.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	wanted, _ := strconv.Atoi(found[2]) // it is a number
	return fmt.Errorf("the command takes %s%s, not %s", found[1], words.Count(wanted, "argument"), found[3])
}
