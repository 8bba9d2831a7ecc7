package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
)

// webhookOptions are the flags of the subcommands of hub webhooks.
type webhookOptions struct {
	store.Location
	url string
	confirmation
}

func newWebhookCommands() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "webhooks",
		Short: "Register the webhooks in Commerce, and keep them up to date",
		Long: `webhooks keeps the webhooks in Commerce as the settings need them: an integration of the
type webhook for each enabled tracking, with its URL, its events and the secret key. It needs
the Commerce settings (hub configure).

It finds the webhooks of this store by their URL, or by the name that it gives them, such as
"Segment: Order Completed (/commerce-segment)". It does not change other integrations.`,
	}
	addCommand(cmd, newWebhooksSync())
	addCommand(cmd, newWebhooksList())
	addCommand(cmd, newWebhooksURLs())
	addCommand(cmd, newWebhooksRemove())
	return cmd
}

func newWebhooksSync() *cobra.Command {
	var options webhookOptions
	cmd := &cobra.Command{
		Use:   "sync [--dry-run | --yes] [--url URL] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Create and update the webhooks in Commerce",
		Long: `sync creates the webhooks that are missing, updates those that differ, and disables
duplicates and those of disabled trackings. It prints what it will do and asks first; in a
script pass --yes. A second run has nothing to do.

Commerce cannot reach this machine directly: run a tunnel to the hub, and pass the https
address of the tunnel with --url. For a deployed store, --url is for an address of your own in
front of its API. The store keeps the address (webhooks/url in hub settings): every other command
and the console use it. --url default goes back to the URLs of the stack, or on this machine to
the address that the webhooks have in Commerce.`,
		Example: `  hub webhooks sync --prefix /commerce-segment
  hub webhooks sync --url https://something.tunnel.example
  hub webhooks sync --url default`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return syncWebhooks(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	addURL(cmd, &options.url)
	options.addFlags(cmd)
	return cmd
}

func newWebhooksRemove() *cobra.Command {
	var options webhookOptions
	cmd := &cobra.Command{
		Use:   "remove [--dry-run | --yes] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Delete the webhooks of this store in Commerce",
		Long: `remove deletes the webhooks of this store in Commerce, and no other integration. Commerce
then sends no more events to it; hub webhooks sync creates the webhooks again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return removeWebhooks(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	options.addFlags(cmd)
	return cmd
}

func newWebhooksList() *cobra.Command {
	var options webhookOptions
	cmd := &cobra.Command{
		Use:   "list [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Show the webhooks of this store, and the last answers to Commerce",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return listWebhooks(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	return cmd
}

func newWebhooksURLs() *cobra.Command {
	var options webhookOptions
	cmd := &cobra.Command{
		Use:   "urls [--url URL] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Show how to register the webhooks by hand in Commerce Manager",
		Long: `urls prints what to enter in Commerce Manager: the URL of each webhook, its events, and the
command that prints the secret key. The store keeps the address of --url, as with hub webhooks
sync.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showURLs(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	addURL(cmd, &options.url)
	return cmd
}

// open opens the store, with the address of the flag.
func (r webhookOptions) open(ctx context.Context) (store.Store, error) {
	s, err := store.Open(ctx, r.Location)
	if err != nil {
		return store.Store{}, err
	}
	if s, err = s.At(r.url); err != nil {
		return store.Store{}, fmt.Errorf("--url: %w", err)
	}
	return s, nil
}

// connect does what open does, and also returns a client of the store's Commerce.
func (r webhookOptions) connect(ctx context.Context) (s store.Store, client *commerce.Client, err error) {
	if s, err = r.open(ctx); err != nil {
		return store.Store{}, nil, err
	}
	client, err = s.Commerce(ctx)
	return s, client, err
}

// keepAddress makes the address of the flag that of the store.
func (r webhookOptions) keepAddress(cmd *cobra.Command, s store.Store) error {
	if r.dryRun {
		return nil
	}
	changed, err := s.KeepAddress(cmd.Context())
	if changed && err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "wrote %s: every command and the console use this address from now on\n", settings.WebhookAddress)
	}
	return err
}

func syncWebhooks(cmd *cobra.Command, options webhookOptions) error {
	s, client, err := options.connect(cmd.Context())
	if err != nil {
		return err
	}
	plan, err := s.PlanWebhooks(cmd.Context(), client)
	if err != nil {
		return err
	}
	printPlan(cmd.OutOrStdout(), plan)
	if len(plan.Todo()) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "\nNothing to do: every webhook in Commerce is as it should be.")
		return options.keepAddress(cmd, s)
	}
	if plan.NoSecret && !options.dryRun {
		return fmt.Errorf("there is no webhook secret in %s: make one with hub configure%s. Nothing was done", s.Name, s.Flag())
	}
	confirmed, err := options.confirm(cmd, "Do this in Commerce?")
	if err != nil || !confirmed {
		return err
	}
	if plan.Rotating {
		if err := awaitKnown(cmd.Context(), s, cmd.ErrOrStderr(), time.Time{}); err != nil {
			return err
		}
	}
	if err := options.keepAddress(cmd, s); err != nil {
		return err
	}
	return applyPlan(cmd, plan, client)
}

