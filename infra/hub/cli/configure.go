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

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// configuration is the flags of hub configure.
type configuration struct {
	store.Location
	flags           map[string]*string // by the parameter's name
	enable, disable []string
	events          []string // NAME=EVENT,…
	noInput         bool
	untested        bool
}

func newConfigure() *cobra.Command {
	options := configuration{flags: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "configure [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Set the keys, addresses and events of a store",
		Long: `configure sets what a store needs: in the hub's directory, or with --prefix in the
Parameter Store of a deployed one. At a terminal it asks for whatever no flag and
no variable gives, and Enter keeps what is there. In a script it asks nothing.

Secrets are never on the command line, where everybody on the machine could read
them. They are typed unseen, or come from the environment:
` + variables() + `
Everything is checked before anything is written, and what is as it should be
already is left alone. Access to Commerce is tried first: configure fetches a token and
says what may be read with it. Where Commerce is connected, the decimals of its
currencies are copied into commerce/currencies. (--untested leaves both out.) A client
secret belongs to the host that it was entered for: for another --commerce-url give the
secret again. Where there is no webhook secret, one is made. In the hub's directory
there need be no Segment host: the hub sends to its own inbox then.

Of two people who configure a store at the same time, one is told that the other has
changed the same settings meanwhile.`,
		Example: `  hub configure
  hub configure --prefix /commerce-segment
  SEGMENT_WRITE_KEY=… hub configure --prefix /commerce-segment --segment-host https://events.eu1.segmentapis.com
  hub configure --disable order-updated --events order-completed=order.fulfilled`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return configure(cmd, options) },
	}
	addWhere(cmd, &options.Location)
	for _, q := range store.Questions {
		if q.Flag != "" {
			options.flags[q.Name] = cmd.Flags().String(q.Flag, "", q.Text+"; or "+q.Variable+" in the environment")
		}
	}
	cmd.Flags().StringSliceVar(&options.enable, "enable", nil, "the `trackings` to enable")
	cmd.Flags().StringSliceVar(&options.disable, "disable", nil, "the `trackings` to disable")
	cmd.Flags().StringArrayVar(&options.events, "events", nil, "what a tracking observes, as `NAME=EVENT,…`")
	cmd.Flags().BoolVar(&options.untested, "untested", false, "write the access to Commerce without trying it first")
	cmd.Flags().BoolVar(&options.noInput, "no-input", false, "ask nothing, even at a terminal")
	return cmd
}

// variables lists those of the secrets.
func variables() string {
	var text strings.Builder
	for _, q := range store.Questions {
		if q.Secret() {
			fmt.Fprintf(&text, "  %-24s %s\n", q.Variable, q.Text)
		}
	}
	return text.String()
}

func configure(cmd *cobra.Command, options configuration) error {
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
	if keyboard := openTerminal(cmd); keyboard != nil && !options.noInput {
		fmt.Fprintf(keyboard.out, "Settings in %s. Enter keeps what is there.\n", s.Name)
		if err := askAll(cmd.Context(), keyboard, current, s.Defaults(), wanted); err != nil {
			return err
		}
	}
	if err := store.KeepSecret(current, wanted); err != nil {
		return err
	}
	if err := tryCommerce(cmd, current, wanted, options.untested); err != nil {
		return fmt.Errorf("nothing was written to %s: %w", s.Name, err)
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
	return sayWhatToRegister(cmd.Context(), cmd.OutOrStdout(), s)
}

// tryCommerce tries the access to Commerce that is to be set, if it is complete and
// differs from the current one.
func tryCommerce(cmd *cobra.Command, current, wanted map[string]string, untested bool) error {
	before, _ := settings.CommerceCredentials(current) // where these are wrong, they are being replaced
	after, err := store.CommerceWanted(current, wanted)
	if err != nil || untested || after == before || after == (commerce.Credentials{}) {
		return err
	}
	said, err := store.Reach(cmd.Context(), after)
	if err != nil {
		return fmt.Errorf("%w (--untested writes it without trying it)", err)
	}
	fmt.Fprintln(cmd.OutOrStdout(), said)
	return nil
}

// given is what flags and the environment say, by the parameters' names. A flag
// counts before a variable, and an empty one is refused: it sets nothing.
func (c configuration) given(flags *pflag.FlagSet) (map[string]string, error) {
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

// trackings is what the flags say about single trackings.
func (c configuration) trackings() (map[string]string, error) {
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

// askAll asks for what is not wanted yet. A webhook secret that is there already is
// not asked for: hub rotate replaces it.
func askAll(ctx context.Context, keyboard *terminal, current, defaults, wanted map[string]string) error {
	for _, q := range store.Questions {
		if q.Name == settings.WebhookSecret && strings.TrimSpace(current[q.Name]) != "" {
			continue
		}
		now := cmp.Or(current[q.Name], defaults[q.Name])
		if url := wanted[settings.CommerceTokenURL]; q.Name == settings.CommerceClientSecret && url != "" && url != current[settings.CommerceTokenURL] {
			now = "" // the one that is set is for another host
		}
		if err := askOne(ctx, keyboard, q, now, wanted); err != nil {
			return err
		}
	}
	for _, t := range tracking.All() {
		for _, q := range store.TrackingQuestions(t) {
			if err := askOne(ctx, keyboard, q, cmp.Or(current[q.Name], defaults[q.Name]), wanted); err != nil {
				return err
			}
			if cmp.Or(wanted[settings.Enabled(t)], current[settings.Enabled(t)]) == "false" {
				break // what it observes does not matter
			}
		}
	}
	return nil
}

// askOne asks until the answer is right, or Enter keeps what is there.
func askOne(ctx context.Context, keyboard *terminal, q store.Question, current string, wanted map[string]string) error {
	if wanted[q.Name] != "" {
		return nil
	}
	for {
		answer, err := keyboard.ask(ctx, fmt.Sprintf("%s [%s]: ", q.Text, shownOf(q, current)), q.Secret())
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

// shownOf is what Enter means, in the words that it may be answered with.
func shownOf(q store.Question, current string) string {
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

// write writes what is wanted and says what it wrote, by name.
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
	if err := store.CheckMeanwhile(current, now, wanted); err != nil {
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
		fmt.Fprintf(cmd.OutOrStdout(), "Nothing to write: everything in %s is so already.\n", s.Name)
	case s.Takes > 0:
		fmt.Fprintf(cmd.OutOrStdout(), "The functions know it within %.0f seconds.\n", s.Takes.Seconds())
	}
	return nil
}

// sayWhatToRegister says what is left to do in Commerce, where it can reach the store.
func sayWhatToRegister(ctx context.Context, w io.Writer, s store.Store) error {
	if s.Deployment == nil {
		return nil
	}
	webhooks, err := s.Webhooks(ctx, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nNow register the webhooks in Commerce: hub webhooks sync%s\n\nBy hand it is this:\n", s.Flag())
	return printURLs(w, s, webhooks)
}
