package site

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

const (
	tokenPath     = "/oauth/access_token"
	exampleRegion = "https://euwest.api.elasticpath.com"
)

// tokenURL makes the URL at which Commerce gives access tokens out of what people
// paste: the API's base URL, with a slash at its end, without https://, as the
// whole token URL, or any page of Commerce Manager.
func tokenURL(pasted string) (string, error) {
	refused := func(why string) (string, error) {
		return "", fmt.Errorf("the Commerce URL %s: use your store's API base URL, such as %s", why, exampleRegion)
	}
	pasted = strings.TrimSpace(pasted)
	if !strings.Contains(pasted, "://") {
		pasted = "https://" + pasted
	}
	u, err := url.Parse(pasted)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return refused("is no URL of a store")
	}
	if host, isManager := apiHost(u.Host); isManager {
		return "https://" + host + tokenPath, nil
	}
	path := strings.TrimRight(u.Path, "/")
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && (u.Hostname() == "localhost" || isLoopback(u.Hostname()))):
		return refused("does not begin with https://, and would send the client secret in clear")
	case path != "" && path != tokenPath, u.RawQuery != "", u.Fragment != "":
		return refused("has a path, a query or a fragment that is not the API's")
	}
	return u.Scheme + "://" + u.Host + tokenPath, nil
}

// apiHost is the API's host by Commerce Manager's: euwest.cm.elasticpath.com is
// euwest.api.elasticpath.com.
func apiHost(manager string) (host string, isManager bool) {
	region, domain, found := strings.Cut(strings.ToLower(manager), ".cm.")
	return region + ".api." + domain, found
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
