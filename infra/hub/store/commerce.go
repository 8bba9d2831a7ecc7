package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
)

// ErrNotConnected reports that the store has no credentials for Commerce's API yet.
var ErrNotConnected = errors.New("the store is not connected to Commerce")

// Credentials returns the store's credentials for Commerce's API. The error is an
// ErrNotConnected if one of them is not set.
func (s Store) Credentials(ctx context.Context) (commerce.Credentials, error) {
	values, err := s.Parameters(ctx, settings.CommerceNames())
	if err != nil {
		return commerce.Credentials{}, err
	}
	for _, name := range settings.CommerceNames() {
		if !isSet(values[name]) {
			return commerce.Credentials{}, fmt.Errorf("%w: %s is not set in %s: set it with hub configure%s, or on the console's page Connections",
				ErrNotConnected, name, s.Name, s.Flag())
		}
	}
	return settings.CommerceCredentials(values)
}

// Commerce returns a client for the store's Commerce. The error is an ErrNotConnected if
// one of the credentials is not set.
func (s Store) Commerce(ctx context.Context) (*commerce.Client, error) {
	credentials, err := s.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	return commerce.NewClient(credentials, nil)
}

// CommerceWanted returns the credentials as they will be after wanted is written. It
// binds a new client secret to the host for which it is entered, and refuses to use the
// current one for another host.
func CommerceWanted(current, wanted map[string]string) (commerce.Credentials, error) {
	if secret := wanted[settings.CommerceClientSecret]; secret != "" {
		base, _, err := commerce.BaseURL(Together(current, wanted)[settings.CommerceTokenURL])
		if err != nil {
			return commerce.Credentials{}, fmt.Errorf("parameter %s: a secret is valid for one host: give the Commerce URL of that host too", settings.CommerceClientSecret)
		}
		wanted[settings.CommerceClientSecret] = settings.BindSecret(base, secret)
	}
	return settings.CommerceCredentials(Together(current, wanted))
}

// firstAnswerWithin is how long Reach waits for the first answer: the token and one list.
const firstAnswerWithin = 3 * time.Second

// Reach connects to Commerce and reports the name of the application key and what it can
// read.
func Reach(ctx context.Context, credentials commerce.Credentials) (said string, err error) {
	client, err := commerce.NewClient(credentials, nil)
	if err != nil {
		return "", err
	}
	var may, mayNot []string
	first, cancel := context.WithTimeout(ctx, firstAnswerWithin)
	defer cancel()
	for i, part := range []struct{ name, path string }{{"webhooks", "/v2/integrations"}, {"orders", "/v2/orders?page[limit]=1"}, {"customers", "/v2/customers?page[limit]=1"}} {
		within := ctx
		if i == 0 {
			within = first
		}
		_, err := client.Get(within, part.path)
		var answered *commerce.APIError
		switch {
		case err == nil:
			may = append(may, part.name)
		case errors.As(err, &answered) && answered.Status == http.StatusForbidden && !strings.HasSuffix(answered.Call, commerce.TokenPath):
			mayNot = append(mayNot, part.name)
		case i == 0 && first.Err() != nil && ctx.Err() == nil:
			return "", fmt.Errorf("%s did not answer within %.0f seconds: check the address, and whether this machine can reach it", credentials.URL, firstAnswerWithin.Seconds())
		default:
			return "", err
		}
	}
	said = "Connected to Commerce at " + credentials.URL
	// No call returns the name of the store, so the name of the key is shown, if the key
	// can read it.
	if key, err := client.ApplicationKey(ctx); err == nil {
		said += fmt.Sprintf(" with its application key “%s”", key.Name)
	}
	said += "."
	if len(may) > 0 {
		said += " It may read " + inWords(may) + "."
	}
	if len(mayNot) > 0 {
		said += " It may not read " + inWords(mayNot) + "."
	}
	return said, nil
}

// inWords returns a list as a phrase.
func inWords(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
