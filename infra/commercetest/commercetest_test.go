package commercetest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestUnknownFiltersAreRejected(t *testing.T) {
	for _, c := range []struct {
		filter string
		parts  int
		ok     bool
	}{
		{"", 0, true},
		{`ge(created_at,"2018-04-16T10:11:59.715Z")`, 1, true},
		{`ge(created_at,"2018-04-16T10:11:59.715Z"):lt(created_at,2018-05-01)`, 2, true},
		{`ge(created_at,"2018-04-16T10:11:59.715Z"):`, 0, false},
		{`ge(created_at,"yesterday")`, 0, false},
		{`eq(order_number,KP-10482)`, 1, true},
		{`like(order_number,1*)`, 0, false},
		{`ne(created_at,2018-05-01)`, 0, false},
		{`eq(password,2018-05-01)`, 0, false},
		{`created_at=2018-05-01`, 0, false},
	} {
		if parts, ok := conditions(c.filter); ok != c.ok || ok && len(parts) != c.parts {
			t.Errorf("%s: %v, %v", c.filter, parts, ok)
		}
	}
}

func TestTheServerAnswersOverHTTP(t *testing.T) {
	s := Start(t)
	login := url.Values{"grant_type": {"client_credentials"}, "client_id": {ClientID}, "client_secret": {ClientSecret}}
	if response := post(t, s, login); response.StatusCode != http.StatusOK {
		t.Errorf("a token: %d", response.StatusCode)
	}
	login.Set("client_secret", "another")
	if response := post(t, s, login); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("with the wrong secret: %d", response.StatusCode)
	}
	s.Fail(Fault{Path: tokenPath, Status: http.StatusServiceUnavailable, Header: map[string]string{"Retry-After": "3"}})
	if response := post(t, s, login); response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "3" {
		t.Errorf("a fault: %d, %v", response.StatusCode, response.Header)
	}
	response, err := http.Get(s.URL + "/v2/orders")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", response.StatusCode)
	}
	var statuses []int
	for _, r := range s.Requests() {
		statuses = append(statuses, r.Status)
	}
	if len(statuses) != 4 || statuses[3] != http.StatusUnauthorized || len(s.Requests("/v2/orders")) != 1 {
		t.Errorf("it recorded %v", statuses)
	}
}

func TestTheServerHasARateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		s.Limit = 2
		get := func() int {
			r := httptest.NewRequest(http.MethodGet, "http://commerce.example/v2/orders", nil)
			response, err := s.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			return response.StatusCode
		}
		statuses := []int{get(), get(), get()}
		time.Sleep(time.Second)
		statuses = append(statuses, get())
		if want := []int{401, 401, 429, 401}; !slices.Equal(statuses, want) {
			t.Errorf("it answers %v, want %v", statuses, want)
		}
		if s.PeakRate() != 3 {
			t.Errorf("the rate is %d", s.PeakRate())
		}
	})
}

func post(t *testing.T, s *Server, form url.Values) *http.Response {
	t.Helper()
	response, err := http.Post(s.URL+tokenPath, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}
