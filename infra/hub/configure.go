package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// question asks for one parameter: on the command line, in the environment, or at
// the keyboard.
type question struct {
	name     string // of the parameter
	text     string // what to ask a person
	flag     string // empty for a secret: everybody on the machine sees command lines
	variable string // in the environment; empty where there is none
	// normal makes the value to write out of an answer, or says what is wrong with it.
	normal func(string) (string, error)
}

// questions are those about the whole store.
var questions = []question{
	{name: settings.SegmentWriteKey, text: "Segment: write key of the source", variable: "SEGMENT_WRITE_KEY"},
	{name: settings.SegmentHost, text: "Segment: host", flag: "segment-host", variable: "SEGMENT_HOST"},
	{name: settings.SegmentPath, text: "Segment: path", flag: "segment-path", variable: "SEGMENT_PATH"},
	{name: settings.CommerceClientID, text: "Commerce: client id", flag: "commerce-client-id", variable: "COMMERCE_CLIENT_ID", normal: oneWord},
	{name: settings.CommerceClientSecret, text: "Commerce: client secret", variable: "COMMERCE_CLIENT_SECRET", normal: oneWord},
	{name: settings.CommerceTokenURL, text: "Commerce: base URL of its API, such as " + exampleRegion, flag: "commerce-url", variable: "COMMERCE_URL", normal: tokenURL},
	{name: settings.WebhookSecret, text: "Commerce: secret key of the webhooks", variable: "COMMERCE_WEBHOOK_SECRET", normal: oneWord},
}

// oneWord refuses what was pasted with something beside it.
func oneWord(answer string) (string, error) {
	if strings.ContainsFunc(answer, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("it holds white space, or a character that does not belong there: copy it alone")
	}
	return answer, nil
}

func (q question) secret() bool { return settings.IsSecret(q.name) }

// check makes the value to write of an answer, or says what is wrong with it. It
// quotes no secret.
func (q question) check(answer string) (string, error) {
	if q.normal != nil {
		value, err := q.normal(answer)
		if err != nil {
			return "", fmt.Errorf("parameter %s: %w", q.name, err)
		}
		return value, nil
	}
	return answer, check(map[string]string{q.name: answer})
}

// trackingQuestions are those about one tracking. The second has one possible
// answer only where a tracking can observe one event.
func trackingQuestions(t tracking.Tracking) []question {
	asked := []question{{
		name: settings.Enabled(t), text: "Tell Segment of " + t.Title + ": yes or no", normal: yesOrNo,
	}}
	if len(t.Observable()) > 1 {
		asked = append(asked, question{
			name: settings.Events(t),
			text: fmt.Sprintf("%s: Commerce events, of %s", t.Title, strings.Join(t.Observable(), ", ")),
		})
	}
	return asked
}

// yesOrNo is what people answer, as the parameter has it.
func yesOrNo(answer string) (string, error) {
	switch strings.ToLower(answer) {
	case "yes", "y", "true", "on":
		return "true", nil
	case "no", "n", "false", "off":
		return "false", nil
	}
	return "", errors.New("it is neither yes nor no: write one of the two")
}

