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

// savingName is a parameter that serves as a lock for saves to Parameter Store, with these
// values. It is not a setting.
const (
	savingName = "saving"
	saving     = "yes"
	notSaving  = "no"
)

const (
	// SaveWithin limits the time of a save to Parameter Store.
	SaveWithin = 20 * time.Second
	// staleAfter is how long others wait for a save that does not end. After this time its
	// process must have been killed.
	staleAfter = 30 * time.Second
	// saveEvery is how often a waiting save checks the lock.
	saveEvery = 500 * time.Millisecond
)

// Saving implements Store. Parameter Store has no locks, but it numbers the versions of a
// parameter. If several processes write "yes" at once, the one whose version follows a "no"
// saves, and the others wait. Saving also completes a PutTogether whose process was killed.
func (s EditableParameterStore) Saving(ctx context.Context) (release func(), err error) {
	var seen int64 // the version of the lock that another save holds
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

// begin starts a save after the lock was taken.
func (s EditableParameterStore) begin(ctx context.Context) (release func(), err error) {
	release = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), SaveWithin)
		defer cancel()
		s.putSaving(ctx, notSaving) // if this fails, others wait for staleAfter
	}
	if err := s.PutTogether(ctx, nil); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// readSaving reads the lock; a name with a colon and a number means that version of it. The
// value is empty if there is none.
func (s EditableParameterStore) readSaving(ctx context.Context, name string) (value string, version int64, err error) {
	output, err := s.editor.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{s.prefix + "/" + name}})
	if err != nil {
		return "", 0, fmt.Errorf("checking whether another save to Parameter Store below %s is in progress: %w%s", s.prefix, loggable.AWSError(err),
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
		return 0, fmt.Errorf("locking the parameters below %s in Parameter Store for a save: %w%s", s.prefix, loggable.AWSError(err),
			remedy(err, s.prefix+"/*", "ssm:PutParameter"))
	}
	return output.Version, nil
}
