package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"commerce-segment/infra/hub/deletions"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// configureOptions are the flags of hub configure.
type configureOptions struct {
	store.Location
	flags           map[string]*string // by the parameter's name
	enable, disable []string
	events          []string // NAME=EVENT,…
	addr            string
	noInput         bool
	untested        bool
}

func newConfigure() *cobra.Command {
	options := configureOptions{flags: map[string]*string{}}
	cmd := &cobra.Command{
		Use:         "configure [--dir DIRECTORY | --prefix PREFIX]",
		Annotations: map[string]string{makesDir: "yes"},
		Short:       "Set the keys, addresses and events of a store",
		Long: `configure writes the settings of a store to the hub's directory, or with --prefix to the
Parameter Store of a deployed store. At a terminal it asks for each setting that no flag
and no variable gives; Enter keeps the present value. In a script it asks nothing.

Secrets are never on the command line, which other users of the machine can read. Type
them at the terminal, which does not show them, or put them into the environment:
` + variables() + `
Everything is checked before anything is written, and settings that are right already are
not written. configure first tests the access to Commerce: it fetches a token and prints
what the token may read. It then copies the decimals of the store's currencies from Commerce
to commerce/currencies. A client secret belongs to the host that it was entered for: with
another --commerce-url, enter the secret again.

The token of Segment's Public API is optional. With it configure looks up a new write key among
the sources of the workspace, and does not write one that no source has. The token needs the role
Source Admin to see write keys. It belongs to a region, which follows from --segment-host. On
AWS only the function of customer-deleted can read it.

--untested skips the tests of Commerce and Segment. If there is no webhook secret, configure
makes one. The hub's directory needs no Segment host: without one the hub sends to its own
inbox. If deletions of users wait that Segment is asked for with the new settings, configure says
how many, and asks at a terminal.

If two people change the same settings at the same time, the second gets an error.`,
		Example: `  hub configure
  hub configure --prefix /commerce-segment
  SEGMENT_WRITE_KEY=… hub configure --prefix /commerce-segment --segment-host https://events.eu1.segmentapis.com
  hub configure --disable order-updated --events order-completed=order.fulfilled`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return configure(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	addAddr(cmd, &options.addr, "the `HOST:PORT` of the running hub, or ADDR in the environment")
	for _, q := range store.Questions {
		if q.Flag != "" {
			options.flags[q.Name] = cmd.Flags().String(q.Flag, "", q.Text+", or "+q.Variable+" in the environment")
		}
	}
	cmd.Flags().StringSliceVar(&options.enable, "enable", nil, "the `trackings` to enable")
	cmd.Flags().StringSliceVar(&options.disable, "disable", nil, "the `trackings` to disable")
	cmd.Flags().StringArrayVar(&options.events, "events", nil, "the Commerce events that a tracking observes, as `NAME=EVENT,…`")
	cmd.Flags().BoolVar(&options.untested, "untested", false, "do not test the access to Commerce and the write key before writing them")
	cmd.Flags().BoolVar(&options.noInput, "no-input", false, "do not ask questions, even at a terminal")
	return cmd
}

// variables lists the environment variables of the secrets, for the help.
func variables() string {
	var text strings.Builder
	for _, q := range store.Questions {
		if q.Secret() {
			fmt.Fprintf(&text, "  %-24s %s\n", q.Variable, q.Text)
		}
	}
	return text.String()
}

func configure(cmd *cobra.Command, options configureOptions) error {
	s, err := store.Open(cmd.Context(), options.Location)
	if err != nil {
		return err
	}
	current, err := s.Parameters(cmd.Context(), store.AllNames())
	if err != nil {
		return err
	}
	wanted, err := options.given(cmd.Flags())
	if err != nil {
		return err
	}
	keyboard := openTerminal(cmd)
	if options.noInput {
		keyboard = nil
	}
	if keyboard != nil {
		fmt.Fprintf(keyboard.out, "Settings in %s. Enter keeps the present value.\n", s.Name)
		if err := askAll(cmd.Context(), keyboard, s, current, wanted); err != nil {
			return err
		}
	}
	if err := store.KeepSecret(current, wanted); err != nil {
		return err
	}
	if err := testSegment(cmd, current, wanted, options.untested); err != nil {
		return fmt.Errorf("nothing was written to %s: %w", s.Name, err)
	}
	if err := testCommerce(cmd, current, wanted, options.untested); err != nil {
		return fmt.Errorf("nothing was written to %s: %w", s.Name, err)
	}
	if err := options.announceDeletions(cmd, keyboard, s, current, wanted); err != nil {
		return err
	}
	if err := write(cmd, s, current, wanted); err != nil {
		return err
	}
	if !options.untested {
		said, err := s.CopyCurrencies(cmd.Context())
		if err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "Note: %v.\n", err)
		} else if said != "" {
			fmt.Fprintln(cmd.OutOrStdout(), said)
		}
	}
	return printWebhooksToRegister(cmd.Context(), cmd.OutOrStdout(), s)
}

