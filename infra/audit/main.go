// Command audit looks for known vulnerabilities in the Go packages that its arguments name,
// and in the npm packages of the lock files. It fails for each one whose code the packages
// reach. Of those in Go's own library that the toolchain named in go.mod has fixed it only
// warns: an older Go compiled this only where GOTOOLCHAIN forbids to fetch that one.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	database := flag.String("db", "", "the `URL` of the Go vulnerability database, instead of the module golang.org/x/vulndb at the version that this program names")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *database, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "audit:", err)
		os.Exit(1)
	}
}

// lockFiles are the folders with a package-lock.json.
var lockFiles = []string{"infra", "infra/tools/chromium", "infra/tools/nag"}

// run audits the packages and the lock files, and prints what it finds.
func run(ctx context.Context, w io.Writer, database string, packages []string) error {
	if database == "" {
		var err error
		if database, err = download(ctx); err != nil {
			return err
		}
	}
	toolchain, err := toolchainOf("go.mod")
	if err != nil {
		return err
	}
	found, err := scanGo(ctx, database, packages)
	if err != nil {
		return err
	}
	failed := found.print(w, toolchain)
	for _, folder := range lockFiles {
		report, err := scanNPM(ctx, folder)
		if err != nil {
			return err
		}
		failed += report.print(w, folder)
	}
	if failed > 0 {
		return fmt.Errorf("known vulnerabilities: %d", failed)
	}
	return nil
}
