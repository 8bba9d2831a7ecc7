package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/lint"
	"commerce-segment/shared/template"
)

func newEval() *cobra.Command {
	var file string
	var binds []string
	cmd := &cobra.Command{
		Use:   "eval --file TEMPLATE [--bind NAME=JSON …] [INPUT.json|-]",
		Short: "Evaluate a template on any JSON",
		Long: `eval evaluates a template on any JSON and prints the result as indented JSON. If the
result is undefined, it prints nothing. Without INPUT the template has no input; for standard
input write - as INPUT. The function $commerce returns nothing here; hub preview shows what
it returns.

Exit codes: 0 evaluated; 1 the evaluation failed, or a file could not be read; 2 the template
does not compile.`,
		Example: `  hub eval --file totals.jsonata order.json
  echo '{"amount": 1000}' | hub eval --file price.jsonata --bind 'currency="JPY"' -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return withUsage(cmd, errors.New("name the template with --file"))
			}
			bindings, err := parseBindings(binds)
			if err != nil {
				return err
			}
			var input []byte
			if len(args) == 0 {
				warnUnreadInput(cmd)
			} else {
				if input, err = readFile(cmd, args[0]); err != nil {
					return fmt.Errorf("reading the input: %w", err)
				}
			}
			return eval(cmd.Context(), cmd.OutOrStdout(), file, input, bindings)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "the `file` of the template")
	cmd.Flags().StringArrayVar(&binds, "bind", nil, "a variable, as `NAME=JSON`: --bind rate=1.2 is $rate in the template")
	return cmd
}

// warnUnreadInput warns that standard input, if it is a pipe or a file, is not read. To read
// it by default would hang if another program keeps its end of the pipe open.
func warnUnreadInput(cmd *cobra.Command) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok {
		return
	}
	if info, err := in.Stat(); err == nil && (info.Mode().IsRegular() || info.Mode()&fs.ModeNamedPipe != 0) {
		fmt.Fprintln(cmd.ErrOrStderr(), "Note: the template has no input. To evaluate it on standard input, add - at the end.")
	}
}

// eval prints the result of the template in file for an input. A nil input is none.
func eval(ctx context.Context, out io.Writer, file string, input []byte, bindings map[string][]byte) error {
	source, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	compiled, err := template.Compile(file, string(source))
	if err != nil {
		return codedError{err, exitInvalid}
	}
	result, err := compiled.Eval(ctx, input, bindings)
	if err != nil {
		return lint.WithRaisedText(err)
	}
	if result == nil {
		return nil
	}
	return printIndented(out, result)
}

// parseBindings returns the values of NAME=JSON pairs. A name may be written with its $.
func parseBindings(pairs []string) (map[string][]byte, error) {
	bindings := make(map[string][]byte, len(pairs))
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimPrefix(name, "$")
		if !found || name == "" {
			return nil, fmt.Errorf("--bind %q: write NAME=JSON, for example --bind rate=1.2", pair)
		}
		if !json.Valid([]byte(value)) {
			return nil, fmt.Errorf("--bind %s: %q is not JSON: a string needs its quotes, as in --bind '%s=\"text\"'", name, value, name)
		}
		bindings[name] = []byte(value)
	}
	return bindings, nil
}
