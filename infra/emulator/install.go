package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// infra is the folder infra of this module.
func infra(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		t.Fatal("this test was built with -trimpath, and does not know where its source lies: build it without")
	}
	return filepath.Dir(filepath.Dir(file))
}

// Python is a Python that has what requirements.txt names, in a virtual environment
// of its own: moto for the emulator, and cfn-lint.
func Python(t testing.TB) string {
	t.Helper()
	directory := filepath.Join(infra(t), ".cache", "python")
	program := filepath.Join(directory, "bin", "python")
	install(t, directory, filepath.Join(infra(t), "emulator", "requirements.txt"), func(requirements string) error {
		if err := run(infra(t), "python3", "-m", "venv", directory); err != nil {
			return err
		}
		return run(infra(t), program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
	})
	return program
}

// NodeModules is the folder of what package-lock.json names, where npm ci puts it for
// people too.
func NodeModules(t testing.TB) string {
	t.Helper()
	directory := filepath.Join(infra(t), "node_modules")
	install(t, directory, filepath.Join(infra(t), "package-lock.json"), func(string) error {
		return run(infra(t), "npm", "ci", "--no-audit", "--no-fund")
	})
	return directory
}

// install fills a directory, unless it has been filled from the same list before.
// Of several tests that want it at once, one does it and the others wait.
func install(t testing.TB, directory, list string, fill func(list string) error) {
	t.Helper()
	unlock := lock(t, filepath.Join(infra(t), ".cache"))
	defer unlock()
	want, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(directory, ".installed-from-"+filepath.Base(list))
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, want) {
		return
	}
	err = errors.Join(os.RemoveAll(directory), fill(list))
	if err == nil {
		err = os.WriteFile(stamp, want, 0o644)
	}
	if err != nil {
		t.Fatalf("installing what %s names: %v", list, err)
	}
}

// lock waits for its turn among all processes that use a directory.
func lock(t testing.TB, directory string) (unlock func()) {
	t.Helper()
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(directory, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("locking %s: %v", file.Name(), err)
	}
	return func() { file.Close() }
}

func run(directory, program string, arguments ...string) error {
	command := exec.Command(program, arguments...)
	command.Dir = directory
	said, err := command.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s is not on the PATH: the tests deploy to an AWS emulator, "+
			"which needs Python 3 with its venv module, and Node.js with npm: install them", program)
	case err != nil:
		return fmt.Errorf("%v: %w\n%s", command.Args, err, said)
	}
	return nil
}
