package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/settings"
	"commerce-segment/templates/pieces"
)

func newFields() *cobra.Command {
	var w templateWriter
	var value string
	cmd := &cobra.Command{
		Use:   "fields NAME [add|remove FIELDS] [--value TEXT]",
		Short: "List, add and remove the ready-made fields of a template",
		Long: `fields lists the ready-made fields for the template of a tracking: what they add, how many
requests to Commerce they make for each event, and whether the store's template has them. add
puts them at the end of the template, and remove removes them. Some of them need a text, such
as the name of the shop: --value gives it, and replaces the one that they had.

An event is always sent: fields that Commerce does not answer in time are left out.

Before it writes, it prints what that does to the latest events, as hub templates push does.
If events would fail or would not be sent any more, it writes nothing unless --yes is given.`,
		Example: `  hub templates fields order-completed
  hub templates fields order-completed add product-details --value https://shop.example.com/products/{slug}
  hub templates fields order-completed remove product-details --prefix /commerce-segment`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 3 && (args[1] == "add" || args[1] == "remove") {
				return nil
			}
			return fmt.Errorf("write the name of a tracking, and then nothing, or add or remove and the name of the fields. For example: hub templates fields order-completed add affiliation --value Shop")
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
	all := pieces.For(now.Tracking.Name)
	if len(all) == 0 {
		_, err := fmt.Fprintf(w, "There are no ready-made fields for %s.\n", now.Tracking.Name)
		return err
	}
	for i, p := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		added := "not added"
		if p.IsIn(now.Source) {
			added = "added"
		}
		fmt.Fprintf(w, "%s: %s, %s\n", p.Name, added, words.Count(p.Requests, "request"))
		for _, says := range []string{words.Capital(p.Adds), p.Needs, sayValue(p, now.Source)} {
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
func sayValue(p pieces.Piece, source string) string {
	switch given := p.ValueIn(source); {
	case given != "":
		return "--value is " + given
	case p.NeedsValue:
		return "--value is needed: " + p.Value
	case p.Value != "":
		return "--value can be " + p.Value
	default:
		return ""
	}
}

// changeFields adds ready-made fields to the live template, or removes them.
func (o templateWriter) changeFields(cmd *cobra.Command, s store.Store, now store.Template, action, name, value string) error {
	p, err := pieces.Find(now.Tracking.Name, name)
	if err != nil {
		return err
	}
	source := now.Source
	if action == "remove" {
		source, err = p.Remove(source)
	} else {
		source, err = p.Add(source, value)
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
