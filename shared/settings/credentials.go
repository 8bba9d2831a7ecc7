package settings

import (
	"errors"
	"fmt"
	"strings"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/publicapi"
)

// BindSecret returns the value of the parameters CommerceClientSecret and SegmentAPIToken: the
// base URL for which the secret was entered, a space, and the secret.
//
// A secret belongs to one host. Both are in one parameter. So if CommerceTokenURL alone
// changes, CommerceCredentials returns an error, and the secret is not sent to another
// host. PublicAPICredentials does the same for SegmentAPIToken.
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
	secret := read(r, CommerceClientSecret, "", parseSecretFor(base, CommerceTokenURL, parseCommerceURL))
	if id == "" || secret == "" {
		return commerce.Credentials{}
	}
	return commerce.Credentials{URL: base, ClientID: id, ClientSecret: secret}
}

// parseSecretFor parses what BindSecret returned for this base URL, which parse reads from the
// parameter host.
func parseSecretFor(base, host string, parse func(string) (string, error)) func(string) (string, error) {
	return func(value string) (string, error) {
		const remedy = "enter the secret again, with hub configure or on the console's page Connections"
		words := strings.Fields(value)
		if len(words) != 2 {
			return "", errors.New("it does not say for which URL it was entered (a URL, a space and the secret): " + remedy)
		}
		boundTo, err := parse(words[0])
		switch {
		case err != nil:
			return "", errors.New("it does not begin with the URL for which it was entered: " + remedy)
		case boundTo != base:
			return "", fmt.Errorf("it was entered for %s, and is not sent to %s, which is in %s: %s, or put the URL back", boundTo, base, host, remedy)
		}
		return Word(words[1])
	}
}

func parseCommerceURL(value string) (string, error) {
	base, _, err := commerce.BaseURL(value)
	return base, err
}

// PublicAPIHost returns the base URL of Segment's Public API: SegmentAPIHost, or else the one in
// the region of SegmentHost.
func PublicAPIHost(parameters map[string]string) (string, error) {
	r := reader{parameters: parameters}
	return readPublicAPIHost(&r), errors.Join(r.wrong...)
}

func readPublicAPIHost(r *reader) string {
	otherwise := publicapi.USHost
	if strings.Contains(strings.ToLower(r.parameters[SegmentHost]), ".eu1.") {
		otherwise = publicapi.EUHost
	}
	return read(r, SegmentAPIHost, otherwise, ParseAPIHost)
}

// PublicAPICredentials returns the credentials of Segment's Public API. They are empty if there
// is no token. The error says that the token was entered for another host, or which parameter
// is wrong. It never quotes the token.
func PublicAPICredentials(parameters map[string]string) (publicapi.Credentials, error) {
	r := reader{parameters: parameters}
	base := readPublicAPIHost(&r)
	token := read(&r, SegmentAPIToken, "", parseSecretFor(base, SegmentAPIHost+" or follows from "+SegmentHost, ParseAPIHost))
	if token == "" {
		return publicapi.Credentials{}, errors.Join(r.wrong...)
	}
	return publicapi.Credentials{URL: base, Token: token}, errors.Join(r.wrong...)
}
