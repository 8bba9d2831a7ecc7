package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// queueKeeps is how long a queue on AWS keeps an event.
const queueKeeps = 14 * 24 * time.Hour

// Pause is a tracking whose delivery is paused: its webhooks are accepted and kept, and nothing
// is sent.
type Pause struct {
	Tracking tracking.Tracking
	Since    time.Time
	Until    time.Time // when the first event that arrived since then is deleted; zero if never
}

// Says describes the pause in a sentence.
func (p Pause) Says() string {
	text := fmt.Sprintf("%s is paused since %s: its webhooks are accepted and kept, and nothing is sent to Segment.", p.Tracking.Title, p.Since.UTC().Format("2006-01-02 15:04 UTC"))
	if p.Until.IsZero() {
		return text + " The events are kept until it is resumed."
	}
	return text + fmt.Sprintf(" SQS deletes an event 14 days after it arrived, so resume it before %s.", p.Until.UTC().Format("2006-01-02 15:04 UTC"))
}

// PausedNames returns the names of the parameters that pause trackings on this machine.
func PausedNames() (names []string) {
	for _, t := range tracking.All() {
		names = append(names, settings.Paused(t))
	}
	return names
}

// Pauses returns the trackings that are paused.
func (s Store) Pauses(ctx context.Context) ([]Pause, error) {
	if s.Deployment != nil {
		return s.Deployment.pauses(ctx)
	}
	values, err := s.Parameters(ctx, PausedNames())
	if err != nil {
		return nil, err
	}
	var all []Pause
	for _, t := range s.Trackings() {
		if !settings.IsPaused(t, values) {
			continue
		}
		since, err := s.Modified(ctx, settings.Paused(t))
		if err != nil {
			return nil, err
		}
		all = append(all, Pause{Tracking: t, Since: since})
	}
	return all, nil
}

// SetPaused pauses or resumes trackings.
func (s Store) SetPaused(ctx context.Context, trackings []tracking.Tracking, paused bool) error {
	for _, t := range trackings {
		var err error
		if s.Deployment != nil {
			err = s.Deployment.setPaused(ctx, t, paused)
		} else {
			err = s.Put(ctx, settings.Paused(t), fmt.Sprint(paused))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pauseWithin is the longest time that AWS may take to disable an event source mapping.
const pauseWithin = 5 * time.Minute

// AwaitPaused waits until trackings that were paused are, on AWS: the functions receive events
// until their event source mappings are disabled. It does not wait for a hub on this machine,
// which reads the setting within a second.
func (s Store) AwaitPaused(ctx context.Context, trackings []tracking.Tracking) error {
	if s.Deployment == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pauseWithin)
	defer cancel()
	client := lambda.NewFromConfig(s.Deployment.Config)
	for _, t := range trackings {
		for {
			mappings, err := s.Deployment.deliveries(ctx, client, t)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(mappings.EventSourceMappings, func(m types.EventSourceMappingConfiguration) bool { return aws.ToString(m.State) != "Disabled" }) {
				break
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return fmt.Errorf("waiting until %s is paused: %w", t.Title, ctx.Err())
			}
		}
	}
	return nil
}

// deliveries returns the event source mappings with which Lambda reads the queue of a tracking:
// one.
func (d *Deployment) deliveries(ctx context.Context, client *lambda.Client, t tracking.Tracking) (*lambda.ListEventSourceMappingsOutput, error) {
	if err := d.checkHas(t); err != nil {
		return nil, err
	}
	name := outputs.StackName(d.Outputs[outputs.Prefix]) + "-" + t.Name
	mappings, err := client.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: aws.String(name)})
	if err != nil {
		return nil, fmt.Errorf("reading whether the function %s receives events: %w", name, err)
	}
	if len(mappings.EventSourceMappings) == 0 {
		return nil, fmt.Errorf("the function %s has no event source mapping: deploy the store again", name)
	}
	return mappings, nil
}

// pauses returns the trackings whose functions receive no events: their event source mappings
// are disabled.
func (d *Deployment) pauses(ctx context.Context) ([]Pause, error) {
	client := lambda.NewFromConfig(d.Config)
	var all []Pause
	for _, t := range d.Trackings() {
		mappings, err := d.deliveries(ctx, client, t)
		if err != nil {
			return nil, err
		}
		for _, m := range mappings.EventSourceMappings {
			if state := aws.ToString(m.State); state == "Disabled" || state == "Disabling" {
				since := aws.ToTime(m.LastModified)
				all = append(all, Pause{Tracking: t, Since: since, Until: since.Add(queueKeeps)})
			}
		}
	}
	return all, nil
}

func (d *Deployment) setPaused(ctx context.Context, t tracking.Tracking, paused bool) error {
	client := lambda.NewFromConfig(d.Config)
	mappings, err := d.deliveries(ctx, client, t)
	if err != nil {
		return err
	}
	for _, m := range mappings.EventSourceMappings {
		if _, err := client.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: m.UUID, Enabled: aws.Bool(!paused)}); err != nil {
			return fmt.Errorf("changing whether the function of %s receives events: %w", t.Name, err)
		}
	}
	return nil
}
