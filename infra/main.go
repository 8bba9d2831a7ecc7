// Command infra is the CDK app. cdk deploy in this folder builds the functions and deploys
// the stack of a store to an AWS account. The options are in stack.OptionsOf, and
// environments.json has those of each environment.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack"
)

func main() {
	if err := synthesize(); err != nil {
		fmt.Fprintf(os.Stderr, "\n%s\n", err)
		os.Exit(1) // ends CDK's process too; jsii.Close would print another error
	}
	jsii.Close()
}

func synthesize() error {
	app := awscdk.NewApp(nil)
	options, err := stack.OptionsOf(app, "environments.json")
	if err != nil {
		return err
	}
	options.Revision = revision()
	if _, err := stack.New(app, options, stack.GoBuild{Module: ".."}); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// revision returns what git says of the source here. It ends in the whole commit, with which
// hub doctor compares its own.
func revision() string {
	said, err := exec.Command("git", "describe", "--always", "--dirty", "--long", "--abbrev=40").Output()
	if err != nil {
		return "unknown" // no git, or a source without its history
	}
	return strings.TrimSpace(string(said))
}
