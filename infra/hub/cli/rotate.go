package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/settings"
)

// rotateOptions are the flags of hub rotate.
type rotateOptions struct {
	store.Location
	finish, noWait bool
}

func newRotate() *cobra.Command {
	var options rotateOptions
	cmd := &cobra.Command{
		Use:   "rotate [--finish] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Replace the webhook secret without rejecting a webhook",
		Long: `rotate replaces the webhook secret. Between the first and the last step both the new and
the old secret are valid, so no webhook is rejected while Commerce changes to the new one:

  1. hub rotate            makes a new secret, writes it before the old one, and waits
                           until both are in effect
  2. hub webhooks sync     gives the new secret to every webhook in Commerce
  3. hub rotate --finish   removes the old secret

Each step can be repeated. A second hub rotate makes no other secret. It waits until 75
seconds have passed since the new secret was written, by the time that AWS reports and the
clock of this machine.

If a webhook arrives while its secret cannot be checked, the secret is checked when the event
is delivered. So let the queued events be delivered before step 3: it prints how many there
are. An event that becomes a dead letter with the reason forged can be delivered again: hub
deadletters redrive --help.

To choose the new secret, set COMMERCE_WEBHOOK_SECRET in the environment.`,
		Example: `  hub rotate --prefix /commerce-segment
  hub rotate --prefix /commerce-segment --finish`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return rotate(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	cmd.Flags().BoolVar(&options.finish, "finish", false, "remove the old secret, once Commerce sends the new one with every webhook")
	cmd.Flags().BoolVar(&options.noWait, "no-wait", false, "do not wait until the new secret is in effect")
	return cmd
}

func rotate(cmd *cobra.Command, options rotateOptions) error {
	s, err := store.Open(cmd.Context(), options.Location)
	if err != nil {
		return err
	}
	values, err := s.Parameters(cmd.Context(), []string{settings.WebhookSecret})
	if err != nil {
		return err
	}
	secrets := store.Lines(values[settings.WebhookSecret])
	switch {
	case len(secrets) == 0:
		return fmt.Errorf("there is no webhook secret in %s to replace: hub configure makes one", s.Name)
	case len(secrets) > 2:
		return fmt.Errorf("parameter %s in %s holds %d secrets, but at most two are allowed: write the newest there, and below it the one that Commerce still sends",
			settings.WebhookSecret, s.Name, len(secrets))
	case options.finish:
		return finishRotation(cmd, s, secrets)
	default:
		return beginRotation(cmd, s, secrets, options.noWait)
	}
}

// beginRotation writes a new secret before the present one, unless there are two already.
func beginRotation(cmd *cobra.Command, s store.Store, secrets []string, noWait bool) error {
	out := cmd.OutOrStdout()
	secret, err := settings.Word(os.Getenv("COMMERCE_WEBHOOK_SECRET"))
	if err != nil {
		return fmt.Errorf("COMMERCE_WEBHOOK_SECRET: %w", err)
	}
	var written time.Time // by this run
	switch {
	case len(secrets) == 2 && secret != "" && secret != secrets[0]:
		return errors.New("a rotation to another secret than COMMERCE_WEBHOOK_SECRET has begun: finish that one first, with hub rotate --finish")
	case len(secrets) == 2:
		fmt.Fprintln(out, "A rotation has begun already: the new secret and the old one are both valid.")
	case secret == secrets[0]:
		return errors.New("COMMERCE_WEBHOOK_SECRET is the present secret: unset it to have a new one made")
	default:
		if secret == "" {
			secret = store.NewSecret()
		}
		if err := s.PutSecrets(cmd.Context(), secrets, []string{secret, secrets[0]}); err != nil {
			return err
		}
		written = time.Now()
		fmt.Fprintf(out, "wrote %s: the new secret before the old one, and both are valid\n", settings.WebhookSecret)
	}
	if !noWait {
		if err := awaitKnown(cmd.Context(), s, cmd.ErrOrStderr(), written); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nNow give every webhook in Commerce the new secret: hub webhooks sync%s\n"+
		"To do that by hand in Commerce Manager, print the secret:\n  %s | head -n 1\n\n"+
		"Once all webhooks have it: hub rotate --finish%s\n", s.Flag(), s.SecretCommand, s.Flag())
	return nil
}

// finishRotation removes the old secret.
func finishRotation(cmd *cobra.Command, s store.Store, secrets []string) error {
	if len(secrets) == 1 {
		fmt.Fprintf(cmd.OutOrStdout(), "Nothing to finish: there is only one secret in %s.\n", s.Name)
		return nil
	}
	if err := warnBacklog(cmd, s); err != nil {
		return err
	}
	if keyboard := openTerminal(cmd); keyboard != nil {
		sure, err := keyboard.confirm(cmd.Context(), "Does Commerce send the new secret with every webhook? Webhooks with the old one will be rejected, and lost.")
		if err != nil {
			return err
		}
		if !sure {
			return errors.New("nothing was changed: the new secret and the old one are both valid")
		}
	}
	if err := s.PutSecrets(cmd.Context(), secrets, secrets[:1]); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s: the old secret is removed\n", settings.WebhookSecret)
	return nil
}

// warnBacklog warns that a deployed store has events that are not delivered yet. Only the
// events themselves show whether their secret is still to be checked, and to read them would
// take them from the functions.
func warnBacklog(cmd *cobra.Command, s store.Store) error {
	if s.Deployment == nil {
		return nil
	}
	now, err := s.Deployment.Backlog(cmd.Context())
	if err != nil {
		return err
	}
	if now.Waiting > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "Still to be delivered: about %s. An event with the old secret that was not checked yet would\n"+
			"become a dead letter (forged). If the alarm late, blocked or unverified is on, finish after it has ended.\n", words.Count(now.Waiting, "event"))
	}
	return nil
}

// awaitKnown waits until the webhook secret is in effect. The time is when this run wrote it,
// or zero if an earlier run did; then awaitKnown waits only for the time that is left.
func awaitKnown(ctx context.Context, s store.Store, progress io.Writer, written time.Time) error {
	wait, err := s.UntilKnown(ctx, settings.WebhookSecret, written)
	if err != nil || wait == 0 {
		return err
	}
	known := time.Now().Add(wait)
	bar := newProgress(progress, "seconds until it is in effect", int(s.Takes.Seconds()))
	defer bar.done()
	for tick := time.NewTicker(time.Second); ; {
		left := time.Until(known)
		if left <= 0 {
			return nil
		}
		bar.at(int((s.Takes - left).Seconds()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("stopped before the new secret was in effect everywhere. It is written and valid: continue in %.0f seconds, with hub rotate%s",
				left.Seconds(), s.Flag())
		}
	}
}
