package stack

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// parameter is a row of Parameter Store that the stack creates with its default.
//
// Who owns it: the stack creates it and deletes it, the operator owns its value.
// CloudFormation rewrites a parameter only when its value in the stack's template
// differs from the one at the last deployment. So what an operator has edited in
// Parameter Store survives every deployment, until somebody changes the default
// itself, a file in templates/: that one deployment puts the new default there. A
// shop that edits templates/ and deploys, and never edits in Parameter Store, has
// its templates under version control instead. Do one or the other.
//
// A change of its description or tier rewrites it, too, with the default: leave these
// alone.
//
// The tier is left to Parameter Store (Intelligent-Tiering): what holds more than 4096
// bytes becomes an advanced parameter, which costs money each month, and stays one
// until it is deleted. It is refused to make it a standard one again, so that a stack
// which declares one would be rolled back where an operator has pushed a large template
// meanwhile. (PutParameter, Tier.)
//
// The secrets are not here. CloudFormation cannot create a SecureString, so the
// operator's program does. They outlive the stack.
type parameter struct {
	name        string // below the prefix
	kind        string // String or StringList
	value       string
	description string
}

// sharedParameters are those that all functions read.
func sharedParameters() []parameter {
	return []parameter{
		{settings.SegmentHost, "String", settings.DefaultHost, "Segment's address: https://events.eu1.segmentapis.com for a workspace in the EU"},
		{settings.SegmentPath, "String", settings.DefaultPath, "The path of Segment's batch endpoint"},
	}
}

// parametersOf are those that only one function reads.
func parametersOf(t tracking.Tracking, template string) []parameter {
	return []parameter{
		{settings.Enabled(t), "String", "true", "Whether Segment is told of " + t.Title + ": true or false"},
		{settings.Events(t), "StringList", strings.Join(t.Observes, ","),
			"The Commerce events that are " + t.Title + ": one or more of " + strings.Join(t.Observable(), ", ")},
		{settings.Template(t), "String", template, "The JSONata template that makes " + t.Title + " out of a webhook"},
	}
}

// add creates the parameter.
func (p parameter) add(scope constructs.Construct, id string, o Options) {
	awsssm.NewCfnParameter(scope, jsii.String(id), &awsssm.CfnParameterProps{
		Name:        jsii.String(o.parameterName(p.name)),
		Type:        jsii.String(p.kind),
		Value:       jsii.String(p.value),
		Tier:        jsii.String("Intelligent-Tiering"),
		Description: jsii.String(p.description),
	})
}

// checkTemplate says why a default template cannot be a parameter.
func checkTemplate(t tracking.Tracking, template string) error {
	if err := settings.CheckValue(settings.Template(t), template); err != nil {
		return fmt.Errorf("templates/%s.jsonata: %w", t.Name, err)
	}
	return nil
}
