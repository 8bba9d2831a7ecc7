package settings_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// defaults returns the settings of order-completed without any parameters.
func defaults() relay.Config {
	return relay.Config{
		Enabled:  true,
		Events:   []string{"order.paid"},
		Template: templates.Default("order-completed"),
		Segment:  segment.Endpoint{Host: "https://api.segment.io", Path: "/v1/batch"},
	}
}

// Deployed stores and runbooks use these names. After a rename, deployed stores would lose
// their settings.
func TestNamesOfParametersDoNotChange(t *testing.T) {
	want := []string{
		"segment/host", "segment/path", "segment/write-key", "commerce/webhook-secret",
		"tracking/order-completed/enabled", "tracking/order-completed/events", "templates/order-completed", "commerce/currencies",
	}
	if got := settings.Names(tracking.OrderCompleted); !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	want = slices.Insert(strings.Split(strings.ReplaceAll(strings.Join(want, " "), "order-completed", "order-refunded"), " "), len(want)-1,
		"commerce/client-id", "commerce/client-secret", "commerce/token-url")
	if got := settings.Names(tracking.OrderRefunded); !slices.Equal(got, want) {
		t.Errorf("for a default template that calls Commerce:\n got %q\nwant %q", got, want)
	}
	for _, all := range tracking.All() {
		if settings.ReadsCommerce(all) != (all.Name == tracking.OrderRefunded.Name) {
			t.Errorf("%s: ReadsCommerce is %v", all.Name, settings.ReadsCommerce(all))
		}
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name       string
		parameters map[string]string
		want       func(*relay.Config)
	}{
		{"without parameters everything has its default, and no write key or secret is needed", nil, func(*relay.Config) {}},
		{"a template that is JSON is taken as it is, also with a field value",
			map[string]string{"templates/order-completed": `{"event": "Order Completed", "value": "19.99", "with": {"segment/host": "x"}}`},
			func(c *relay.Config) {
				c.Template = `{"event": "Order Completed", "value": "19.99", "with": {"segment/host": "x"}}`
			}},
		{"a webhook secret that is JSON is taken as it is",
			map[string]string{"commerce/webhook-secret": `{"value":"a-secret"}`},
			func(c *relay.Config) { c.Secrets = commerce.Secrets{`{"value":"a-secret"}`} }},
		{"blank parameters have their defaults",
			map[string]string{"segment/host": " ", "segment/path": "", "segment/write-key": "\n", "commerce/webhook-secret": " \n ",
				"tracking/order-completed/enabled": "", "tracking/order-completed/events": "", "templates/order-completed": "\n"},
			func(*relay.Config) {}},
		{"parameters of other trackings do not matter",
			map[string]string{"tracking/order-updated/enabled": "perhaps", "templates/order-updated": "{}"}, func(*relay.Config) {}},
		{"every parameter takes effect",
			map[string]string{"segment/host": "https://events.eu1.segmentapis.com", "segment/path": "/v1/b", "segment/write-key": "write_key-1",
				"commerce/webhook-secret": "glow-worm", "tracking/order-completed/enabled": "false",
				"tracking/order-completed/events": "order.fulfilled", "templates/order-completed": "{}\n"},
			func(c *relay.Config) {
				*c = relay.Config{Events: []string{"order.fulfilled"}, Template: "{}\n", Secrets: commerce.Secrets{"glow-worm"},
					Segment: segment.Endpoint{Host: "https://events.eu1.segmentapis.com", Path: "/v1/b", WriteKey: "write_key-1"}}
			}},
		{"a slash after the host is allowed", map[string]string{"segment/host": "https://proxy.example/"},
			func(c *relay.Config) { c.Segment.Host = "https://proxy.example" }},
		{"a proxy may have a name that ends like one of Segment's", map[string]string{"segment/host": "https://mysegment.com"},
			func(c *relay.Config) { c.Segment.Host = "https://mysegment.com" }},
		{"a region of Segment's may have its own host", map[string]string{"segment/host": "https://in.eu1.segmentapis.com"},
			func(c *relay.Config) { c.Segment.Host = "https://in.eu1.segmentapis.com" }},
		{"a host may have a port", map[string]string{"segment/host": "HTTPS://proxy.example:8443"},
			func(c *relay.Config) { c.Segment.Host = "https://proxy.example:8443" }},
		{"a host on this machine may be http, by its name", map[string]string{"segment/host": "http://localhost:8080"},
			func(c *relay.Config) { c.Segment.Host = "http://localhost:8080" }},
		{"the machine that a container runs on may be http", map[string]string{"segment/host": "http://host.docker.internal:8080"},
			func(c *relay.Config) { c.Segment.Host = "http://host.docker.internal:8080" }},
		{"a host on this machine may be http, by its IPv4 address", map[string]string{"segment/host": "http://127.0.0.2:8080"},
			func(c *relay.Config) { c.Segment.Host = "http://127.0.0.2:8080" }},
		{"a host on this machine may be http, by its IPv6 address", map[string]string{"segment/host": "http://[::1]:8080"},
			func(c *relay.Config) { c.Segment.Host = "http://[::1]:8080" }},
		{"white space around a value is not part of it",
			map[string]string{"segment/host": " https://proxy.example\n", "segment/path": " /v1/b ", "segment/write-key": "\twrite_key-1\n",
				"tracking/order-completed/enabled": " true ", "tracking/order-completed/events": " order.authorized\n"},
			func(c *relay.Config) {
				c.Segment = segment.Endpoint{Host: "https://proxy.example", Path: "/v1/b", WriteKey: "write_key-1"}
				c.Events = []string{"order.authorized"}
			}},
		{"two secrets are two lines, the newest first", map[string]string{"commerce/webhook-secret": "new\nold"},
			func(c *relay.Config) { c.Secrets = commerce.Secrets{"new", "old"} }},
		{"blank lines, line ends of Windows and white space are not secrets",
			map[string]string{"commerce/webhook-secret": "\r\n  new \r\n\r\n\told\r\n"},
			func(c *relay.Config) { c.Secrets = commerce.Secrets{"new", "old"} }},
		{"white space inside a secret is part of it", map[string]string{"commerce/webhook-secret": "glow worm"},
			func(c *relay.Config) { c.Secrets = commerce.Secrets{"glow worm"} }},
		{"a short secret is accepted, because an error would only delay genuine events",
			map[string]string{"commerce/webhook-secret": "x"},
			func(c *relay.Config) { c.Secrets = commerce.Secrets{"x"} }},
		{"the credentials of Commerce take effect if all three are set, with any form of the URL",
			map[string]string{"commerce/client-id": " id\n", "commerce/client-secret": "\thttps://euwest.api.elasticpath.com  secret ", "commerce/token-url": "https://euwest.cm.elasticpath.com/"},
			func(c *relay.Config) {
				c.Commerce = commerce.Credentials{URL: "https://euwest.api.elasticpath.com", ClientID: "id", ClientSecret: "secret"}
			}},
		{"the URL for which a secret was entered may be written in another form",
			map[string]string{"commerce/client-id": "id", "commerce/client-secret": "EUWEST.api.elasticpath.com/ secret", "commerce/token-url": "https://euwest.api.elasticpath.com/oauth/access_token"},
			func(c *relay.Config) {
				c.Commerce = commerce.Credentials{URL: "https://euwest.api.elasticpath.com", ClientID: "id", ClientSecret: "secret"}
			}},
		{"a secret without a URL is not used", map[string]string{"commerce/client-id": "id", "commerce/client-secret": "https://euwest.api.elasticpath.com secret"},
			func(*relay.Config) {}},
		{"two of the three credentials are not used", map[string]string{"commerce/client-id": "id", "commerce/token-url": "https://euwest.api.elasticpath.com"},
			func(*relay.Config) {}},
		{"the store's currencies have the decimals that are set", map[string]string{"commerce/currencies": " eur=2, HUF=0\n"},
			func(c *relay.Config) { c.Currencies = money.Decimals{"EUR": 2, "HUF": 0} }},
		{"an event list may end with a comma", map[string]string{"tracking/order-completed/events": "order.paid,"},
			func(c *relay.Config) { c.Events = []string{"order.paid"} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := defaults()
			test.want(&want)
			got, err := settings.Parse(tracking.OrderCompleted, test.parameters)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("\n got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestParseAcceptsSeveralEventsOfATrackingThatRepeats(t *testing.T) {
	parameters := map[string]string{"tracking/customer-updated/events": "customer.updated, customer.deleted"}
	config, err := settings.Parse(tracking.CustomerUpdated, parameters)
	if want := []string{"customer.updated", "customer.deleted"}; err != nil || !slices.Equal(config.Events, want) {
		t.Errorf("got %q, %v, want %q", config.Events, err, want)
	}
}

func TestParseAcceptsEveryFormOfAWriteKey(t *testing.T) {
	for name, key := range map[string]string{
		"of 32 letters and digits":       "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA",
		"of 10, as in old examples":      "q7w3e9r2t1",
		"of a proxy, as a UUID":          "0f6a0c3e-2f7b-4f0a-9a55-3e2a5c1d7b10",
		"with the underscore of a stage": "staging_q7w3e9r2t1",
	} {
		config, err := settings.Parse(tracking.OrderCompleted, map[string]string{"segment/write-key": key})
		if err != nil || config.Segment.WriteKey != key {
			t.Errorf("a write key %s: got %q, %v", name, config.Segment.WriteKey, err)
		}
	}
}

func TestParseReturnsACopyOfTheEventsOfTheCatalogue(t *testing.T) {
	config, err := settings.Parse(tracking.OrderUpdated, nil)
	if err != nil {
		t.Fatal(err)
	}
	config.Events[0] = "changed"
	if tracking.OrderUpdated.Observes[0] == "changed" {
		t.Error("changing the settings' events changed the catalogue")
	}
}

func TestParseSaysWhatIsWrongAndWhatToEnter(t *testing.T) {
	const host, path, key = "segment/host", "segment/path", "segment/write-key"
	const enabled, events = "tracking/order-completed/enabled", "tracking/order-completed/events"
	for _, test := range []struct {
		name, parameter, value string
		problem, remedy        string
	}{
		{"a host without a scheme", host, "api.segment.io", "is not an https URL", "enter https://api.segment.io"},
		{"a host with a port and no scheme", host, "api.segment.io:443", "is not an https URL", "https://events.eu1.segmentapis.com"},
		{"a host that is only a scheme", host, "https://", "is not an https URL", "enter https://"},
		{"a host that is no URL", host, "https://a b", "is not an https URL", "enter https://"},
		{"a host of another scheme", host, "ftp://api.segment.io", "is not an https URL", "enter https://"},
		{"a host without encryption", host, "http://api.segment.io", "the write key would be sent unencrypted", "enter https://"},
		{"a host without encryption whose name begins like this machine's", host, "http://localhost.example", "unencrypted", "enter https://"},
		{"a host without encryption in this network", host, "http://192.168.1.1", "unencrypted", "enter https://"},
		{"Segment's app", host, "https://app.segment.com", "accepts no events", "enter https://api.segment.io, or https://events.eu1.segmentapis.com"},
		{"Segment's app, with the path of a source", host, "https://app.segment.com/acme/sources", "accepts no events", "enter https://api.segment.io"},
		{"Segment's app in capitals, with a dot and a port", host, "https://APP.Segment.com.:443/", "accepts no events", "enter https://api.segment.io"},
		{"Segment's app in the EU", host, "https://eu1.app.segment.com", "accepts no events", "enter https://api.segment.io"},
		{"Segment's website", host, "https://segment.com", "accepts no events", "enter https://api.segment.io"},
		{"Segment's documentation", host, "https://www.segment.com/docs", "accepts no events", "enter https://api.segment.io"},
		{"the host of Segment's scripts", host, "https://cdn.segment.io", "accepts no events", "enter https://api.segment.io"},
		{"the host of Segment's tokens", host, "https://oauth2.segment.io", "accepts no events", "enter https://api.segment.io"},
		{"the other spelling of Segment's API", host, "https://api.segment.com", "accepts no events", "enter https://api.segment.io"},
		{"Segment's Public API", host, "https://api.segmentapis.com", "accepts no events", "enter https://api.segment.io"},
		{"Segment's Public API in the EU", host, "https://eu1.api.segmentapis.com", "accepts no events", "enter https://api.segment.io"},
		{"a host with a path", host, "https://api.segment.io/v1/batch", "has a path", "into segment/path"},
		{"a host with a query", host, "https://api.segment.io?debug=1", "has a user, a query or a fragment", "enter https://"},
		{"a host with an empty query", host, "https://api.segment.io?", "has a user, a query or a fragment", "enter https://"},
		{"a host with a user", host, "https://me:pass@api.segment.io", "has a user, a query or a fragment", "enter https://"},
		{"a host with a fragment", host, "https://api.segment.io#", "has a user, a query or a fragment", "enter https://"},
		{"a path without a slash", path, "v1/batch", "is not the path of a URL", "begins with /"},
		{"a path that is a URL", path, "https://api.segment.io/v1/batch", "is not the path of a URL", "begins with /"},
		{"a path with a query", path, "/v1/batch?x", "is not the path of a URL", "has no query"},
		{"a path with white space", path, "/v1/ batch", "is not the path of a URL", "enter /v1/batch"},
		{"a path with a broken escape", path, "/v1/%zz", "is not the path of a URL", "enter /v1/batch"},
		{"a write key with white space inside", key, "zzz zzz", "holds white space", "copy only the write key"},
		{"two write keys", key, "zzz\nqqq", "holds white space", "copy only the write key"},
		{"a write key in quotes", key, `"aB3dE6gH9jK2mN5p"`, "a character that no write key has", "copy only the write key"},
		{"a write key in curly quotes", key, "“aB3dE6gH9jK2mN5p”", "a character that no write key has", "copy only the write key"},
		{"a write key with letters of another alphabet", key, "аB3dE6gH9jK2mN5p", "a character that no write key has", "copy only the write key"},
		{"a URL instead of a write key", key, "https://api.segment.io", "a character that no write key has", "copy only the write key"},
		{"the Authorization header instead of a write key", key, "YUIzZEU2Z0g5aks=", "a character that no write key has", "copy only the write key"},
		{"an assignment instead of a write key", key, "SEGMENT_WRITE_KEY=aB3dE6gH9j", "a character that no write key has", "copy only the write key"},
		{"a write key that is cut off with an ellipsis", key, "aB3dE6gH9j...", "a character that no write key has", "copy only the write key"},
		{"a write key that is hidden by dots", key, "••••••••••••", "a character that no write key has", "copy only the write key"},
		{"a write key that is cut off", key, "aB3dE6gH9", "it has 9 characters", "copy only the write key"},
		{"a webhook secret in quotes", "commerce/webhook-secret", `"zzz"`, "it is in quotes", "enter it without them"},
		{"a webhook secret in single quotes", "commerce/webhook-secret", "new\n'zzz'", "it is in quotes", "enter it without them"},
		{"webhook secrets with a carriage return between them", "commerce/webhook-secret", "zzz\rqqq", "white space, a carriage return (U+000D)", "on a line of its own"},
		{"a webhook secret with a tab", "commerce/webhook-secret", "zzz\tqqq", "white space, a tab (U+0009)", "on a line of its own"},
		{"a webhook secret with a no-break space", "commerce/webhook-secret", "zzz\u00a0qqq", "white space, a no-break space (U+00A0)", "on a line of its own"},
		{"a webhook secret that is not ASCII", "commerce/webhook-secret", "zzzä", "cannot have", "use ASCII letters, digits and signs"},
		{"a webhook secret in typographic quotes", "commerce/webhook-secret", "“zzz”", "cannot have", "use ASCII letters, digits and signs"},
		{"a webhook secret in another charset", "commerce/webhook-secret", "zzz\xe4", "cannot have", "use ASCII letters, digits and signs"},
		{"a Commerce URL without encryption", "commerce/token-url", "http://euwest.api.elasticpath.com", "unencrypted", "use your store's API base URL"},
		{"three secrets", "commerce/webhook-secret", "zzz\nqqq\nxxx", "holds 3 secrets", "keep the newest on the first line"},
		{"enabled in another spelling", enabled, "True", "is neither true nor false", "enter one of the two"},
		{"an event that the tracking cannot observe", events, "customer.created", `cannot observe "customer.created"`, "it can observe order.paid"},
		{"two events of a tracking that happens once", events, "order.paid,order.fulfilled", "happens once", "exactly one event"},
		{"an event list of commas", events, " , ", "observes no event", "name at least one of order.paid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, err := settings.Parse(tracking.OrderCompleted, map[string]string{test.parameter: test.value})
			if err == nil {
				t.Fatalf("%q is accepted: %+v", test.value, config)
			}
			for _, part := range []string{"parameter " + test.parameter + ": ", test.problem, test.remedy} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\ndoes not say %q", err, part)
				}
			}
		})
	}
}

// An operator can then fix everything in one step.
func TestParseReportsAllErrorsAtOnce(t *testing.T) {
	wrong := map[string]string{"segment/host": "x", "segment/path": "x", "tracking/order-completed/enabled": "x"}
	_, err := settings.Parse(tracking.OrderCompleted, wrong)
	for name := range maps.Keys(wrong) {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v\ndoes not name %s", err, name)
		}
	}
}

