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

// terminal is the person at the keyboard. What it asks goes to standard error, so
// that standard output stays what the command says.
type terminal struct {
	in    *os.File
	lines *bufio.Reader
	out   io.Writer
}

// openTerminal returns the person at the keyboard, or nil where there is none: in
// a script.
func openTerminal(cmd *cobra.Command) *terminal {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return &terminal{in: in, lines: bufio.NewReader(in), out: cmd.ErrOrStderr()}
}

// isTerminal says that somebody watches what is written there.
func isTerminal(w io.Writer) bool {
	file, ok := below(w).(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

var errStopped = errors.New("stopped: nothing was written")

var errNoAnswer = errors.New("the input ended before everything was answered: nothing was written")

// ask asks for one line, until the context ends. A secret is not shown while it is typed.
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

// awaitLine reads a line. Where the context ends first it leaves the terminal as it was,
// and the read behind, which nothing can interrupt.
func (t *terminal) awaitLine(ctx context.Context, secret bool) (string, error) {
	before, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return "", fmt.Errorf("looking at the terminal: %w", err)
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
		term.Restore(int(t.in.Fd()), before) // where that fails nothing is left to do
	}
	return "", errStopped
}

func (t *terminal) readLine(secret bool) (string, error) {
	if !secret {
		return t.lines.ReadString('\n')
	}
	answer, err := term.ReadPassword(int(t.in.Fd()))
	fmt.Fprintln(t.out) // the one that was typed is not shown either
	return string(answer), err
}

// confirm asks for a yes.
func (t *terminal) confirm(ctx context.Context, question string) (bool, error) {
	answer, err := t.ask(ctx, question+" [y/N] ", false)
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", err
}