// announceDeletions says how many deletions wait that Segment is asked for as soon as wanted is
// written: so far the messages go to the inbox, or there is no token. At a terminal it asks first,
// because a deletion cannot be undone.
func (c configureOptions) announceDeletions(cmd *cobra.Command, keyboard *terminal, s store.Store, current, wanted map[string]string) error {
	if s.Deployment != nil || s.CanDelete(current) || !s.CanDelete(store.Together(current, wanted)) {
		return nil
	}
	waiting, err := c.waitingDeletions(cmd.Context())
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "Note: Segment will be asked for the deletions that wait. How many there are is not known: %s.\n", words.OneLine(err.Error()))
	}
	if waiting == 0 {
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Deletions that wait: %d. With these settings Segment is asked for them at once. A deletion cannot be undone.\n", waiting)
	if keyboard == nil {
		return nil
	}
	yes, err := keyboard.confirm(cmd.Context(), "Save the settings?")
	if err == nil && !yes {
		err = fmt.Errorf("nothing was written to %s", s.Name)
	}
	return err
}

// waitingDeletions returns how many deletions wait in the hub's directory.
func (c configureOptions) waitingDeletions(ctx context.Context) (int, error) {
	client, err := local.NewClient(c.addr, c.Dir)
	if err != nil {
		return 0, err
	}
	log, end, err := client.DirectoryLog()
	if err != nil || log == nil {
		return 0, err
	}
	waiting, err := deletions.CountWaiting(ctx, log)
	return waiting, errors.Join(err, end())
}

// testSegment looks up the write key among the sources of the workspace, if there is a token of
// Segment's Public API.
func testSegment(cmd *cobra.Command, current, wanted map[string]string, untested bool) error {
	if untested {
		if _, err := store.PublicAPIWanted(current, wanted); wanted[settings.SegmentAPIToken] != "" {
			return err
		}
		return nil
	}
	said, err := workspace.Verify(cmd.Context(), current, wanted)
	if err != nil {
		return fmt.Errorf("%w (--untested writes it without a test)", err)
	}
	if said != "" {
		fmt.Fprintln(cmd.OutOrStdout(), said)
	}
	return nil
}

// testCommerce tests the new access to Commerce, if it is complete and differs from the
// current one.
func testCommerce(cmd *cobra.Command, current, wanted map[string]string, untested bool) error {
	before, _ := settings.CommerceCredentials(current) // wrong ones are being replaced
	after, err := store.CommerceWanted(current, wanted)
	if err != nil || untested || after == before || after == (commerce.Credentials{}) {
		return err
	}
	said, err := store.Reach(cmd.Context(), after)
	if err != nil {
		return fmt.Errorf("%w (--untested writes it without a test)", err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), said)
	return nil
}

// given returns the values in flags and the environment, by the parameters' names. A flag
// takes precedence over a variable. An empty flag is an error: it would set nothing.
func (c configureOptions) given(flags *pflag.FlagSet) (map[string]string, error) {
	wanted := map[string]string{}
	var wrong []error
	set := func(q store.Question, answer string) {
		value, err := q.Check(strings.TrimSpace(answer))
		if err != nil {
			wrong = append(wrong, err)
		}
		wanted[q.Name] = value
	}
	for _, q := range store.Questions {
		answer := os.Getenv(q.Variable)
		if flag := c.flags[q.Name]; flag != nil {
			answer = cmp.Or(*flag, answer)
			if *flag == "" && flags.Changed(q.Flag) {
				wrong = append(wrong, fmt.Errorf("--%s is empty: give it a value, or leave it out to keep what is set", q.Flag))
			}
		}
		if answer != "" {
			set(q, answer)
		}
	}
	answers, err := c.trackings()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		set(store.Question{Name: name}, answers[name])
	}
	return wanted, errors.Join(wrong...)
}

// trackings returns the values in the flags about single trackings, by the parameters'
// names.
func (c configureOptions) trackings() (map[string]string, error) {
	answers := map[string]string{}
	for value, names := range map[string][]string{"true": c.enable, "false": c.disable} {
		for _, name := range names {
			t, err := tracking.ByName(name)
			if err != nil {
				return nil, err
			}
			if answers[settings.Enabled(t)] != "" && answers[settings.Enabled(t)] != value {
				return nil, fmt.Errorf("%s is both in --enable and in --disable: leave it in one of them", name)
			}
			answers[settings.Enabled(t)] = value
		}
	}
	for _, pair := range c.events {
		name, events, found := strings.Cut(pair, "=")
		if !found || strings.Trim(events, ", ") == "" {
			return nil, fmt.Errorf("--events %q: write NAME=EVENT, for example --events order-completed=order.fulfilled", pair)
		}
		t, err := tracking.ByName(name)
		if err != nil {
			return nil, err
		}
		answers[settings.Events(t)] = events
	}
	return answers, nil
}

