package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Webhook is what Commerce is to have of a tracking: an integration that posts the
// tracking's events here.
type Webhook struct {
	Tracking tracking.Tracking
	Name     string // by which people find it in Commerce Manager
	URL      string // empty where it is not known how Commerce reaches this machine
	Events   []string
	Enabled  bool
}

// ErrNoURL says that nobody has said how Commerce reaches this machine.
var ErrNoURL = errors.New("by itself Commerce cannot reach this machine: start a tunnel to the hub and give the https address that it prints, " +
	"as in --url https://something.tunnel.example")

// PublicURL is the base of the webhooks' URLs as people paste it, without a slash at
// its end. The secret goes there in a header, so it must not go in clear. Its errors
// quote no more than the host: what is pasted may hold a password or a token.
func PublicURL(pasted string) (string, error) {
	pasted = strings.TrimRight(strings.TrimSpace(pasted), "/")
	u, err := url.Parse(pasted)
	switch {
	case err != nil || u.Hostname() == "":
		return "", errors.New("it is no address for webhooks: give one like https://something.tunnel.example")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("the address at %s has a user, a query or a fragment: give it without, like https://something.tunnel.example", u.Host)
	case isThisMachine(u.Hostname()):
		return "", fmt.Errorf("only this machine reaches %s, and Commerce does not: start a tunnel to it and give the https address that the tunnel prints", u.Host)
	case u.Scheme != "https":
		return "", fmt.Errorf("the address at %s does not begin with https://, and the webhook secret would go there in clear: give the tunnel's https address", u.Host)
	}
	return pasted, nil
}

// isThisMachine says that a host, in any of the ways to write it, is whoever asks for it.
func isThisMachine(host string) bool {
	host = strings.ToLower(strings.TrimRight(host, "."))
	address, err := netip.ParseAddr(host)
	address = address.Unmap()
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && (address.IsLoopback() || address.WithZone("").IsUnspecified())
}

// Webhooks are what Commerce is to have of each tracking, in the catalogue's order.
// The base is that of their URLs; a deployed store knows its own where it is empty.
func (s Store) Webhooks(ctx context.Context, base string) ([]Webhook, error) {
	parameters, err := s.Parameters(ctx, AllNames())
	if err != nil {
		return nil, err
	}
	var all []Webhook
	for _, t := range tracking.All() {
		config, err := settings.Parse(t, parameters)
		if err != nil {
			return nil, fmt.Errorf("the settings in %s: %w", s.Name, err)
		}
		webhook, err := s.webhook(t, config, base)
		if err != nil {
			return nil, err
		}
		all = append(all, webhook)
	}
	return all, nil
}

func (s Store) webhook(t tracking.Tracking, config relay.Config, base string) (Webhook, error) {
	w := Webhook{Tracking: t, Name: s.webhookName(t), Events: config.Events, Enabled: config.Enabled}
	switch {
	case base != "":
		w.URL = base + serve.Route(t.Name)
	case s.Deployment != nil:
		if w.URL = s.Deployment.WebhookURL(t); w.URL == "" {
			return Webhook{}, fmt.Errorf("the stack has no output %s: deploy it again with this version", outputs.Webhook(t))
		}
	}
	return w, nil
}

// webhookName is how people find a tracking's integration in Commerce, and how it is
// known for this store's where its URL has changed.
func (s Store) webhookName(t tracking.Tracking) string {
	owner := s.Prefix
	if owner == "" {
		owner = "hub on " + hostName()
	}
	return fmt.Sprintf("Segment: %s (%s)", t.Title, owner)
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "this machine"
	}
	return name
}

// is says that an integration of Commerce's is this webhook: it posts to the same URL,
// or has the name that only this store gives.
func (w Webhook) is(i commerce.Integration) bool {
	return i.Type == "webhook" && (w.isAt(i) || i.Name == w.Name)
}

func (w Webhook) isAt(i commerce.Integration) bool {
	return w.URL != "" && strings.TrimRight(i.Configuration.URL, "/") == w.URL
}

// registered lists those of Commerce's integrations that are a webhook, the one to keep
// first: it is at the URL, or else enabled, or else the first that Commerce lists.
func (w Webhook) registered(integrations []commerce.Integration, others []Webhook) []commerce.Integration {
	var found []commerce.Integration
	for _, i := range integrations {
		elsewhere := func(other Webhook) bool { return other.Name != w.Name && other.isAt(i) }
		if w.is(i) && (w.isAt(i) || !slices.ContainsFunc(others, elsewhere)) {
			found = append(found, i)
		}
	}
	rank := func(i commerce.Integration) int {
		switch {
		case w.isAt(i) && i.Enabled:
			return 0
		case w.isAt(i):
			return 1
		case i.Enabled:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(found, func(a, b commerce.Integration) int { return rank(a) - rank(b) })
	return found
}

// baseOf is the base of the URL that Commerce has of a webhook; empty where it has none.
func baseOf(webhooks []Webhook, integrations []commerce.Integration) string {
	for _, w := range webhooks {
		for _, i := range w.registered(integrations, webhooks) {
			if base, ok := strings.CutSuffix(i.Configuration.URL, serve.Route(w.Tracking.Name)); ok {
				return base
			}
		}
	}
	return ""
}
