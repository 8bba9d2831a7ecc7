package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// installedBrowsers returns the names on the PATH, and the files on Linux, macOS and
// Windows, of browsers that are based on Chromium.
func installedBrowsers() []string {
	browsers := []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "microsoft-edge-stable", "msedge",
		"/snap/bin/chromium", "/opt/google/chrome/chrome", "/opt/microsoft/msedge/msedge",
	}
	for _, name := range []string{"Chromium", "Google Chrome", "Microsoft Edge"} {
		application := filepath.Join("Applications", name+".app", "Contents", "MacOS", name)
		browsers = append(browsers, filepath.Join("/", application), filepath.Join(os.Getenv("HOME"), application))
	}
	for _, variable := range []string{"ProgramFiles", "ProgramFiles(x86)", "LocalAppData"} {
		for _, name := range []string{`Chromium\Application\chrome.exe`, `Google\Chrome\Application\chrome.exe`, `Microsoft\Edge\Application\msedge.exe`} {
			browsers = append(browsers, filepath.Join(os.Getenv(variable), name))
		}
	}
	return browsers
}

// unpack is a module for Node.js that unpacks the files of the package into TMPDIR.
const unpack = `import { inflate } from "@sparticuz/chromium"
for (const part of ["chromium.br", "fonts.tar.br", "al2023.tar.br"]) await inflate("node_modules/@sparticuz/chromium/bin/" + part)`

// fontsOnly configures a browser to use only its own fonts.
const fontsOnly = `<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>`

// Chromium returns the program of an installed Chromium, Chrome or Edge. If there is
// none it installs one with its libraries and fonts, and returns the environment that
// names them.
func Chromium(t testing.TB) (program string, env []string) {
	t.Helper()
	for _, name := range installedBrowsers() {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Fatalf("the tests open the console in a browser, and none can be downloaded for %s on %s: "+
			"install Chrome, Chromium or Edge, as with brew install --cask google-chrome, winget install Google.Chrome or apt-get install chromium",
			runtime.GOOS, runtime.GOARCH)
	}
	pinned := filepath.Join(Infra(t), "tools", "chromium")
	directory := filepath.Join(Infra(t), ".cache", "chromium")
	install(t, directory, filepath.Join(pinned, "package-lock.json"), func(string) error {
		if err := os.CopyFS(directory, os.DirFS(pinned)); err != nil {
			return err
		}
		if err := run(directory, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
			return err
		}
		if err := run(directory, "env", "TMPDIR="+directory, "node", "--input-type=module", "--eval", unpack); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(directory, "fonts", "fonts.conf"), []byte(fontsOnly), 0o644)
	})
	return filepath.Join(directory, "chromium"), []string{
		"LD_LIBRARY_PATH=" + filepath.Join(directory, "al2023", "lib"),
		"FONTCONFIG_FILE=" + filepath.Join(directory, "fonts", "fonts.conf"),
	}
}
