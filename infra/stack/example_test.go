package stack_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/infra/stack"
	"commerce-segment/shared/tracking"
)

// An app has two stores next to a stack of its own, with the topic that gets the alarms of both.
func ExampleNew() {
	directory, err := os.MkdirTemp("", "cdk.out")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(directory)
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &directory})

	company := awscdk.NewStack(app, jsii.String("on-call"), nil)
	awssns.NewTopic(company, jsii.String("Topic"), &awssns.TopicProps{TopicName: jsii.String("on-call")})

	for _, prefix := range []string{"/shop", "/outlet"} {
		options, err := stack.OptionsFor(map[string]any{
			"prefix":           prefix,
			"account":          "123456789012",
			"region":           "eu-west-1",
			"alarmTopic":       "arn:aws:sns:eu-west-1:123456789012:on-call",
			"logRetentionDays": 90,
			"tags":             map[string]string{"team": "shop"},
		})
		if err != nil {
			log.Fatal(err)
		}
		store, err := stack.New(app, options, compiled{}) // or stack.GoBuild{Module: DIRECTORY}
		if err != nil {
			log.Fatal(err)
		}
		store.AddDependency(company, nil)
	}

	for _, s := range *app.Synth(nil).Stacks() {
		fmt.Println(*s.StackName(), *s.Environment().Region)
	}
	// Output:
	// on-call unknown-region
	// outlet eu-west-1
	// shop eu-west-1
}

// compiled is a Builder that takes the programs from where a pipeline has compiled them.
type compiled struct{}

func (compiled) Build(t tracking.Tracking, architecture, directory string) error {
	program := []byte("the program of " + t.Name + " for " + architecture) // or os.ReadFile
	return os.WriteFile(filepath.Join(directory, "bootstrap"), program, 0o755)
}
