package cli

import (
	"errors"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"commerce-segment/infra/hub/hubtest"
)

// keyboard is a user at a terminal who runs the program.
type keyboard struct {
	t        *testing.T
	program  *exec.Cmd
	terminal *os.File
	fresh    *term.State // the state of a new terminal
	shown    *hubtest.Log
	ended    chan struct{} // closed when all output is in shown
	read     int           // the part of the output that was awaited, in bytes
}

// openKeyboard runs the built program at a terminal of its own.
func openKeyboard(t *testing.T, env []string, args ...string) *keyboard {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	k := &keyboard{t: t, program: exec.Command(binary, args...), shown: new(hubtest.Log), ended: make(chan struct{})}
	k.program.Env = append(os.Environ(), env...)
	k.fresh = newTerminal(t)
	if k.terminal, err = pty.Start(k.program); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.program.Process.Kill(); k.terminal.Close() })
	go func() {
		for chunk := make([]byte, 4096); ; {
			n, err := k.terminal.Read(chunk)
			k.shown.Write(chunk[:n])
			if err != nil { // the program has closed its end
				close(k.ended)
				return
			}
		}
	}()
	return k
}

// newTerminal returns the state of a new terminal.
func newTerminal(t *testing.T) *term.State {
	t.Helper()
	terminal, program, err := pty.Open()
	if errors.Is(err, pty.ErrUnsupported) {
		t.Skipf("%s has no pseudo-terminals", runtime.GOOS)
	} else if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer program.Close()
	state, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// echoes reports whether the terminal shows what is typed, as a new one does.
func (k *keyboard) echoes() bool {
	state, err := term.GetState(int(k.terminal.Fd()))
	return err == nil && reflect.DeepEqual(state, k.fresh)
}

// answer waits for a question, and types the answer.
func (k *keyboard) answer(question, typed string) {
	k.t.Helper()
	k.await(question)
	k.write(typed)
}

// answerUnseen is answer for a secret: it waits until the terminal does not show what is
// typed.
func (k *keyboard) answerUnseen(question, typed string) {
	k.t.Helper()
	k.await(question)
	hubtest.Eventually(k.t, "the terminal does not show what is typed", func() bool { return !k.echoes() }, k.shown)
	k.write(typed)
}

// await waits until a text is shown, after the last one that was awaited.
func (k *keyboard) await(text string) {
	k.t.Helper()
	hubtest.Eventually(k.t, "the terminal shows "+text, func() bool {
		shown := k.shown.String()[k.read:]
		at := strings.Index(shown, text)
		if at >= 0 {
			k.read += at + len(text)
		}
		return at >= 0
	}, k.shown)
}

func (k *keyboard) write(typed string) {
	k.t.Helper()
	if _, err := k.terminal.WriteString(typed); err != nil {
		k.t.Fatal(err)
	}
}

// wait waits for the end of the program and of its output, and returns the exit code.
func (k *keyboard) wait() int {
	k.t.Helper()
	k.program.Wait()
	<-k.ended
	return k.program.ProcessState.ExitCode()
}

// screen returns all output.
func (k *keyboard) screen() string { return k.shown.String() }
