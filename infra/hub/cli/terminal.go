package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// terminal asks the user questions. They go to standard error, so that standard output
// has only the result of the command.
type terminal struct {
	in    *os.File
	lines *bufio.Reader
	out   io.Writer
}

// openTerminal returns the user's terminal, or nil if standard input is not a terminal, as
// in a script.
func openTerminal(cmd *cobra.Command) *terminal {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &terminal{in: in, lines: bufio.NewReader(in), out: cmd.ErrOrStderr()}
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := unescaped(w).(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

var errStopped = errors.New("stopped: nothing was written")

var errNoAnswer = errors.New("the input ended before all questions were answered: nothing was written")

// ask asks a question and returns the answer, one line. It stops when the context ends. A
// secret is not shown while it is typed.
func (t *terminal) ask(ctx context.Context, question string, secret bool) (string, error) {
	fmt.Fprint(t.out, question)
	answer, err := t.awaitLine(ctx, secret)
	if err != nil && (answer == "" || !errors.Is(err, io.EOF)) {
		fmt.Fprintln(t.out)
		if errors.Is(err, io.EOF) {
			err = errNoAnswer
		}
		return "", err
	}
	return strings.TrimSpace(answer), nil
}

// awaitLine reads a line. If the context ends first, it restores the terminal and returns.
// The read itself goes on, since nothing can interrupt it.
func (t *terminal) awaitLine(ctx context.Context, secret bool) (string, error) {
	before, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return "", fmt.Errorf("reading the state of the terminal: %w", err)
	}
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := t.readLine(secret)
		read <- line{text, err}
	}()
	select {
	case got := <-read:
		if ctx.Err() == nil {
			return got.text, got.err
		}
	case <-ctx.Done():
		term.Restore(int(t.in.Fd()), before) // if this fails, there is nothing left to do
	}
	return "", errStopped
}

func (t *terminal) readLine(secret bool) (string, error) {
	if !secret {
		return t.lines.ReadString('\n')
	}
	answer, err := term.ReadPassword(int(t.in.Fd()))
	fmt.Fprintln(t.out) // the line end that the user typed is not shown
	return string(answer), err
}

// confirm asks a question and reports whether the answer is yes.
func (t *terminal) confirm(ctx context.Context, question string) (bool, error) {
	answer, err := t.ask(ctx, question+" [y/N] ", false)
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", err
}

// confirmation is the flags of a command that prints what it will do, and asks.
type confirmation struct{ dryRun, yes bool }

// addFlags adds --dry-run and --yes.
func (c *confirmation) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "print what would be done, and change nothing")
	cmd.Flags().BoolVar(&c.yes, "yes", false, "do not ask for confirmation")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
}

// confirm reports whether to go on: with --yes, or if the user at a terminal agrees.
func (c confirmation) confirm(cmd *cobra.Command, question string) (bool, error) {
	if c.dryRun {
		fmt.Fprintln(cmd.OutOrStdout(), "\nNothing was done (--dry-run).")
		return false, nil
	}
	if c.yes {
		return true, nil
	}
	keyboard := openTerminal(cmd)
	if keyboard == nil {
		return false, errors.New("nothing was done. Not a terminal: pass --yes or --dry-run")
	}
	yes, err := keyboard.confirm(cmd.Context(), "\n"+question)
	if err == nil && !yes {
		err = errors.New("nothing was done")
	}
	return yes, err
}