// The host may be changed by hand, in a file, a parameter or a variable. A function must not
// send the secret to that host.
func TestASecretIsUsedOnlyForTheHostThatItWasEnteredFor(t *testing.T) {
	for _, c := range []struct{ name, url, secret, says string }{
		{"another host", "https://useast.api.elasticpath.com", "https://euwest.api.elasticpath.com qqqzzz", "it was entered for https://euwest.api.elasticpath.com, and is not sent to https://useast.api.elasticpath.com"},
		{"another port", "https://commerce.example:444", "https://commerce.example qqqzzz", "it was entered for https://commerce.example, "},
		{"the same host without encryption", "http://localhost", "https://localhost qqqzzz", "it was entered for https://localhost, "},
		{"a host whose name has the same beginning", "https://euwest.api.elasticpath.com.example", "https://euwest.api.elasticpath.com qqqzzz", "it was entered for "},
		{"a secret without a host", "https://useast.api.elasticpath.com", "qqqzzz", "it does not say for which URL"},
		{"a secret before its host", "https://useast.api.elasticpath.com", "qqqzzz https://useast.api.elasticpath.com", "it does not begin with the URL"},
		{"a secret of two words", "https://useast.api.elasticpath.com", "https://useast.api.elasticpath.com qqq zzz", "it does not say for which URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parameters := map[string]string{"commerce/client-id": "id", "commerce/token-url": c.url, "commerce/client-secret": c.secret}
			for name, read := range map[string]func() error{
				"a function": func() error { _, err := settings.Parse(tracking.CustomerCreated, parameters); return err },
				"the hub":    func() error { _, err := settings.CommerceCredentials(parameters); return err },
			} {
				err := read()
				if err == nil || !strings.Contains(err.Error(), "parameter commerce/client-secret: "+c.says) || !strings.Contains(err.Error(), "enter the secret again, with hub configure") {
					t.Errorf("%s says %v, want %q", name, err, c.says)
				}
				if err != nil && strings.Contains(err.Error(), "qqq") {
					t.Errorf("%s quotes the secret: %v", name, err)
				}
			}
		})
	}
}

