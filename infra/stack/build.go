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

// Builder builds the program of a tracking's function, the file bootstrap in a directory.
type Builder interface {
	Build(t tracking.Tracking, architecture, directory string) error
}

// GoBuild is a Builder that runs the Go compiler on functions/<name>. The same source gives
// the same bytes on every machine, because they contain no path, no revision and no build
// id. So a deployment without a change uploads nothing.
type GoBuild struct {
	// Module is the directory with the go.mod of this module. An app of another module finds it
	// with go list -m -f '{{.Dir}}'.
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

// codeOf returns a function's program as an asset. CDK builds it when the stack is
// synthesized for a deployment, and not when the stack is listed or destroyed. CDK wants a
// Docker image for the build. No container is used here, so the name of the image and the
// directory have no effect.
func codeOf(t tracking.Tracking, o Options, builder Builder) awslambda.Code {
	return awslambda.Code_FromAsset(jsii.String("."), &awss3assets.AssetOptions{
		AssetHashType: awscdk.AssetHashType_OUTPUT,
		Bundling: &awscdk.BundlingOptions{
			Image: awscdk.DockerImage_FromRegistry(jsii.String("none/" + t.Name)),
			Local: &bundling{tracking: t, architecture: o.Architecture, builder: builder},
		},
	})
}

// bundling calls a Builder when CDK needs the files of an asset.
type bundling struct {
	tracking     tracking.Tracking
	architecture string
	builder      Builder
}

// TryBundle implements awscdk.ILocalBundling. If the build fails, it panics with the error,
// and New returns it. If TryBundle returned false, CDK would look for Docker. It also
// removes the directory, which CDK would otherwise use as a complete asset the next time.
func (b *bundling) TryBundle(directory *string, _ *awscdk.BundlingOptions) *bool {
	if err := b.builder.Build(b.tracking, b.architecture, *directory); err != nil {
		panic(errors.Join(err, os.RemoveAll(*directory)))
	}
	return jsii.Bool(true)
}