// askAll asks for each value of a store that is not in wanted yet. It does not ask for the
// webhook secret if there is one: hub rotate replaces it.
func askAll(ctx context.Context, keyboard *terminal, s store.Store, current, wanted map[string]string) error {
	defaults := s.Defaults()
	for _, q := range store.Questions {
		if q.Name == settings.WebhookSecret && strings.TrimSpace(current[q.Name]) != "" {
			continue
		}
		if q.Name == settings.SegmentAPIHost {
			continue // it follows from the Segment host
		}
		now := cmp.Or(current[q.Name], defaults[q.Name])
		if url := wanted[settings.CommerceTokenURL]; q.Name == settings.CommerceClientSecret && url != "" && url != current[settings.CommerceTokenURL] {
			now = "" // the present secret is for another host
		}
		if err := askOne(ctx, keyboard, q, now, wanted); err != nil {
			return err
		}
	}
	for _, t := range s.Trackings() {
		// On a machine all optional ones are there. Those that the store does not use are no questions.
		if t.Optional && s.Deployment == nil && cmp.Or(wanted[settings.Enabled(t)], current[settings.Enabled(t)]) != "true" {
			continue
		}
		for _, q := range store.TrackingQuestions(t) {
			if err := askOne(ctx, keyboard, q, cmp.Or(current[q.Name], defaults[q.Name]), wanted); err != nil {
				return err
			}
			if cmp.Or(wanted[settings.Enabled(t)], current[settings.Enabled(t)], defaults[settings.Enabled(t)]) == "false" {
				break // a disabled tracking observes nothing
			}
		}
	}
	return nil
}

// askOne asks until the answer is valid, or Enter keeps the present value.
func askOne(ctx context.Context, keyboard *terminal, q store.Question, current string, wanted map[string]string) error {
	if wanted[q.Name] != "" {
		return nil
	}
	for {
		answer, err := keyboard.ask(ctx, fmt.Sprintf("%s [%s]: ", q.Text, presentValue(q, current)), q.Secret())
		if err != nil || answer == "" {
			return err
		}
		value, err := q.Check(answer)
		if err == nil {
			wanted[q.Name] = value
			return nil
		}
		fmt.Fprintf(keyboard.out, "  %s\n", err)
	}
}

// presentValue returns the value that Enter keeps, as it may be typed, and no secret.
func presentValue(q store.Question, current string) string {
	switch {
	case q.Name == settings.WebhookSecret:
		return "Enter makes one"
	case q.Secret() && current != "":
		return "set, not shown"
	case current == "true":
		return "yes"
	case current == "false":
		return "no"
	default:
		return cmp.Or(current, "not set")
	}
}

// write writes the wanted values, and prints the names of those that it wrote.
func write(cmd *cobra.Command, s store.Store, current, wanted map[string]string) error {
	release, err := s.Saving(cmd.Context())
	if err != nil {
		return err
	}
	defer release()
	now, err := s.Parameters(cmd.Context(), store.AllNames())
	if err != nil {
		return err
	}
	if err := store.CheckUnchanged(current, now, wanted); err != nil {
		return fmt.Errorf("nothing was written to %s: %w", s.Name, err)
	}
	written, err := s.Write(cmd.Context(), now, wanted)
	for _, name := range written {
		fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", name)
	}
	switch {
	case err != nil:
		return err
	case len(written) == 0:
		fmt.Fprintf(cmd.OutOrStdout(), "Nothing to write: %s has these values already.\n", s.Name)
	default:
		awaitEffect(cmd, s)
	}
	if after := store.Together(now, wanted); s.SendsToInbox(after) && store.IsSourceKey(after[settings.SegmentWriteKey]) {
		fmt.Fprintf(cmd.OutOrStdout(), "The messages still go to the hub's inbox, because no Segment host is set. To send to Segment, %s.\n", store.SetHost(s.Flag()))
	}
	return nil
}

// printWebhooksToRegister prints what is left to do in Commerce for a deployed store.
func printWebhooksToRegister(ctx context.Context, w io.Writer, s store.Store) error {
	if s.Deployment == nil {
		return nil
	}
	webhooks, err := s.Webhooks(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nNow register the webhooks in Commerce: hub webhooks sync%s\n\nOr by hand:\n", s.Flag())
	return printURLs(w, s, webhooks)
}
