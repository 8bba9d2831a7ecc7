package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/tracking"
)

// Builder writes the program of a tracking's function, the file bootstrap, into a
// directory.
type Builder interface {
	Build(t tracking.Tracking, architecture, directory string) error
}

// GoBuild is the Builder that runs the Go compiler on functions/<name>. The same
// source gives the same bytes on every machine: no paths, no version control, no
// build id in them. So a deployment that changes nothing uploads nothing.
type GoBuild struct {
	// Module is the directory of this module's go.mod.
	Module string
}

// Build runs the compiler.
func (b GoBuild) Build(t tracking.Tracking, architecture, directory string) error {
	output, err := filepath.Abs(filepath.Join(directory, "bootstrap"))
	if err != nil {
		return err
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc",
		"-ldflags=-s -w -buildid=", "-o", output, "./functions/"+t.Name)
	build.Dir = b.Module
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+architectures[architecture].goarch, "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("building functions/%s: go is not on the PATH: install Go, the functions are compiled when they are deployed", t.Name)
	case err != nil:
		return fmt.Errorf("building functions/%s: %w\n%s", t.Name, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// codeOf is a function's program as an asset that is built when the stack is
// synthesized to be deployed, and not where it is only listed or destroyed. CDK
// would do the same with a compiler in a Docker container; there is no container
// here, so its image is a name that nothing pulls, and the directory to mount into
// it is any.
func codeOf(t tracking.Tracking, o Options, builder Builder) awslambda.Code {
	return awslambda.Code_FromAsset(jsii.String("."), &awss3assets.AssetOptions{
		AssetHashType: awscdk.AssetHashType_OUTPUT,
		Bundling: &awscdk.BundlingOptions{
			Image: awscdk.DockerImage_FromRegistry(jsii.String("none/" + t.Name)),
			Local: &bundling{tracking: t, architecture: o.Architecture, builder: builder},
		},
	})
}

// bundling calls a Builder where CDK wants an asset's files.
type bundling struct {
	tracking     tracking.Tracking
	architecture string
	builder      Builder
}

// TryBundle implements awscdk.ILocalBundling. It panics rather than answer false,
// which would make CDK look for Docker. What it panics with ends New with that
// error. It leaves no directory behind then: CDK would take that for a finished
// asset the next time.
func (b *bundling) TryBundle(directory *string, _ *awscdk.BundlingOptions) *bool {
	if err := b.builder.Build(b.tracking, b.architecture, *directory); err != nil {
		panic(errors.Join(err, os.RemoveAll(*directory)))
	}
	return jsii.Bool(true)
}
