package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// keyboard is a person at a terminal who runs the program.
type keyboard struct {
	t       *testing.T
	program *exec.Cmd
	master  *os.File
	shown   *buffer
	ended   chan struct{} // closed when all is shown
	read    int           // how much of what is shown they have read
}

// openKeyboard runs the built program at a terminal of its own.
func openKeyboard(t *testing.T, env []string, args ...string) *keyboard {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skipf("this opens a terminal as Linux does, and this is %s", runtime.GOOS)
	}
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	master, slave := openTerminals(t)
	k := &keyboard{t: t, program: exec.Command(binary, args...), master: master, shown: new(buffer), ended: make(chan struct{})}
	k.program.Env = append(os.Environ(), env...)
	k.program.Stdin, k.program.Stdout, k.program.Stderr = slave, slave, slave
	k.program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := k.program.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() { k.program.Process.Kill(); master.Close() })
	go func() {
		for chunk := make([]byte, 4096); ; {
			n, err := master.Read(chunk)
			k.shown.Write(chunk[:n])
			if err != nil { // nobody has the other end open any more
				close(k.ended)
				return
			}
		}
	}()
	return k
}

// openTerminals opens both ends of a pseudo-terminal.
func openTerminals(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this machine has no pseudo-terminals: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// answer waits for a question, and types.
func (k *keyboard) answer(question, typed string) {
	k.t.Helper()
	k.await(question)
	k.write(typed)
}

// answerUnseen is answer where what is typed must not be shown.
func (k *keyboard) answerUnseen(question, typed string) {
	k.t.Helper()
	k.await(question)
	eventually(k.t, "the terminal shows no more what is typed", func() bool {
		state, err := unix.IoctlGetTermios(int(k.master.Fd()), unix.TCGETS)
		return err == nil && state.Lflag&unix.ECHO == 0
	}, k.shown)
	k.write(typed)
}

// await waits until something more is shown.
func (k *keyboard) await(text string) {
	k.t.Helper()
	eventually(k.t, "the terminal shows "+text, func() bool {
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
	if _, err := k.master.WriteString(typed); err != nil {
		k.t.Fatal(err)
	}
}

// wait waits until the program has ended and all is shown, and returns the exit code.
func (k *keyboard) wait() int {
	k.t.Helper()
	k.program.Wait()
	<-k.ended
	return k.program.ProcessState.ExitCode()
}

// screen is everything that was shown.
func (k *keyboard) screen() string { return k.shown.String() }
