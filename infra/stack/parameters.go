package stack

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// parameter is a parameter of Parameter Store that the stack creates with its default.
//
// The stack creates and deletes it, and the operator owns its value. CloudFormation writes
// a parameter again only when its value in the stack's template differs from the one at the
// last deployment. So an operator's edit in Parameter Store survives every deployment,
// until the default itself changes, a file in templates/. That deployment replaces the edit
// by the new default. A shop can instead edit templates/ and deploy, and never edit in
// Parameter Store, and so have its templates under version control. Do one or the other.
//
// A change of its description or tier also writes it again, with the default: do not change
// these.
//
// Parameter Store chooses the tier (Intelligent-Tiering). A parameter of more than 4096
// bytes becomes an advanced one, which costs money each month, and stays one until it is
// deleted. Parameter Store does not change it back to a standard one. So if the stack
// declared the tier Standard, a deployment would fail after an operator has pushed a large
// template (PutParameter, Tier).
//
// The secrets are not here. CloudFormation cannot create a SecureString, so the operator's
// program creates them. They outlive the stack.
type parameter struct {
	name        string // below the prefix
	kind        string // String or StringList
	value       string
	description string
}

// sharedParameters returns the parameters that all functions read.
func sharedParameters() []parameter {
	return []parameter{
		{settings.SegmentHost, "String", settings.DefaultHost, "Segment's address: https://events.eu1.segmentapis.com for a workspace in the EU"},
		{settings.SegmentPath, "String", settings.DefaultPath, "The path of Segment's batch endpoint"},
	}
}

// parametersOf returns the parameters that only the function of one tracking reads.
func parametersOf(t tracking.Tracking, template string) []parameter {
	return []parameter{
		{settings.Enabled(t), "String", strconv.FormatBool(!t.Optional), "Whether the tracking " + t.Title + " is enabled: true or false"},
		{settings.Events(t), "StringList", strings.Join(t.Observes, ","),
			"The Commerce events that are " + t.Title + ": one or more of " + strings.Join(t.Observable(), ", ")},
		{settings.Template(t), "String", template, "The JSONata template that makes " + t.Title + " out of a webhook"},
	}
}

// add creates the parameter.
func (p parameter) add(scope constructs.Construct, id string, o Options) {
	created := awsssm.NewCfnParameter(scope, jsii.String(id), &awsssm.CfnParameterProps{
		Name:        jsii.String(o.parameterName(p.name)),
		Type:        jsii.String(p.kind),
		Value:       jsii.String(p.value),
		Tier:        jsii.String("Intelligent-Tiering"),
		Description: jsii.String(p.description),
	})
	if o.Retain {
		created.ApplyRemovalPolicy(removalOf(o), nil)
	}
}

// checkTemplate returns an error if a default template cannot be a parameter.
func checkTemplate(t tracking.Tracking, template string) error {
	if err := settings.CheckValue(settings.Template(t), template); err != nil {
		return fmt.Errorf("templates/%s.jsonata: %w", t.Name, err)
	}
	return nil
}
