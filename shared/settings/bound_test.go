package settings_test

import (
	"testing"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// After any change of the Commerce URL, a function has no credentials with a secret that was
// entered for another URL.
func TestAStoredClientSecretIsNotUsedForAnotherURL(t *testing.T) {
	const entered = "https://euwest.api.elasticpath.com"
	for _, c := range []struct{ name, url, secret string }{
		{"the URL is removed", "", settings.BindSecret(entered, "kept")},
		{"the URL is blank", " \n", settings.BindSecret(entered, "kept")},
		{"another host", "https://useast.api.elasticpath.com", settings.BindSecret(entered, "kept")},
		{"another port", entered + ":8443", settings.BindSecret(entered, "kept")},
		{"a host with the same beginning", entered + ".example.com", settings.BindSecret(entered, "kept")},
		{"a host with the same end", "https://x" + entered[len("https://"):], settings.BindSecret(entered, "kept")},
		{"this machine, without encryption", "http://127.0.0.1:8080", settings.BindSecret(entered, "kept")},
		{"http in place of https", "http://euwest.api.elasticpath.com", settings.BindSecret(entered, "kept")},
		{"a user before the host", "https://euwest.api.elasticpath.com@example.com", settings.BindSecret(entered, "kept")},
		{"a page of another Commerce Manager", "https://useast.cm.elasticpath.com/orders", settings.BindSecret(entered, "kept")},
		{"a secret of an older version", entered, "kept"},
		{"a secret that is bound to two URLs", entered, "https://example.com " + settings.BindSecret(entered, "kept")},
		{"a secret that is bound to a text that is not a URL", entered, "x kept"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parameters := map[string]string{settings.CommerceClientID: "id", settings.CommerceTokenURL: c.url, settings.CommerceClientSecret: c.secret}
			config, _ := settings.Parse(tracking.OrderRefunded, parameters)
			if config.Commerce.ClientSecret != "" {
				t.Errorf("a function sends the secret to %s", config.Commerce.URL)
			}
			if credentials, _ := settings.CommerceCredentials(parameters); credentials.ClientSecret != "" && credentials.URL != entered {
				t.Errorf("the hub sends the secret to %s", credentials.URL)
			}
		})
	}
	parameters := map[string]string{settings.CommerceClientID: "id", settings.CommerceTokenURL: "euwest.cm.elasticpath.com", settings.CommerceClientSecret: settings.BindSecret(entered, "kept")}
	if credentials, err := settings.CommerceCredentials(parameters); err != nil || credentials.ClientSecret != "kept" || credentials.URL != entered {
		t.Errorf("the same host in another form: %+v, %v", credentials, err)
	}
}
