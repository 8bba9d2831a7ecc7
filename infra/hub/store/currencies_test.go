package store

import (
	"fmt"
	"strings"
	"testing"

	"commerce-segment/infra/commercetest"
	"commerce-segment/shared/settings"
)

func TestCurrenciesAreCopiedFromCommerce(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  string // the setting
		change  func(*commercetest.Server)
		after   string
		says    string
		wrong   string // a part of the error; empty for none
		unasked bool
	}{
		{"all of them, over all pages", "", func(s *commercetest.Server) {
			s.AddCurrency("HUF", 0)
			for i := range 120 {
				s.AddCurrency(fmt.Sprintf("X%02d", i), 3)
			}
		}, "HUF=0,USD=2,X00=3", "from Commerce: HUF=0,USD=2,X00=3", "", false},
		{"an equal setting is not written again", "USD=2\n", nil, "USD=2", "", "", false},
		{"a different setting is replaced, and currencies that Commerce no longer has are removed", "EUR=2,USD=0", nil, "USD=2", "from Commerce: USD=2.", "", false},
		{"the setting stays if the key cannot read currencies", "USD=0", func(s *commercetest.Server) {
			s.Fail(commercetest.Fault{Path: "/v2/currencies", Status: 403})
		}, "USD=0", "", "stay as they are", false},
		{"a currency without decimals is an error", "USD=0", func(s *commercetest.Server) {
			s.Fail(commercetest.Fault{Path: "/v2/currencies", Status: 200, Body: `{"data": [{"code": "EUR"}]}`})
		}, "USD=0", "", "EUR has no decimal_places", false},
		{"too many decimals are an error", "USD=0", func(s *commercetest.Server) { s.AddCurrency("XTH", 19) }, "USD=0", "", "XTH has 19 decimals, and only 0 to 18 are supported", false},
		{"an empty list is an error", "USD=0", func(s *commercetest.Server) {
			s.Fail(commercetest.Fault{Path: "/v2/currencies", Status: 200, Body: `{"data": []}`})
		}, "USD=0", "", "the list is empty", false},
		{"a store that is not connected is not called", "USD=0", nil, "USD=0", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := commercetest.Start(t)
			if c.change != nil {
				c.change(store)
			}
			s := InDirectory(Directory{Dir: settings.Dir(t.TempDir())})
			values := map[string]string{settings.CommerceCurrencies: c.before}
			if !c.unasked {
				values[settings.CommerceClientID] = commercetest.ClientID
				values[settings.CommerceClientSecret] = settings.BindSecret(store.URL, commercetest.ClientSecret)
				values[settings.CommerceTokenURL] = store.URL
			}
			for name, value := range values {
				if err := s.Put(t.Context(), name, value); err != nil {
					t.Fatal(err)
				}
			}
			said, err := s.CopyCurrencies(t.Context())
			if !strings.Contains(said, c.says) || c.says == "" && said != "" {
				t.Errorf("got message %q, want %q", said, c.says)
			}
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("got error %v, want %q", err, c.wrong)
			}
			if after, err := s.Currencies(t.Context()); err != nil || !strings.HasPrefix(after.String(), c.after) {
				t.Errorf("the setting is %v, %v, want %s", after, err, c.after)
			}
			if c.unasked && len(store.Requests()) > 0 {
				t.Errorf("Commerce was called: %v", store.Requests())
			}
		})
	}
}
