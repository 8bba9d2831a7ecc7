package functions_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The emulator of AWS for all tests of this package: moto's server. It serves SSM
// and SQS over their real protocols; it checks no permission.
const moto = "moto[server]==5.2.1"

var emulator struct {
	once    sync.Once
	url     string
	err     error
	process *os.Process
}

// startEmulator starts the emulator, once, and returns where it answers. What is in
// it is shared between the tests: names must differ.
func startEmulator(t testing.TB) (url string) {
	t.Helper()
	emulator.once.Do(func() { emulator.url, emulator.err = runMoto() })
	if emulator.err != nil {
		t.Fatalf("starting the AWS emulator: %v", emulator.err)
	}
	return emulator.url
}

// stopEmulator ends it after the last test.
func stopEmulator() {
	if emulator.process != nil {
		_ = emulator.process.Kill() // it may have ended by itself
		_, _ = emulator.process.Wait()
	}
}

func runMoto() (url string, err error) {
	bin, err := installMoto()
	if err != nil {
		return "", err
	}
	command := exec.Command(filepath.Join(bin, "moto_server"), "-H", "127.0.0.1", "-p", "0")
	output, err := command.StderrPipe()
	if err != nil {
		return "", err
	}
	command.Stdout = os.Stderr
	if err := command.Start(); err != nil {
		return "", err
	}
	emulator.process = command.Process
	said := bufio.NewScanner(output)
	for said.Scan() {
		if url = regexp.MustCompile(`http://[\w.:]+`).FindString(said.Text()); url != "" {
			go func() { // or it would stop where its pipe is full
				for said.Scan() {
				}
			}()
			return url, nil
		}
	}
	return "", errors.New("it ended, and named no address")
}

// installMoto puts moto into a virtual environment of the project, unless it is
// there, and returns the folder of its programs.
func installMoto() (bin string, err error) {
	folder, err := filepath.Abs("../.cache/moto")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(folder, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close() // and unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	bin, done := filepath.Join(folder, "bin"), filepath.Join(folder, "done")
	if installed, _ := os.ReadFile(done); string(installed) == moto {
		return bin, nil
	}
	for _, line := range [][]string{
		{"python3", "-m", "venv", folder},
		{filepath.Join(bin, "pip"), "install", "--quiet", "--disable-pip-version-check", moto},
	} {
		if output, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(line, " "), err, output)
		}
	}
	return bin, os.WriteFile(done, []byte(moto), 0o644)
}
