package commerce

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// TokenPath is the path below the base URL at which Commerce issues access tokens
// (authentication.yaml of Commerce's OpenAPI descriptions).
const TokenPath = "/oauth/access_token"

// ExampleURL is one of the two base URLs that the descriptions name. The other
// is https://useast.api.elasticpath.com.
const ExampleURL = "https://euwest.api.elasticpath.com"

// BaseURL returns the API's base URL for a URL that an operator pasted: the base URL with
// or without https:// and a slash at its end, the token URL, or any page of Commerce
// Manager. The notice says how the text was understood. It is empty if the text was the
// base URL.
func BaseURL(pasted string) (base, notice string, err error) {
	pasted = strings.TrimSpace(pasted)
	base, err = baseURL(pasted)
	if err != nil {
		return "", "", fmt.Errorf("the Commerce URL %w: use your store's API base URL, such as %s", err, ExampleURL)
	}
	if base != pasted {
		notice = fmt.Sprintf("%s means the Commerce API at %s", withoutQuery(pasted), base)
	}
	return base, notice, nil
}

// withoutQuery returns a URL without its query and fragment, which may contain a token.
func withoutQuery(pasted string) string { return pasted[:strings.IndexAny(pasted+"?", "?#")] }

func baseURL(pasted string) (string, error) {
	hasScheme := strings.Contains(pasted, "://")
	if !hasScheme {
		pasted = "https://" + pasted
	}
	u, err := url.Parse(pasted)
	if err != nil || u.User != nil || !isHost(u.Hostname(), hasScheme) {
		return "", errors.New("is not the URL of a store")
	}
	if host, isManager := apiHost(u.Host); isManager {
		return "https://" + host, nil
	}
	path := strings.TrimRight(u.Path, "/")
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && isThisMachine(u.Hostname())):
		return "", errors.New("does not begin with https://, so the client secret would be sent unencrypted")
	case path != "" && path != TokenPath, u.RawQuery != "", u.Fragment != "":
		return "", errors.New("has a path, a query or a fragment that is not the API's")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// isHost reports whether a text can be the name or the address of a host. It accepts a
// word without a dot only after a scheme, which shows that the text is meant as a URL.
func isHost(host string, hasScheme bool) bool {
	invisible := strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' })
	name := hasScheme || isThisMachine(host) || strings.Contains(strings.Trim(host, "."), ".")
	return host != "" && !invisible && name
}

// apiHost returns the host of the API for a host of Commerce Manager:
// euwest.api.elasticpath.com for euwest.cm.elasticpath.com.
func apiHost(manager string) (host string, isManager bool) {
	region, domain, found := strings.Cut(strings.ToLower(manager), ".cm.")
	return region + ".api." + domain, found
}

// isThisMachine reports whether the host is a loopback address.
func isThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