// Invisible characters are hard to find. With one in the secret every webhook would look
// forged. In a template they make the name of a field that no event has.
func TestTheErrorOfAnInvisibleCharacterNamesIt(t *testing.T) {
	names := settings.Names(tracking.OrderRefunded) // reads the credentials of Commerce
	for hidden, name := range map[string]string{
		"\ufeff": "a byte order mark (U+FEFF)", "\u200b": "a zero-width space (U+200B)", "\u200d": "a zero-width joiner (U+200D)", "\u2060": "a word joiner (U+2060)",
		"\u00ad": "a soft hyphen (U+00AD)", "\u202e": "the character U+202E", "\x00": "NUL (U+0000)", "\x1b": "the character U+001B",
	} {
		for _, parameter := range names {
			for _, value := range []string{hidden + "zzz", "zz" + hidden + "z", "zzz" + hidden} {
				parameters := map[string]string{settings.CommerceTokenURL: "https://ours.example"}
				parameters[parameter] = value
				_, err := settings.Parse(tracking.OrderRefunded, parameters)
				isTemplate := strings.HasPrefix(parameter, "templates/") // the compiler reports it
				if isTemplate != (err == nil) || err != nil && (!strings.Contains(err.Error(), parameter+": it holds "+name) || strings.Contains(err.Error(), "zz")) {
					t.Errorf("%s with %s: %v", parameter, name, err)
				}
			}
		}
	}
}

// Errors are logged, so no value that may be a secret must be in them.
func TestParseNeverQuotesASecret(t *testing.T) {
	const secret = "qqqzzz"
	for name, value := range map[string]string{
		"segment/write-key":       secret + " " + secret,
		"commerce/webhook-secret": strings.Repeat(secret+"\n", 3),
		"segment/host":            "https://" + secret + ":" + secret + "@api.segment.io",
		"segment/path":            secret,
	} {
		_, err := settings.Parse(tracking.OrderCompleted, map[string]string{name: value})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