func removeWebhooks(cmd *cobra.Command, options webhookOptions) error {
	s, client, err := options.connect(cmd.Context())
	if err != nil {
		return err
	}
	plan, err := s.PlanRemoval(cmd.Context(), client)
	if err != nil {
		return err
	}
	if len(plan.Steps) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "Nothing to do: Commerce has no webhook of this store.")
		return nil
	}
	printPlan(cmd.OutOrStdout(), plan)
	confirmed, err := options.confirm(cmd, "Delete them? Commerce then sends no more of these events.")
	if err != nil || !confirmed {
		return err
	}
	return applyPlan(cmd, plan, client)
}

// printPlan prints a plan, without secrets.
func printPlan(w io.Writer, plan store.Plan) {
	for _, step := range plan.Steps {
		fmt.Fprintf(w, "%-8s %s\n", step.Action, chars.Line(step.Name))
		if step.Action != store.Leave && step.URL != "" {
			fmt.Fprintf(w, "         %s on %s\n", step.URL, strings.Join(step.Events, ", "))
		}
		for _, why := range step.Why {
			fmt.Fprintf(w, "         %s\n", why)
		}
	}
}

// applyPlan does the steps of a plan, and prints each.
func applyPlan(cmd *cobra.Command, plan store.Plan, client *commerce.Client) error {
	fmt.Fprintln(cmd.OutOrStdout())
	done := map[store.Action]string{store.Create: "created", store.Update: "updated", store.Disable: "disabled", store.Remove: "removed"}
	return plan.Apply(cmd.Context(), client, func(step store.Step) {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", done[step.Action], chars.Line(step.Name))
		if step.Action == store.Remove && len(step.Why) > 0 { // it was not in the printed plan
			fmt.Fprintf(cmd.OutOrStdout(), "         %s\n", strings.Join(step.Why, ", "))
		}
	})
}

// attemptsShown is the number of Commerce's last attempts that list shows for each webhook.
const attemptsShown = 3

func listWebhooks(cmd *cobra.Command, options webhookOptions) error {
	s, client, err := options.connect(cmd.Context())
	if err != nil {
		return err
	}
	registered, err := s.Registered(cmd.Context(), client, attemptsShown)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if len(registered) == 0 {
		fmt.Fprintf(out, "Commerce has no webhook of this store: hub webhooks sync%s creates them.\n", s.Flag())
		return nil
	}
	for _, one := range registered {
		state := "enabled"
		if !one.Enabled {
			state = "disabled"
		}
		fmt.Fprintf(out, "%s: %s\n  %s on %s\n", chars.Line(one.Name), state, chars.Line(one.URL), strings.Join(one.Events, ", "))
		if len(one.Last) == 0 {
			fmt.Fprintln(out, "  Commerce has not called it yet")
		}
		for _, delivery := range one.Last {
			fmt.Fprintf(out, "  %s\n", deliveryLine(delivery))
		}
	}
	return nil
}

// deliveryLine describes an attempt of Commerce in one line.
func deliveryLine(d store.Delivery) string {
	when := "at an unknown time"
	if !d.At.IsZero() {
		when = d.At.UTC().Format(time.RFC3339)
	}
	line := fmt.Sprintf("%s  %d %s", when, d.Status, http.StatusText(d.Status))
	if !d.Succeeded && d.Reason != "" {
		line += ": " + chars.Line(d.Reason)
	}
	return line
}

func showURLs(cmd *cobra.Command, options webhookOptions) error {
	s, err := options.open(cmd.Context())
	if err != nil {
		return err
	}
	if err := options.keepAddress(cmd, s); err != nil {
		return err
	}
	webhooks, err := s.Webhooks(cmd.Context())
	if err != nil {
		return err
	}
	if webhooks[0].URL == "" {
		return store.ErrNoURL
	}
	return printURLs(cmd.OutOrStdout(), s, webhooks)
}

// printURLs prints the URLs, events and secret key to enter in Commerce Manager.
func printURLs(w io.Writer, s store.Store, webhooks []store.Webhook) error {
	fmt.Fprintf(w, "In Commerce Manager, create a webhook for each of these URLs and select its events. The\nsecret key of all of them is the first line that this prints:\n  %s\n\n", s.SecretCommand)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, webhook := range webhooks {
		if webhook.Enabled {
			fmt.Fprintf(table, "  %s\t%s\n", strings.Join(webhook.Events, ", "), webhook.URL)
		}
	}
	return table.Flush()
}
