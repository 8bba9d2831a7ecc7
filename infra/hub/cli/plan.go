package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/plan"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/infra/hub/workspace"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/publicapi"
)

func newPlan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan show|diff|push",
		Short: "Make a Segment tracking plan from the templates, and compare it with Segment's",
		Long: `plan makes a Segment tracking plan from the messages that the templates write: the events, the
fields, their types, and which of them every message has. The messages are those for the
bundled samples, and for the latest events in Commerce if the store is connected. Disabled
trackings are left out. Commerce is not asked for what $commerce adds to a message: a note names
the events in which fields can be missing for this reason.

show prints the plan. diff compares it with the plan in Segment, and push changes the plan in
Segment so that it accepts the messages.`,
		Example: `  hub plan show
  hub plan diff --prefix /commerce-segment
  hub plan push --plan Commerce --prefix /commerce-segment`,
	}
	addCommand(cmd, newPlanShow())
	addCommand(cmd, newPlanDiff())
	addCommand(cmd, newPlanPush())
	return cmd
}

func newPlanShow() *cobra.Command {
	var location store.Location
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [--json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Print the tracking plan of the templates",
		Long: `show prints the events and fields of the messages that the templates write. A field is
required if every message has it, and it is never null.

--json prints the rules as Segment's Public API accepts them, as the body of
PATCH /tracking-plans/ID/rules.`,
		Example: `  hub plan show
  hub plan show --json --prefix /commerce-segment > plan.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showPlan(cmd, location, asJSON) },
	}
	addLocation(cmd, &location)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the rules as JSON")
	return cmd
}

func showPlan(cmd *cobra.Command, location store.Location, asJSON bool) error {
	s, err := store.Open(cmd.Context(), location)
	if err != nil {
		return err
	}
	sent, err := readSent(cmd, s)
	if err != nil {
		return err
	}
	if asJSON {
		var rules []publicapi.Rule
		for _, e := range sent {
			rules = append(rules, e.Rule())
		}
		return printJSON(cmd.OutOrStdout(), map[string]any{"rules": rules})
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EVENT\tFIELD\tTYPE\tREQUIRED")
	for _, e := range sent {
		fields := e.Fields()
		if len(fields) == 0 {
			fmt.Fprintln(table, chars.Line(e.Name()))
		}
		for _, f := range fields {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", chars.Line(e.Name()), chars.Line(f.Path), f.Type, map[bool]string{true: "yes", false: "-"}[f.Required])
		}
	}
	return table.Flush()
}

// readSent returns what the store sends. It notes if that is only what the samples show, and if it
// lacks what Commerce was not asked for.
func readSent(cmd *cobra.Command, s store.Store) ([]plan.Event, error) {
	sent, err := plan.ReadSent(cmd.Context(), s)
	if err == nil && sent.Unread != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "Note: only the bundled samples were used, which have no custom fields of your store, because %v.\n", sent.Unread)
	}
	if says := plan.DescribeUnasked(sent.Events); says != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "Note: %s\n", chars.Line(says))
	}
	return sent.Events, err
}

// planOptions are the flags of hub plan diff and hub plan push.
type planOptions struct {
	store.Location
	plan string
	name string
	confirmation
}

func newPlanDiff() *cobra.Command {
	var options planOptions
	cmd := &cobra.Command{
		Use:   "diff [--plan NAME|ID] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Compare the messages of the templates with the tracking plan in Segment",
		Long: `diff compares the messages that the templates write with the tracking plan that is connected to
the store's source in Segment, or with the one that --plan names. It lists the events and the
fields that the plan does not have, fields of another type, and fields that are required in the
plan but not always sent. Segment flags or blocks such events. It also lists the
fields that only the plan has. Lists of values (enum) and patterns are not compared, because the
values of the samples are made up.

It needs a token of Segment's Public API, which hub configure sets.

Exit codes: 0 the plan accepts the messages; 1 they violate the plan; 2 they could not be
compared.`,
		Example: `  hub plan diff
  hub plan diff --plan Commerce --prefix /commerce-segment`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{exitsLikeDiff: "yes"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return diffPlan(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	addPlan(cmd, &options.plan)
	return cmd
}

func addPlan(cmd *cobra.Command, named *string) {
	cmd.Flags().StringVar(named, "plan", "", "the `name` or the id of the tracking plan, instead of the one that is connected to the source")
}

func newPlanPush() *cobra.Command {
	var options planOptions
	cmd := &cobra.Command{
		Use:   "push [--plan NAME|ID | --name NAME] [--dry-run | --yes] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Change the tracking plan in Segment so that it accepts the messages",
		Long: `push prints what hub plan diff prints, asks, and changes the tracking plan in Segment so that it
accepts the messages that the templates write. It adds the events and fields that the plan does
not have, gives fields the type that is sent, and makes fields optional that are not always sent.
A field stays required if only Commerce knows whether it is always sent.
It removes no event and no field, keeps their descriptions, and does not change the rules of
other events.

With --name it creates the plan if there is none with that name. Connect a new plan to the
source in Segment: Protocols > Tracking Plans.

It needs a token of Segment's Public API with the role Tracking Plan Admin. hub configure sets
it.`,
		Example: `  hub plan push --dry-run
  hub plan push --name Commerce --yes --prefix /commerce-segment`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return pushPlan(cmd, options) },
	}
	addLocation(cmd, &options.Location)
	addPlan(cmd, &options.plan)
	cmd.Flags().StringVar(&options.name, "name", "", "the `name` of the tracking plan, which is created if it does not exist")
	cmd.MarkFlagsMutuallyExclusive("plan", "name")
	options.addFlags(cmd)
	return cmd
}

// comparedPlan is a plan in Segment, compared with what the store sends.
type comparedPlan struct {
	plan.SegmentPlan
	client  *publicapi.Client
	found   []plan.Difference
	changed []publicapi.Rule // with which the plan accepts what is sent
	unasked bool             // Commerce was not asked for a part of what is sent
}

// compare compares the plan with what the store sends, and prints the differences.
func (o planOptions) compare(cmd *cobra.Command) (c comparedPlan, err error) {
	s, err := store.Open(cmd.Context(), o.Location)
	if err != nil {
		return c, err
	}
	if c.client, err = s.PublicAPI(cmd.Context()); err != nil {
		return c, err
	}
	if o.name != "" {
		c.SegmentPlan, err = plan.FindOrNew(cmd.Context(), s, c.client, o.name)
	} else {
		c.SegmentPlan, err = plan.Find(cmd.Context(), s, c.client, o.plan)
	}
	if errors.Is(err, plan.ErrNoPlan) {
		err = fmt.Errorf("%w: name a plan with --plan, or create one with hub plan push --name NAME%s", err, s.Flag())
	}
	if err != nil {
		return c, err
	}
	sent, err := readSent(cmd, s)
	if err != nil {
		return c, err
	}
	c.found, c.changed = plan.Compare(c.Rules, sent)
	c.unasked = slices.ContainsFunc(sent, plan.Event.Unasked)
	return c, printPlanDifferences(cmd.OutOrStdout(), c)
}

func printPlanDifferences(w io.Writer, c comparedPlan) error {
	fmt.Fprintf(w, "%s:\n", words.Capital(c.Title()))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(c.found) > 0 {
		fmt.Fprintln(table, "EVENT\tFIELD\tDIFFERENCE")
	}
	for _, d := range c.found {
		says := d.Says
		if !d.Violates {
			says = "(" + says + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", chars.Line(d.Event), chars.Line(d.Field), says)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	says := "The plan accepts what the templates send."
	switch {
	case len(c.changed) > 0:
		says = c.Consequence()
	case c.unasked:
		says = "The plan accepts what the templates send, without what only Commerce knows."
	}
	_, err := fmt.Fprintln(w, says)
	return err
}

func diffPlan(cmd *cobra.Command, options planOptions) error {
	c, err := options.compare(cmd)
	if err != nil {
		return err
	}
	if violations := len(plan.Violations(c.found)); violations > 0 {
		return codedError{fmt.Errorf("%s of the plan", words.Count(violations, "violation")), exitFailed}
	}
	return nil
}

func pushPlan(cmd *cobra.Command, options planOptions) error {
	c, err := options.compare(cmd)
	if err != nil || len(c.changed) == 0 {
		return err
	}
	rules := words.Count(len(c.changed), "rule")
	isNew := c.ID == ""
	question := fmt.Sprintf("Write %s of %s?", rules, c.Title())
	if isNew {
		question = fmt.Sprintf("Create the tracking plan %s with %s?", workspace.Quote(c.Name), rules)
	}
	confirmed, err := options.confirm(cmd, question)
	if err != nil || !confirmed {
		return err
	}
	if err := c.Push(cmd.Context(), c.client, c.changed); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s of %s\n", rules, c.Title())
	if isNew {
		fmt.Fprintf(cmd.OutOrStdout(), "Connect it to the source in Segment (Protocols > Tracking Plans > %s): until then Segment does not check events with it.\n", chars.Line(c.Name))
	}
	return nil
}
