// Package tools installs the programs that tests run, below infra, in the versions that
// requirements.txt, package-lock.json and chromium/package-lock.json name.
package tools

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gofrs/flock"
)

// Infra returns the folder infra of this module.
func Infra(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		t.Fatal("this test was built with -trimpath, and so cannot find its source: build it without")
	}
	return filepath.Dir(filepath.Dir(file))
}

// Python returns a Python with the packages of requirements.txt, moto for the emulator
// and cfn-lint, in a virtual environment of its own.
func Python(t testing.TB) string {
	t.Helper()
	return python(t, "python", filepath.Join(Infra(t), "tools", "requirements.txt"))
}

// Checkov returns a Python with checkov, in a virtual environment of its own: it has other
// requirements than the emulator.
func Checkov(t testing.TB) string {
	t.Helper()
	return python(t, "checkov", filepath.Join(Infra(t), "tools", "checkov", "requirements.txt"))
}

// python returns a Python with the packages of a list, in a virtual environment with a name.
func python(t testing.TB, name, list string) string {
	t.Helper()
	directory := filepath.Join(Infra(t), ".cache", name)
	program := filepath.Join(directory, "bin", "python")
	install(t, directory, list, func(requirements string) error {
		if err := run(Infra(t), "python3", "-m", "venv", directory); err != nil {
			return err
		}
		return run(Infra(t), program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
	})
	return program
}

// Nag returns a script for Node.js that checks a template with cdk-nag.
func Nag(t testing.TB) (script string) {
	t.Helper()
	pinned := filepath.Join(Infra(t), "tools", "nag")
	directory := filepath.Join(Infra(t), ".cache", "nag")
	install(t, directory, filepath.Join(pinned, "package-lock.json"), func(string) error {
		if err := os.CopyFS(directory, os.DirFS(pinned)); err != nil {
			return err
		}
		return run(directory, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	})
	return filepath.Join(directory, "nag.cjs")
}

// NodeModules returns the folder with the packages of infra/package-lock.json, which is
// also the one that npm ci fills.
func NodeModules(t testing.TB) string {
	t.Helper()
	directory := filepath.Join(Infra(t), "node_modules")
	install(t, directory, filepath.Join(Infra(t), "package-lock.json"), func(string) error {
		return run(Infra(t), "npm", "ci", "--no-audit", "--no-fund")
	})
	return directory
}

// install fills a directory, unless it was filled from the same list before. Of several
// tests that need it at once, one fills it and the others wait.
func install(t testing.TB, directory, list string, fill func(list string) error) {
	t.Helper()
	cache := filepath.Join(Infra(t), ".cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(cache, "lock"))
	if err := lock.Lock(); err != nil {
		t.Fatalf("locking %s: %v", lock.Path(), err)
	}
	defer lock.Close()
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
		t.Fatalf("installing the packages of %s: %v", list, err)
	}
}

// run runs a program in a directory. check.sh has the list of the programs that the
// tests need.
func run(directory, program string, arguments ...string) error {
	command := exec.Command(program, arguments...)
	command.Dir = directory
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", command.Args, err, said)
	}
	return nil
}
