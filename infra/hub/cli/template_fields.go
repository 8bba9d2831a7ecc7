package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/settings"
	"commerce-segment/templates/fields"
)

func newFields() *cobra.Command {
	var w templateWriter
	var value string
	cmd := &cobra.Command{
		Use:   "fields NAME [add|remove FIELDS] [--value TEXT]",
		Short: "List, add and remove the ready-made fields of a template",
		Long: `fields lists the ready-made fields for the template of a tracking: what they add, how many
requests to Commerce they make for each event, and whether the store's template has them. add
puts them at the end of the template, and remove removes them. Some need a text, such as the
name of the shop. --value sets it, and replaces an earlier one.

The event is sent even if Commerce does not answer in time. Then the fields are left out.

Before it writes, it prints what that does to the latest events, as hub templates push does.
If events would fail or would not be sent any more, it writes nothing unless --yes is given.`,
		Example: `  hub templates fields order-completed
  hub templates fields order-completed add product-details --value https://shop.example.com/products/{slug}
  hub templates fields order-completed remove product-details --prefix /commerce-segment`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 3 && (args[1] == "add" || args[1] == "remove") {
				return nil
			}
			return fmt.Errorf("pass NAME, NAME add FIELDS, or NAME remove FIELDS, with one name as FIELDS. For example: hub templates fields order-completed add affiliation --value Shop")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			t, s, err := templateIn(cmd.Context(), args[0], w.Location)
			if err != nil {
				return err
			}
			now, err := s.Template(cmd.Context(), t)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return printFields(cmd.OutOrStdout(), now)
			}
			return w.changeFields(cmd, s, now, args[1], args[2], value)
		},
	}
	addLocation(cmd, &w.Location)
	addWriterFlags(cmd, &w)
	cmd.Flags().StringVar(&value, "value", "", "the `text` that the fields take, such as the name of the shop")
	return cmd
}

// printFields prints the ready-made fields for a template, and which of them it has.
func printFields(w io.Writer, now store.Template) error {
	all := fields.For(now.Tracking.Name)
	if len(all) == 0 {
		_, err := fmt.Fprintf(w, "There are no ready-made fields for %s.\n", now.Tracking.Name)
		return err
	}
	for i, g := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		added := "not added"
		if g.IsIn(now.Source) {
			added = "added"
		}
		fmt.Fprintf(w, "%s: %s, %s\n", g.Name, added, words.Count(g.Requests, "request"))
		for _, says := range []string{words.Capital(g.Adds), g.Needs, sayValue(g, now.Source)} {
			if says == "" {
				continue
			}
			if _, err := fmt.Fprintln(w, "  "+says); err != nil {
				return err
			}
		}
	}
	return nil
}

// sayValue describes the value of ready-made fields in a template; empty if they take none.
func sayValue(g fields.Group, source string) string {
	switch given := g.ValueIn(source); {
	case given != "":
		return "--value is " + given
	case g.NeedsValue:
		return "--value is needed: " + g.Value
	case g.Value != "":
		return "--value can be " + g.Value
	default:
		return ""
	}
}

// changeFields adds ready-made fields to the live template, or removes them.
func (o templateWriter) changeFields(cmd *cobra.Command, s store.Store, now store.Template, action, name, value string) error {
	g, err := fields.Find(now.Tracking.Name, name)
	if err != nil {
		return err
	}
	source := now.Source
	if action == "remove" {
		source, err = g.Remove(source)
	} else {
		source, err = g.Add(source, value)
	}
	if err == nil {
		_, err = store.CompileTemplate(now.Tracking, now.Tracking.Name, source)
	}
	if err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	if store.SameText(now.Source, source) {
		fmt.Fprintf(cmd.OutOrStdout(), "unchanged %s\n", settings.Template(now.Tracking))
		return nil
	}
	return o.write(cmd, s, []templateChange{{now, source}})
}
