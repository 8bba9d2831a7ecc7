package settings

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"commerce-segment/shared/loggable"
)

// savingName is the parameter by which those who save to Parameter Store keep apart, and
// the values that it has. It is no setting.
const (
	savingName = "saving"
	saving     = "yes"
	notSaving  = "no"
)

const (
	// SaveWithin bounds a save to Parameter Store.
	SaveWithin = 20 * time.Second
	// staleAfter is how long a save that does not end keeps others waiting: it was killed.
	staleAfter = 30 * time.Second
	// saveEvery is how often a save that waits looks again.
	saveEvery = 500 * time.Millisecond
)

// Saving implements Store. Parameter Store has no locks, but it numbers the versions of a
// parameter: of several who write "yes" at once, the one whose version follows a "no" saves,
// and the others wait. It completes what a killed PutTogether has begun.
func (s EditableParameterStore) Saving(ctx context.Context) (release func(), err error) {
	var seen int64 // the version that others save with
	var since time.Time
	for {
		now, version, err := s.readSaving(ctx, savingName)
		if err != nil {
			return nil, err
		}
		if version != seen {
			seen, since = version, time.Now()
		}
		isStale := now == saving && time.Since(since) >= staleAfter
		if now != saving || isStale {
			mine, err := s.putSaving(ctx, saving)
			if err != nil {
				return nil, err
			}
			follows := mine == 1 || isStale && mine == version+1
			if !follows {
				before, _, err := s.readSaving(ctx, fmt.Sprintf("%s:%d", savingName, mine-1))
				if err != nil {
					return nil, err
				}
				follows = before == notSaving
			}
			if follows {
				return s.begin(ctx)
			}
		}
		if !wait(ctx, saveEvery) {
			return nil, fmt.Errorf("waiting until another save to Parameter Store below %s has ended, or for %s if it was killed: %w", s.prefix, staleAfter, ctx.Err())
		}
	}
}

// begin begins a save, when nothing else saves.
func (s EditableParameterStore) begin(ctx context.Context) (release func(), err error) {
	release = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), SaveWithin)
		defer cancel()
		s.putSaving(ctx, notSaving) // where that fails, others wait for staleAfter
	}
	if err := s.PutTogether(ctx, nil); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// readSaving reads the parameter, or with a colon and a number that version of it; an empty
// value where there is none.
func (s EditableParameterStore) readSaving(ctx context.Context, name string) (value string, version int64, err error) {
	output, err := s.editor.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{s.prefix + "/" + name}})
	if err != nil {
		return "", 0, fmt.Errorf("looking whether another save to Parameter Store below %s is under way: %w%s", s.prefix, loggable.Refusal(err),
			remedy(err, s.prefix+"/*", "ssm:GetParameters"))
	}
	for _, p := range output.Parameters {
		return aws.ToString(p.Value), p.Version, nil
	}
	return "", 0, nil
}

func (s EditableParameterStore) putSaving(ctx context.Context, value string) (version int64, err error) {
	output, err := s.editor.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(s.prefix + "/" + savingName), Value: aws.String(value), Type: types.ParameterTypeString,
		Overwrite: aws.Bool(true),
	})
	if err != nil {
		return 0, fmt.Errorf("keeping others from saving to Parameter Store below %s: %w%s", s.prefix, loggable.Refusal(err),
			remedy(err, s.prefix+"/*", "ssm:PutParameter"))
	}
	return output.Version, nil
}
