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

// Webhook is an integration that Commerce should have for a tracking. It posts the
// tracking's events to the store.
type Webhook struct {
	Tracking tracking.Tracking
	Name     string // as it is shown in Commerce Manager
	URL      string // empty if the address at which Commerce reaches this machine is not known
	Events   []string
	Enabled  bool
}

// ErrNoURL reports that the address at which Commerce reaches this machine is not known.
var ErrNoURL = errors.New("Commerce cannot reach this machine without a tunnel: start a tunnel to the hub and give the https address that it prints, " +
	"as in --url https://something.tunnel.example")

// PublicURL checks the pasted base of the webhooks' URLs and returns it without a slash at
// the end. It must be https, because Commerce sends the webhook secret there in a header.
// The errors quote only the host: the rest can contain a password or a token.
func PublicURL(pasted string) (string, error) {
	pasted = strings.TrimRight(strings.TrimSpace(pasted), "/")
	u, err := url.Parse(pasted)
	switch {
	case err != nil || u.Hostname() == "":
		return "", errors.New("it is not an address for webhooks: give one like https://something.tunnel.example")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("the address at %s has a user, a query or a fragment: give an address without them, like https://something.tunnel.example", u.Host)
	case isThisMachine(u.Hostname()):
		return "", fmt.Errorf("only this machine can reach %s: start a tunnel to it and give the https address that the tunnel prints", u.Host)
	case u.Scheme != "https":
		return "", fmt.Errorf("the address at %s does not begin with https://, so the webhook secret would be sent unencrypted: give the tunnel's https address", u.Host)
	}
	return pasted, nil
}

// isThisMachine reports whether a host is a loopback or unspecified address or a localhost
// name, in any spelling.
func isThisMachine(host string) bool {
	host = strings.ToLower(strings.TrimRight(host, "."))
	address, err := netip.ParseAddr(host)
	address = address.Unmap()
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && (address.IsLoopback() || address.WithZone("").IsUnspecified())
}

// Webhooks returns the webhook that Commerce should have for each tracking. Their URLs begin
// with the address of the store. That of a tracking that is not deployed is disabled, and has
// no URL.
func (s Store) Webhooks(ctx context.Context) ([]Webhook, error) {
	base, err := s.base(ctx)
	if err != nil {
		return nil, err
	}
	return s.webhooksAt(ctx, base)
}

// webhooksAt returns the webhooks whose URLs begin with base. If it is empty, a deployed store
// uses the URLs of its stack.
func (s Store) webhooksAt(ctx context.Context, base string) ([]Webhook, error) {
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
	if s.CheckHas(t) != nil { // Commerce may still have a webhook of an earlier deployment
		w.Enabled = false
		return w, nil
	}
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

// webhookName returns the name of a tracking's integration in Commerce. It identifies the
// integration of this store if its URL has changed.
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

// is reports whether an integration of Commerce is this webhook: it posts to the same URL,
// or it has the name that only this store uses.
func (w Webhook) is(i commerce.Integration) bool {
	return i.Type == "webhook" && (w.isAt(i) || i.Name == w.Name)
}

// isAt reports whether an integration posts to the webhook's URL.
func (w Webhook) isAt(i commerce.Integration) bool {
	return w.URL != "" && strings.TrimRight(i.Configuration.URL, "/") == w.URL
}

// registered returns the integrations of Commerce that are this webhook. The first is the one
// to keep: one with the webhook's URL, else one that is enabled, else the first in Commerce's
// list. An integration with the URL of one of the others is not returned.
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

// baseOf returns the base of the webhooks' URLs in Commerce, or "" if Commerce has none.
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
