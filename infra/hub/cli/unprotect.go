package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/archive"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
)

// unprotectOptions are the flags of hub unprotect.
type unprotectOptions struct {
	prefix, assembly, file string
	confirmation
}

func newUnprotect() *cobra.Command {
	var options unprotectOptions
	cmd := &cobra.Command{
		Use:   "unprotect --prefix PREFIX | --assembly DIRECTORY [--export FILE]",
		Short: "Switch off the termination protection of a deployed store, after printing what would be lost",
		Long: `unprotect prints what would be lost if the stack of a deployed store were deleted: the edited
templates, the waiting events and the dead letters. At a terminal it offers to save the
settings, the templates and the dead letters in a file, which hub import reads. Then it asks,
and switches the termination protection of the stack off. It deletes nothing: make destroy
runs it first, with --assembly for the store that CDK has selected. The next deployment
protects the store again.`,
		Example: `  hub unprotect --prefix /commerce-segment --dry-run
  hub unprotect --prefix /commerce-segment --export before-destroy.jsonl.gz --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return unprotect(cmd, options) },
	}
	cmd.Flags().StringVar(&options.prefix, "prefix", "", "the `prefix` of the store, for example "+store.DefaultPrefix)
	cmd.Flags().StringVar(&options.assembly, "assembly", "", "the `directory` in which CDK has written the stack, infra/cdk.out")
	cmd.Flags().StringVar(&options.file, "export", "", "save settings, templates and dead letters in this new `file` first")
	cmd.MarkFlagsMutuallyExclusive("prefix", "assembly")
	cmd.MarkFlagsOneRequired("prefix", "assembly")
	options.addFlags(cmd)
	return cmd
}

func unprotect(cmd *cobra.Command, options unprotectOptions) error {
	if options.assembly != "" {
		prefix, region, err := store.ReadAssembly(options.assembly)
		if err != nil {
			return err
		}
		options.prefix = prefix
		if region != "" {
			os.Setenv("AWS_REGION", region) // that of the environments file, which CDK uses too
		}
	}
	s, err := store.OpenDeployed(cmd.Context(), options.prefix)
	if err != nil {
		return err
	}
	loss, err := s.Deletion(cmd.Context())
	if err != nil {
		return err
	}
	printLoss(cmd.OutOrStdout(), s, loss)
	if err := options.save(cmd, s, loss); err != nil {
		return err
	}
	yes, err := options.confirm(cmd, "Allow the deletion of the stack "+s.Deployment.StackName()+"?")
	if !yes || err != nil {
		return err
	}
	return s.Deployment.Unprotect(cmd.Context())
}

// printLoss prints what is lost when the stack is deleted.
func printLoss(w io.Writer, s store.Store, loss store.Deletion) {
	fmt.Fprintf(w, "The stack %s in %s has:\n", s.Deployment.StackName(), s.Deployment.Config.Region)
	fmt.Fprintf(w, "  %s\n", words.Count(len(loss.Templates), "edited template")+namesOf(loss.Templates))
	fmt.Fprintf(w, "  about %s to be delivered\n", words.Count(loss.Backlog.Waiting, "event"))
	fmt.Fprintf(w, "  about %s\n", words.Count(loss.Backlog.Dead, "dead letter"))
	if loss.Retained {
		fmt.Fprintln(w, "They stay if it is deleted, with the logs: it was deployed with the option retain.")
	} else {
		fmt.Fprintln(w, "They are lost if it is deleted, with the logs. The secrets stay.")
	}
	fmt.Fprintf(w, "If its webhooks are still registered, remove them first: hub webhooks remove%s\n", s.Flag())
}

func namesOf(templates []store.Template) string {
	if len(templates) == 0 {
		return ""
	}
	var names []string
	for _, t := range templates {
		names = append(names, t.Tracking.Name)
	}
	return ": " + strings.Join(names, ", ")
}

// save saves the store in the file of --export. Without one, it offers at a terminal to save it,
// if something would be lost.
func (o unprotectOptions) save(cmd *cobra.Command, s store.Store, loss store.Deletion) error {
	file, keyboard := o.file, openTerminal(cmd)
	loses := !loss.Retained && len(loss.Templates)+loss.Backlog.Waiting+loss.Backlog.Dead > 0
	if file == "" && keyboard != nil && loses && !o.yes && !o.dryRun {
		offered := s.Deployment.StackName() + time.Now().Format("-20060102-150405") + ".jsonl.gz"
		yes, err := keyboard.confirm(cmd.Context(), "\nSave settings, templates and dead letters in "+offered+" first?")
		if err != nil {
			return err
		}
		if yes {
			file = offered
		}
	}
	if file == "" || o.dryRun {
		return nil
	}
	counts, err := archive.ExportFile(cmd.Context(), file, s, archive.FromDeployment(s.Deployment), false)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s: %s, %s. It has no secrets.\n", file, words.Count(counts.Settings, "setting"), words.Count(counts.Dead, "dead letter"))
	return nil
}