// configuration is the flags of hub configure.
type configuration struct {
	where
	flags           map[string]*string // by the parameter's name
	enable, disable []string
	events          []string // NAME=EVENT,…
	noInput         bool
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
already is left alone. Where there is no webhook secret, one is made. In the hub's
directory there need be no Segment host: the hub sends to its own inbox then.`,
		Example: `  hub configure
  hub configure --prefix /commerce-segment
  SEGMENT_WRITE_KEY=… hub configure --prefix /commerce-segment --segment-host https://events.eu1.segmentapis.com
  hub configure --disable order-updated --events order-completed=order.fulfilled`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return configure(cmd, options) },
	}
	addWhere(cmd, &options.where)
	for _, q := range questions {
		if q.flag != "" {
			options.flags[q.name] = cmd.Flags().String(q.flag, "", q.text+"; or "+q.variable+" in the environment")
		}
	}
	cmd.Flags().StringSliceVar(&options.enable, "enable", nil, "the `trackings` to enable")
	cmd.Flags().StringSliceVar(&options.disable, "disable", nil, "the `trackings` to disable")
	cmd.Flags().StringArrayVar(&options.events, "events", nil, "what a tracking observes, as `NAME=EVENT,…`")
	cmd.Flags().BoolVar(&options.noInput, "no-input", false, "ask nothing, even at a terminal")
	return cmd
}

// variables lists those of the secrets.
func variables() string {
	var text strings.Builder
	for _, q := range questions {
		if q.secret() {
			fmt.Fprintf(&text, "  %-24s %s\n", q.variable, q.text)
		}
	}
	return text.String()
}

func configure(cmd *cobra.Command, options configuration) error {
	s, err := openSite(cmd.Context(), options.where)
	if err != nil {
		return err
	}
	current, err := s.read(cmd.Context(), allNames())
	if err != nil {
		return err
	}
	wanted, err := options.given()
	if err != nil {
		return err
	}
	if keyboard := openTerminal(cmd); keyboard != nil && !options.noInput {
		fmt.Fprintf(keyboard.out, "Settings in %s. Enter keeps what is there.\n", s.Name)
		if err := askAll(cmd.Context(), keyboard, current, s.defaults(), wanted); err != nil {
			return err
		}
	}
	if err := keepSecret(current, wanted); err != nil {
		return err
	}
	if err := s.write(cmd, current, wanted); err != nil {
		return err
	}
	maps.Copy(current, wanted)
	return s.sayWhatToRegister(cmd.OutOrStdout(), current)
}

// given is what flags and the environment say, by the parameters' names. A flag
// counts before a variable.
func (c configuration) given() (map[string]string, error) {
	wanted := map[string]string{}
	var wrong []error
	set := func(q question, answer string) {
		value, err := q.check(strings.TrimSpace(answer))
		if err != nil {
			wrong = append(wrong, err)
		}
		wanted[q.name] = value
	}
	for _, q := range questions {
		answer := os.Getenv(q.variable)
		if flag := c.flags[q.name]; flag != nil {
			answer = cmp.Or(*flag, answer)
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
		set(question{name: name}, answers[name])
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
	for _, q := range questions {
		if q.name == settings.WebhookSecret && strings.TrimSpace(current[q.name]) != "" {
			continue
		}
		if err := askOne(ctx, keyboard, q, cmp.Or(current[q.name], defaults[q.name]), wanted); err != nil {
			return err
		}
	}
	for _, t := range tracking.All() {
		for _, q := range trackingQuestions(t) {
			if err := askOne(ctx, keyboard, q, cmp.Or(current[q.name], defaults[q.name]), wanted); err != nil {
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
func askOne(ctx context.Context, keyboard *terminal, q question, current string, wanted map[string]string) error {
	if wanted[q.name] != "" {
		return nil
	}
	for {
		answer, err := keyboard.ask(ctx, fmt.Sprintf("%s [%s]: ", q.text, q.shown(current)), q.secret())
		if err != nil || answer == "" {
			return err
		}
		value, err := q.check(answer)
		if err == nil {
			wanted[q.name] = value
			return nil
		}
		fmt.Fprintf(keyboard.out, "  %s\n", err)
	}
}

// shown is what Enter means.
func (q question) shown(current string) string {
	switch {
	case q.name == settings.WebhookSecret:
		return "Enter makes one"
	case q.secret() && current != "":
		return "set, not shown"
	default:
		return cmp.Or(current, "not set")
	}
}

// keepSecret makes a webhook secret where there is none, and refuses to replace one
// that Commerce sends: its webhooks would be refused, and lost.
func keepSecret(current, wanted map[string]string) error {
	there := lines(current[settings.WebhookSecret])
	asked := wanted[settings.WebhookSecret]
	switch {
	case len(there) == 0:
		wanted[settings.WebhookSecret] = cmp.Or(asked, newSecret())
	case asked == "" || asked == there[0]:
		delete(wanted, settings.WebhookSecret)
	default:
		return errors.New("there is a webhook secret already, and to replace it at once would refuse the webhooks that Commerce sends with it: " +
			"unset COMMERCE_WEBHOOK_SECRET, or replace it with hub rotate, which takes it too. Nothing was written")
	}
	return nil
}

// lines are the lines of a text that are not blank.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// newSecret is 32 random bytes in hex.
func newSecret() string {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// write writes what differs from what is there, after a look at all of it together,
// and says what it wrote, by name.
func (s site) write(cmd *cobra.Command, current, wanted map[string]string) error {
	together := maps.Clone(current)
	maps.Copy(together, wanted)
	if err := check(together); err != nil {
		return fmt.Errorf("nothing was written to %s: %w", s.Name, err)
	}
	names := writeOrder(allNames())
	names = slices.DeleteFunc(names, func(name string) bool {
		value, asked := wanted[name]
		return !asked || value == strings.TrimSpace(current[name])
	})
	for i, name := range names {
		if err := s.putConfigured(cmd.Context(), name, wanted[name]); err != nil {
			return fmt.Errorf("%w\nWritten to %s: %s. Not written: %s. Run it again once that is mended: it writes what is left",
				err, s.Name, cmp.Or(strings.Join(names[:i], ", "), "nothing"), strings.Join(names[i:], ", "))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", name)
	}
	switch {
	case len(names) == 0:
		fmt.Fprintf(cmd.OutOrStdout(), "Nothing to write: everything in %s is so already.\n", s.Name)
	case s.Takes > 0:
		fmt.Fprintf(cmd.OutOrStdout(), "The functions know it within %.0f seconds.\n", s.Takes.Seconds())
	}
	return nil
}

// putConfigured writes a parameter, but no webhook secret where there is one by now:
// there was none when this run looked, which may be many questions ago.
func (s site) putConfigured(ctx context.Context, name, value string) error {
	if name == settings.WebhookSecret {
		now, err := s.Parameters(ctx, []string{name})
		if err != nil {
			return err
		}
		if len(lines(now[name])) > 0 {
			return fmt.Errorf("parameter %s: somebody has set it meanwhile, and Commerce may send theirs already: it stays, and hub rotate replaces it", name)
		}
	}
	return s.Put(ctx, name, value)
}

// writeOrder moves the secrets to the end. A function may read between two writes: with a
// new write key and the host before it, it would send to a region that does not know
// the key, takes the events all the same, and drops them.
func writeOrder(names []string) []string {
	secrets := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !settings.IsSecret(name) })
	return append(slices.DeleteFunc(names, settings.IsSecret), secrets...)
}

// sayWhatToRegister says what is left to do in Commerce, where it can reach the store.
func (s site) sayWhatToRegister(w io.Writer, parameters map[string]string) error {
	if s.Deployment == nil {
		return nil
	}
	fmt.Fprintf(w, "\nCommerce posts its webhooks to these URLs, with the secret key that this prints:\n  %s\n\n", s.SecretCommand)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range tracking.All() {
		config, err := settings.Parse(t, parameters)
		if err != nil {
			return err
		}
		if config.Enabled {
			fmt.Fprintf(table, "  %s\t%s\n", strings.Join(config.Events, ", "), s.Deployment.webhookURL(t))
		}
	}
	return table.Flush()
}
