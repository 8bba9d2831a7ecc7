package store

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/stack/outputs"
)

// Deletion is what is lost when the stack of a deployed store is deleted.
type Deletion struct {
	Templates []Template // those that differ from the defaults
	Backlog   deadletters.Backlog
	Retained  bool // templates, events and logs stay: the store was deployed with the option retain
}

// Deletion returns what is lost when the stack of this deployed store is deleted.
func (s Store) Deletion(ctx context.Context) (loss Deletion, err error) {
	all, err := s.Templates(ctx, s.Trackings()...)
	if err != nil {
		return Deletion{}, err
	}
	for _, t := range all {
		if !t.IsDefault() {
			loss.Templates = append(loss.Templates, t)
		}
	}
	loss.Retained = s.Deployment.Outputs[outputs.Retained] != ""
	loss.Backlog, err = s.Deployment.Backlog(ctx)
	return loss, err
}

// Unprotect switches the termination protection of the stack off, so that it can be deleted. The
// next deployment switches it on again.
func (d *Deployment) Unprotect(ctx context.Context) error {
	_, err := cloudformation.NewFromConfig(d.Config).UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{
		StackName: aws.String(d.StackName()), EnableTerminationProtection: aws.Bool(false),
	})
	if err != nil {
		return fmt.Errorf("switching the termination protection of the stack %s off: %w", d.StackName(), err)
	}
	return nil
}
