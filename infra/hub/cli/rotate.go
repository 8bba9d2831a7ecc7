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

// rotation is the flags of hub rotate.
type rotation struct {
	store.Location
	finish, noWait bool
}

func newRotate() *cobra.Command {
	var options rotation
	cmd := &cobra.Command{
		Use:   "rotate [--finish] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Replace the webhook secret without refusing a webhook",
		Long: `rotate replaces the webhook secret in two steps, between which both the new one
and the old one count, so that no webhook is refused whenever Commerce changes over:

  1. hub rotate            makes a new secret, puts it before the old one, and waits
                           until the functions know both
  2. hub webhooks sync     gives it to every webhook in Commerce
  3. hub rotate --finish   drops the old one

Each can be repeated: a rotation that has begun is not begun again, and one that is
finished stays so. Run again, the first reckons from when AWS says that the new secret
was written: it waits long enough if this machine's clock is right.

An event that came while no secret could be compared is compared when it is
delivered. So let what waits be delivered before the second step: it says how much
there is. What it buries as forged can be had back: hub deadletters redrive --help.

The new secret is COMMERCE_WEBHOOK_SECRET in the environment,
where that is set.`,
		Example: `  hub rotate --prefix /commerce-segment
  hub rotate --prefix /commerce-segment --finish`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return rotate(cmd, options) },
	}
	addWhere(cmd, &options.Location)
	cmd.Flags().BoolVar(&options.finish, "finish", false, "drop the old secret: Commerce sends the new one with every webhook")
	cmd.Flags().BoolVar(&options.noWait, "no-wait", false, "do not wait until the functions know the new secret")
	return cmd
}

func rotate(cmd *cobra.Command, options rotation) error {
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
		return fmt.Errorf("parameter %s in %s holds %d secrets, and at most two count: put the newest there, and below it the one that Commerce still sends",
			settings.WebhookSecret, s.Name, len(secrets))
	case options.finish:
		return finishRotation(cmd, s, secrets)
	default:
		return beginRotation(cmd, s, secrets, options.noWait)
	}
}

// beginRotation puts a new secret before the one there is, unless that has been done.
func beginRotation(cmd *cobra.Command, s store.Store, secrets []string, noWait bool) error {
	out := cmd.OutOrStdout()
	asked, err := settings.Word(os.Getenv("COMMERCE_WEBHOOK_SECRET"))
	if err != nil {
		return fmt.Errorf("COMMERCE_WEBHOOK_SECRET: %w", err)
	}
	var written time.Time // by this run
	switch {
	case len(secrets) == 2 && asked != "" && asked != secrets[0]:
		return errors.New("a rotation has begun, with another secret than COMMERCE_WEBHOOK_SECRET: finish that one first, with hub rotate --finish")
	case len(secrets) == 2:
		fmt.Fprintln(out, "A rotation has begun already: the new secret and the old one both count.")
	case asked == secrets[0]:
		return errors.New("COMMERCE_WEBHOOK_SECRET is the secret that there is: unset it, and a new one is made")
	default:
		if asked == "" {
			asked = store.NewSecret()
		}
		if err := s.PutSecrets(cmd.Context(), secrets, []string{asked, secrets[0]}); err != nil {
			return err
		}
		written = time.Now()
		fmt.Fprintf(out, "wrote %s: the new secret before the old one, and both count\n", settings.WebhookSecret)
	}
	if !noWait {
		if err := awaitKnown(cmd.Context(), s, cmd.ErrOrStderr(), written); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nNow give every webhook in Commerce the new secret: hub webhooks sync%s\n"+
		"Who does that by hand in Commerce Manager has it from this:\n  %s | head -n 1\n\n"+
		"Once Commerce sends it with all of them: hub rotate --finish%s\n", s.Flag(), s.SecretCommand, s.Flag())
	return nil
}

// finishRotation drops the old secret.
func finishRotation(cmd *cobra.Command, s store.Store, secrets []string) error {
	if len(secrets) == 1 {
		fmt.Fprintf(cmd.OutOrStdout(), "Nothing to finish: there is one secret in %s, and it counts.\n", s.Name)
		return nil
	}
	if err := sayWhatWaits(cmd, s); err != nil {
		return err
	}
	if keyboard := openTerminal(cmd); keyboard != nil {
		sure, err := keyboard.confirm(cmd.Context(), "Does Commerce send the new secret with every webhook? Those with the old one will be refused, and lost.")
		if err != nil {
			return err
		}
		if !sure {
			return errors.New("nothing was changed: the new secret and the old one both count")
		}
	}
	if err := s.PutSecrets(cmd.Context(), secrets, secrets[:1]); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s: the old secret counts no more\n", settings.WebhookSecret)
	return nil
}

// sayWhatWaits says how many events a deployed store has not delivered yet. Which of
// them are still to be compared with the secret is within them, and nobody can look
// without taking them from the functions.
func sayWhatWaits(cmd *cobra.Command, s store.Store) error {
	if s.Deployment == nil {
		return nil
	}
	now, err := s.Deployment.Backlog(cmd.Context())
	if err != nil {
		return err
	}
	if now.Waiting > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "Still to be delivered: about %s. One that came unverified, with the old secret, would\n"+
			"become a dead letter (forged). If the alarm late, blocked or unverified is on, rather finish once it is over.\n", words.Count(now.Waiting, "event"))
	}
	return nil
}

// awaitKnown waits until the functions know the webhook secret that is written; when
// this run wrote it, or the zero time. Who comes back later does not wait again.
func awaitKnown(ctx context.Context, s store.Store, progress io.Writer, written time.Time) error {
	wait, err := s.UntilKnown(ctx, settings.WebhookSecret, written)
	if err != nil || wait == 0 {
		return err
	}
	known := time.Now().Add(wait)
	bar := newProgress(progress, "seconds until the functions know it", int(s.Takes.Seconds()))
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
			return fmt.Errorf("stopped before the functions knew the new secret, which is written and counts: go on in %.0f seconds, with hub rotate%s",
				left.Seconds(), s.Flag())
		}
	}
}
