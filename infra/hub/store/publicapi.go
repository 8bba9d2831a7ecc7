package store

import (
	"context"
	"errors"
	"fmt"

	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/settings"
)

// ErrNoAPIToken reports that the store has no token of Segment's Public API. Everything works
// without one, except for what only Segment can answer.
var ErrNoAPIToken = errors.New("the store has no token of Segment's Public API")

// PublicAPI returns a client of Segment's Public API for the store's workspace. The error is an
// ErrNoAPIToken if there is no token.
func (s Store) PublicAPI(ctx context.Context) (*publicapi.Client, error) {
	values, err := s.Parameters(ctx, settings.PublicAPINames())
	if err != nil {
		return nil, err
	}
	return s.PublicAPIOf(values)
}

// PublicAPIOf returns the client that PublicAPI returns, from parameters that were read.
func (s Store) PublicAPIOf(values map[string]string) (*publicapi.Client, error) {
	credentials, err := settings.PublicAPICredentials(values)
	if err != nil {
		return nil, err
	}
	if credentials == (publicapi.Credentials{}) {
		return nil, fmt.Errorf("%w: set %s with hub configure%s, or on the console's page Connections", ErrNoAPIToken, settings.SegmentAPIToken, s.Flag())
	}
	return publicapi.NewClient(credentials, nil)
}

// PublicAPIWanted returns the credentials of Segment's Public API as they will be after wanted is
// written. They are empty if there will be no token. It binds a new token to the host for which
// it is entered.
func PublicAPIWanted(current, wanted map[string]string) (publicapi.Credentials, error) {
	if token := wanted[settings.SegmentAPIToken]; token != "" {
		host, err := settings.PublicAPIHost(Together(current, wanted))
		if err != nil {
			return publicapi.Credentials{}, err
		}
		wanted[settings.SegmentAPIToken] = settings.BindSecret(host, token)
	}
	return settings.PublicAPICredentials(Together(current, wanted))
}
