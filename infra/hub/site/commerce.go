package site

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
)

// ErrNotConnected says that the store has no access to Commerce's API yet.
var ErrNotConnected = errors.New("the store is not connected to Commerce")

// Credentials are what Commerce's API asks for. The error is an ErrNotConnected where
// one of them is not set.
func (s Site) Credentials(ctx context.Context) (commerce.Credentials, error) {
	names := []string{settings.CommerceClientID, settings.CommerceClientSecret, settings.CommerceTokenURL}
	values, err := s.Parameters(ctx, names)
	if err != nil {
		return commerce.Credentials{}, err
	}
	for _, name := range names {
		if values[name] = strings.TrimSpace(values[name]); values[name] == "" {
			return commerce.Credentials{}, fmt.Errorf("%w: %s is not set in %s: set it with hub configure%s, or on the console's page Connections",
				ErrNotConnected, name, s.Name, s.Flag())
		}
	}
	return commerce.Credentials{
		ClientID: values[settings.CommerceClientID], ClientSecret: values[settings.CommerceClientSecret], URL: values[settings.CommerceTokenURL],
	}, nil
}

// Commerce is a client of the store's Commerce. The error is an ErrNotConnected where
// its credentials are not all set.
func (s Site) Commerce(ctx context.Context) (*commerce.Client, error) {
	credentials, err := s.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	return commerce.NewClient(credentials, nil)
}
