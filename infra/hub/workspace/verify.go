package workspace

import (
	"context"
	"fmt"
	"strings"
	"time"

	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
)

// verifyWithin is how long Verify waits for Segment.
const verifyWithin = 10 * time.Second

// Verify looks up the write key that a store will have after wanted is written, if wanted changes
// the key, the host or the token of the Public API. It binds a new token to its host, in wanted.
// The text is for the operator. It is empty if there is no token.
//
// The error is a reason not to write: no source has the new key, or Segment rejects the new token.
// A current token that cannot be used is not an error.
func Verify(ctx context.Context, current, wanted map[string]string) (said string, err error) {
	value := func(name string) string {
		if value, given := wanted[name]; given {
			return strings.TrimSpace(value)
		}
		return strings.TrimSpace(current[name])
	}
	changes := func(name string) bool { return value(name) != strings.TrimSpace(current[name]) }
	newToken := changes(settings.SegmentAPIToken)
	credentials, err := store.PublicAPIWanted(current, wanted)
	switch {
	case err != nil && newToken:
		return "", err
	case err != nil:
		return "Note: " + words.OneLine(err.Error()) + ".", nil
	case credentials == (publicapi.Credentials{}), !newToken && !changes(settings.SegmentWriteKey) && !changes(settings.SegmentHost) && !changes(settings.SegmentAPIHost):
		return "", nil
	}
	client, err := publicapi.NewClient(credentials, nil)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, verifyWithin)
	defer cancel()
	l, err := LookUp(ctx, client, value(settings.SegmentWriteKey))
	switch {
	case err != nil && newToken:
		return "", err
	case err != nil:
		return "Note: the write key was not looked up: " + words.OneLine(err.Error()) + ".", nil
	case l.NoSourceHasKey() && changes(settings.SegmentWriteKey):
		return "", fmt.Errorf("parameter %s: %s", settings.SegmentWriteKey, l.Says())
	}
	return words.Capital(l.Says()) + ".", nil
}
