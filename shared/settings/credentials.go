package settings

import (
	"errors"
	"fmt"
	"strings"

	"commerce-segment/shared/commerce"
)

// BindSecret returns the value of the parameter CommerceClientSecret: the base URL for
// which the secret was entered, a space, and the secret.
//
// A secret belongs to one host. Both are in one parameter. So if CommerceTokenURL alone
// changes, CommerceCredentials returns an error, and the secret is not sent to another
// host.
func BindSecret(base, secret string) string { return base + " " + secret }

// CommerceCredentials returns the credentials of the Commerce API. They are empty if one of
// the three parameters is missing, because these are written one after the other.
// The error says that the secret was entered for another host, or which parameter is
// wrong. It never quotes the secret.
func CommerceCredentials(parameters map[string]string) (commerce.Credentials, error) {
	r := reader{parameters: parameters}
	return readCredentials(&r), errors.Join(r.wrong...)
}

func readCredentials(r *reader) commerce.Credentials {
	id := read(r, CommerceClientID, "", Word)
	base := read(r, CommerceTokenURL, "", parseCommerceURL)
	if base == "" {
		return commerce.Credentials{}
	}
	secret := read(r, CommerceClientSecret, "", parseSecretFor(base))
	if id == "" || secret == "" {
		return commerce.Credentials{}
	}
	return commerce.Credentials{URL: base, ClientID: id, ClientSecret: secret}
}

// parseSecretFor parses what BindSecret returned for this base URL.
func parseSecretFor(base string) func(string) (string, error) {
	return func(value string) (string, error) {
		const remedy = "enter the secret again, with hub configure or on the console's page Connections"
		words := strings.Fields(value)
		if len(words) != 2 {
			return "", errors.New("it does not say for which Commerce URL it was entered (a URL, a space and the secret): " + remedy)
		}
		boundTo, err := parseCommerceURL(words[0])
		switch {
		case err != nil:
			return "", errors.New("it does not begin with the Commerce URL for which it was entered: " + remedy)
		case boundTo != base:
			return "", fmt.Errorf("it was entered for %s, and is not sent to %s, which is in %s: %s, or put the URL back", boundTo, base, CommerceTokenURL, remedy)
		}
		return Word(words[1])
	}
}

func parseCommerceURL(value string) (string, error) {
	base, _, err := commerce.BaseURL(value)
	return base, err
}
