package template

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"commerce-segment/shared/jsonata/value"
)

// store answers $commerce from a map, and records the paths.
type store struct {
	answers map[string]string
	asked   []string
}

func (s *store) fetch(_ context.Context, path string) ([]byte, error) {
	s.asked = append(s.asked, path)
	answer, found := s.answers[path]
	if !found {
		return nil, nil
	}
	return []byte(answer), nil
}

// ask evaluates a template that may call a store.
func ask(t *testing.T, s *store, source, input string) (string, error) {
	t.Helper()
	compiled, err := Compile("t", source)
	if err != nil {
		t.Fatal(err)
	}
	got, err := compiled.WithCommerce(s.fetch).Eval(t.Context(), []byte(input), nil)
	if got == nil {
		return "undefined", err
	}
	return string(got), err
}

func TestCommerceReturnsTheAnswerAtAPath(t *testing.T) {
	const transactions = `{"data": [{"refunded_amount": 500}, {"refunded_amount": 90071992547409931}]}`
	s := &store{answers: map[string]string{
		"/v2/orders/o-1/transactions":                       transactions,
		"/pcm/products/p_1":                                 `{"data": {"b": 1, "a": null}}`,
		"/catalog/products?filter=eq(sku,%22a%20b%22)&x=[]": `[1]`,
		"/v2/files/empty":                                   ``,
	}}
	for _, c := range []struct{ name, source, want string }{
		{"the answer is a value", `$commerce("/v2/orders/" & id & "/transactions").data[0].refunded_amount`, `500`},
		{"a whole number keeps its digits", `$commerce("/v2/orders/o-1/transactions").data[1].refunded_amount`, `90071992547409931`},
		{"fields are as they were written", `$commerce("/pcm/products/p_1").data`, `{"b":1,"a":null}`},
		{"a query goes along", `$commerce("/catalog/products?filter=eq(sku,%22" & $encodeUrlComponent("a b") & "%22)&x=[]")`, `[1]`},
		{"what is not there is undefined", `$commerce("/v2/orders/none") ?? "nothing"`, `"nothing"`},
		{"an empty answer is undefined", `$commerce("/v2/files/empty")`, `undefined`},
		{"a path that is undefined is undefined", `$commerce(nothing)`, `undefined`},
		{"it is a function like any other", `["o-1"].("/v2/orders/" & $ & "/transactions") ~> $map($commerce) ~> $count`, `1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ask(t, s, c.source, `{"id": "o-1"}`); got != c.want || err != nil {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

// A store without credentials is a normal state, in which the default templates work.
func TestCommerceReturnsNothingWithoutAFetch(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{`[$commerce("/v2/orders/o").data]`, `[]`},
		{`$sum($commerce("/v2/orders/o").data.amount) ?: "none"`, `"none"`},
	} {
		if got, err := eval(t, c.source, `{}`); got != c.want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", c.source, got, err, c.want)
		}
	}
	if _, err := eval(t, `$commerce("/oauth/access_token")`, `{}`); err == nil {
		t.Error("a path that is an error with a Fetch is accepted without one: a preview would not show the error")
	}
}

// A template must not reach another host or another part of the API, because the request has
// the token of the shop.
func TestCommerceRejectsPathsThatLeadElsewhere(t *testing.T) {
	for _, c := range []struct{ path, want string }{
		{"", "reads /v2/orders, /v2/carts"},
		{"/", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"v2/orders", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"/v2", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"/V2/orders", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"/oauth/access_token", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"/v2.evil.example/x", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"https://evil.example/v2/orders", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"//evil.example/v2/orders", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"@evil.example/v2/orders", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"?/v2/orders", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{" /v2/orders/o-1", "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{"/v2/", "and nothing else"},
		{"/v2/orders/", "nothing but dots"},
		{"/v2/customers/?page[limit]=1", "nothing but dots"},
		{"/v2/orders//transactions", "nothing but dots"},
		{"/v2//evil.example", "and nothing else"},
		{"/v2/../oauth/access_token", "and nothing else"},
		{"/v2/./orders", "and nothing else"},
		{"/v2/..", "and nothing else"},
		{"/v2/%2e%2e/oauth", "and nothing else"},
		{"/v2/orders%2f1", "and nothing else"},
		{"/v2/orders;x", "and nothing else"},
		{`/v2\..\oauth`, "/v2/flows, /v2/extensions, /pcm, /catalog, and nothing else"},
		{`/v2/files/x\..\..\oauth`, "letters, digits"},
		{"/v2/orders#x", "and nothing else"},
		{"/v2/orders x", "and nothing else"},
		{"/v2/orders/\r\nHost: evil", "letters, digits"},
		{"/v2/customers/user@evil.example", "letters, digits"},
		{"/v2/orders/ü", "letters, digits"},
		{"/v2/orders/．．/oauth", "letters, digits"},
		{"/v2/orders?filter=eq(name,a b)", "$encodeUrlComponent"},
		{"/v2/orders?a#b", "$encodeUrlComponent"},
		{"/v2/orders?name=Zoë", "$encodeUrlComponent"},
		{"/v2/orders?a\nb", "$encodeUrlComponent"},
		{"/v2/orders/" + strings.Repeat("a", 2050), "more than 2048 bytes"},
	} {
		t.Run(c.path, func(t *testing.T) {
			s := &store{}
			got, err := ask(t, s, "\n$commerce(path)", fmt.Sprintf(`{"path": %q}`, c.path))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "template t, line 2: ") {
				t.Errorf("got %s, %v, want an error with its line and %q", got, err, c.want)
			}
			if len(c.path) > 10 && err != nil && strings.Contains(err.Error(), c.path) {
				t.Errorf("the error quotes the path, which may have data of an event: %v", err)
			}
			if len(s.asked) > 0 {
				t.Errorf("it requested %q", s.asked)
			}
		})
	}
}

// The token in the request gives access to resources that a template must not read: the
// webhook's secret, and the keys of payment gateways and of the API itself.
func TestCommerceReadsOnlyResourcesWithoutSecrets(t *testing.T) {
	const refused, unincluded = "and nothing else: begin its path", "and nothing else: write some of them"
	for _, c := range []struct{ path, want string }{
		{"/v2/orders", ""},
		{"/v2/orders/o-1/items?page[limit]=100&sort=-created_at", ""},
		{"/v2/orders/o-1?include=items,promotions,custom_discounts", ""},
		{"/v2/customers/c-1/addresses", ""},
		{"/v2/accounts/a-1/addresses", ""},
		{"/v2/account-members/m-1", ""},
		{"/v2/carts/c-1?include=items", ""},
		{"/v2/currencies", ""},
		{"/v2/flows/wishlists/entries/1", ""},
		{"/v2/extensions/wishlists/1", ""},
		{"/pcm/products/p-1?include=main_image,files", ""},
		{"/pcm/products/p-1/nodes", ""},
		{"/catalog/products?filter=eq(sku,%22A%20B%22)&include=main_images", ""},
		{"/v2/integrations", refused},
		{"/v2/integrations/", refused},
		{"/v2/integrations/i-1", refused},
		{"/v2/integrations/i-1/logs", refused},
		{"/v2/integrations?filter=eq(name,x)", refused},
		{"/v2/Integrations", refused},
		{"/v2/ordersintegrations", refused},
		{"/v2/orders.integrations", refused},
		{"/v2/gateways/stripe", refused},
		{"/v2/application-keys", refused},
		{"/v2/authentication-realms/r/oidc-profiles", refused},
		{"/v2/settings", refused},
		{"/v2/settings/customer-authentication", refused},
		{"/v2/user-authentication-info", refused},
		{"/v2/payments", refused},
		{"/integrations", refused},
		{"/pcmx/products", refused},
		{"/v2/orders/../integrations", "nothing but dots"},
		{"/v2/orders/o-1/../../integrations", "nothing but dots"},
		{"/v2/orders/.../integrations", "nothing but dots"},
		{"/v2/orders/./../integrations", "nothing but dots"},
		{"/v2/orders//integrations", "nothing but dots"},
		{"/pcm/../v2/integrations", "nothing but dots"},
		{"/v2/orders/%2e%2e/integrations", "letters, digits"},
		{"/v2/orders/..%2fintegrations", "letters, digits"},
		{"/v2/orders/%252e%252e/integrations", "letters, digits"},
		{`/v2/orders/..\integrations`, "letters, digits"},
		{"/v2/orders/..;/integrations", "letters, digits"},
		{"/v2/orders/\x00/../integrations", "letters, digits"},
		{"/v2/orders?include=integrations", unincluded},
		{"/v2/orders?include=items,integrations", unincluded},
		{"/v2/orders?include=items&include=integrations", unincluded},
		{"/v2/orders?include=items.integrations", unincluded},
		{"/v2/orders?include=", unincluded},
		{"/v2/orders?include", unincluded},
		{"/v2/orders?Include=integrations", unincluded},
		{"/v2/orders?include[]=integrations", unincluded},
		{"/v2/orders?include%5B%5D=integrations", unincluded},
		{"/v2/orders?%69nclude=integrations", unincluded},
		{"/v2/orders?include=%69ntegrations", unincluded},
		{"/v2/orders?include=items%2Cintegrations", unincluded},
		{"/v2/orders?+include=integrations", unincluded},
		{"/v2/orders?a=b;include=integrations", "a semicolon"},
		{"/v2/orders?include=%zz", "hexadecimal digits"},
	} {
		t.Run(c.path, func(t *testing.T) {
			s := &store{}
			_, err := ask(t, s, "$commerce(path)", fmt.Sprintf(`{"path": %s}`, quoteJSON(c.path)))
			switch {
			case c.want == "" && (err != nil || len(s.asked) != 1):
				t.Errorf("the error is %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || len(s.asked) > 0):
				t.Errorf("got %v, want %q, and requested %q", err, c.want, s.asked)
			}
		})
	}
}

func TestTheDocumentNamesAllResourcesThatCommerceReads(t *testing.T) {
	document, err := os.ReadFile("../../templates/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(readable, includable) {
		if !strings.Contains(string(document), "`"+name+"`") {
			t.Errorf("templates/README.md lacks %s", name)
		}
	}
}

func quoteJSON(text string) []byte {
	quoted, _ := json.Marshal(text) // never fails for a string
	return quoted
}

func TestCommerceCanBeCalledTenTimes(t *testing.T) {
	for _, c := range []struct {
		calls int
		fails bool
	}{{10, false}, {11, true}} {
		s := &store{}
		_, err := ask(t, s, fmt.Sprintf(`[1..%d].$commerce("/v2/orders/" & $)`, c.calls), ``)
		if (err != nil) != c.fails || len(s.asked) != 10 {
			t.Errorf("%d calls: got %d and %v", c.calls, len(s.asked), err)
		}
		if err != nil && !strings.Contains(err.Error(), "more than 10 times") {
			t.Errorf("it does not say so: %v", err)
		}
	}
	compiled, err := Compile("t", `[1..10].$commerce("/v2/orders/" & $)`)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := compiled.WithCommerce((&store{}).fetch).Apply(t.Context(), inputOf(t, []byte(`{}`))); err != nil {
			t.Errorf("the calls of one event are counted for the next: %v", err)
		}
	}
}

// The outcome of the event depends on the error: package relay must be able to distinguish
// an error of the API from one of the template.
func TestCommerceFailsWithTheErrorOfTheAPI(t *testing.T) {
	compiled, err := Compile("t", "\n[1].$map([$], function($x) { $commerce(\"/v2/orders\") })")
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("it is down")
	_, err = compiled.WithCommerce(func(context.Context, string) ([]byte, error) { return nil, down }).Apply(t.Context(), inputOf(t, []byte(`{}`)))
	if !errors.Is(err, down) || err.Error() != "template t, line 2: it is down" {
		t.Errorf("got %v", err)
	}
}

func TestAnswersOfCommerceCountForTheLimitsOfAnEvaluation(t *testing.T) {
	filled := func(open, part, end string, size int) string {
		return open + strings.Repeat(part+",", (size-len(open)-len(part)-len(end))/(len(part)+1)) + part + end
	}
	for _, c := range []struct{ name, answer, want string }{
		{"an answer of 1 MB is taken", `"` + strings.Repeat("a", MaxAnswer-2) + `"`, ""},
		{"one byte more is not", `"` + strings.Repeat("a", MaxAnswer-1) + `"`, "more than 1 MB"},
		{"small things in it take more than they seem to", filled(`[`, `{}`, `]`, MaxAnswer), "too much data"},
		{"a page of a list is taken", filled(`[`, `{"id":"5601a4b1-9d13-42d3-8fb7-03b35169d1b6","meta":{"a":[1,2]}}`, `]`, MaxAnswer), ""},
		{"lists in lists end", strings.Repeat("[", 600) + strings.Repeat("]", 600), "not JSON that a template can be given"},
		{"what is not JSON", `<html>PLANTED</html>`, "not JSON that a template can be given"},
		{"a number beyond a double", `1e999`, "not JSON that a template can be given"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &store{answers: map[string]string{"/v2/files/x": c.answer}}
			_, err := ask(t, s, `$type($commerce("/v2/files/x"))`, `{}`)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if errors.Is(err, value.ErrInput) || err != nil && strings.Contains(err.Error(), "PLANTED") {
				t.Errorf("the error is ErrInput, or quotes the answer: %v", err)
			}
		})
	}
	s := &store{answers: map[string]string{"/v2/files/x": filled(`[`, `{"a":[1,2]}`, `]`, MaxAnswer)}}
	if _, err := ask(t, s, `[1..10].$count($commerce("/v2/files/x"))`, `{}`); err == nil || len(s.asked) == 10 {
		t.Errorf("ten answers cost no more than one: %v", err)
	}
}

func TestCommerceEndsWithTheContextOfTheEvaluation(t *testing.T) {
	compiled, err := Compile("t", `$commerce("/v2/orders")`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = compiled.WithCommerce(func(ctx context.Context, _ string) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}).Apply(ctx, map[string]any{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestUsesCommerceFindsEveryCall(t *testing.T) {
	for source, want := range map[string]bool{
		`$commerce("/v2/orders")`:       true,
		`$f := $commerce`:               true,
		`[$commerce]`:                   true,
		"$commerce\n(path)":             true,
		`"/v2/files/x"~>$commerce`:      true,
		`$commerceX(1) + $commerce("")`: true,
		`/* $commerce */ 1`:             true, // a mention in a comment
		`$commerceful(1)`:               false,
		`commerce.$money(x)`:            false,
		``:                              false,
	} {
		if got := UsesCommerce(source); got != want {
			t.Errorf("%q: got %v, want %v", source, got, want)
		}
	}
	for _, other := range []string{"$ commerce(\"/v2/files/x\")", "$`commerce`(\"/v2/files/x\")", "$\\u0063ommerce(\"/v2/files/x\")", "$/**/commerce(\"/v2/files/x\")"} {
		compiled, err := Compile("t", other)
		if err != nil {
			continue
		}
		s := &store{}
		if compiled.WithCommerce(s.fetch).Apply(t.Context(), inputOf(t, []byte(`{}`))); len(s.asked) > 0 {
			t.Errorf("%s is a call that UsesCommerce overlooks", other)
		}
	}
}

// An optional call costs an event its field, and never the event.
func TestAnOptionalCallNeverFailsForWhatCommerceDoes(t *testing.T) {
	hang := func(ctx context.Context, _ string) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	answers := func(body string) Fetch {
		return func(context.Context, string) ([]byte, error) { return []byte(body), nil }
	}
	down := errors.New("it is down")
	for _, c := range []struct {
		name, source, want string
		fetch              Fetch
		reasons            []error
	}{
		{"Commerce answers", `$commerce("/v2/files/x", 800).data`, `1`, answers(`{"data": 1}`), nil},
		{"Commerce has nothing there", `$commerce("/v2/files/x", 800) ?? "none"`, `"none"`, answers(``), nil},
		{"Commerce does not answer in time", `$commerce("/v2/files/x", 1) ?? "none"`, `"none"`, hang, []error{context.DeadlineExceeded}},
		{"Commerce fails", `$commerce("/v2/files/x", 800) ?? "none"`, `"none"`, func(context.Context, string) ([]byte, error) { return nil, down }, []error{down}},
		{"there are no credentials", `$commerce("/v2/files/x", 800) ?? "none"`, `"none"`, nil, []error{ErrNoCommerce}},
		{"the answer is too large", `$commerce("/v2/files/x", 800) ?? "none"`, `"none"`, answers(strings.Repeat("1", MaxAnswer+1)), []error{errLong}},
		{"the answer is not JSON", `$commerce("/v2/files/x", 800) ?? "none"`, `"none"`, answers(`<html>`), []error{errUnreadable}},
		{"the eleventh call", `[1..11].$commerce("/v2/files/x", 800) ~> $count`, `10`, answers(`1`), []error{ErrLookups}},
		{"ten other calls are left", `([1..11].$commerce("/v2/files/x", 800); [1..10].$commerce("/v2/files/x") ~> $count)`, `10`, answers(`1`), []error{ErrLookups}},
	} {
		t.Run(c.name, func(t *testing.T) {
			compiled, err := Compile("t", c.source)
			if err != nil {
				t.Fatal(err)
			}
			var reasons []error
			got, err := compiled.WithCommerce(c.fetch).WithOptional(c.fetch, func(err error) { reasons = append(reasons, err) }).Eval(t.Context(), nil, nil)
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
			if len(reasons) != len(c.reasons) || len(reasons) > 0 && !errors.Is(reasons[0], c.reasons[0]) {
				t.Errorf("it was left out because of %v, want %v", reasons, c.reasons)
			}
		})
	}
}

func TestAWrongOptionalCallIsAnError(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{`$commerce("/v2/files/x", 0)`, "is 0: write a number from 1 to 2000"},
		{`$commerce("/v2/files/x", 2001)`, "is 2001: write a number from 1 to 2000"},
		{`$commerce("/v2/files/x", -800)`, "write a number from 1 to 2000"},
		{`$commerce("/v2/files/x", "800")`, "argument 2"},
		{`$commerce("/v2/files/x", none)`, "argument 2 of $commerce, how many milliseconds the event may wait for an answer, is undefined: write a number from 1 to 2000"},
		{`($wait := none; $commerce("/v2/files/x", $wait))`, "argument 2"},
		{`$commerce("/v2/files/x", 800, 800)`, "$commerce has 3 arguments"},
		{`$commerce(800)`, "argument 1 of $commerce must be a path"},
		{`$commerce("/v2/integrations", 800)`, "and nothing else"},
		{`$commerce("/v2/customers/" & none, 800)`, "only where the id is there"},
	} {
		if _, err := ask(t, &store{}, c.source, `{}`); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.source, err, c.want)
		}
	}
}

// If the event has no time left, leaving out a field does not help: it is retried.
func TestAnOptionalCallEndsWithTheEvaluation(t *testing.T) {
	compiled, err := Compile("t", `$commerce("/v2/files/x", 800)`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = compiled.WithCommerce(func(ctx context.Context, _ string) ([]byte, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}).Apply(ctx, map[string]any{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNeedsCommerceIsFalseOnlyIfEachCallIsOptional(t *testing.T) {
	for source, want := range map[string]bool{
		`1`:                                false,
		`$commerce("/v2/files/x", 800)`:    false,
		`/* $commerce("/v2/files/x") */ 1`: false,
		`x.{"a": [1].$commerce("/v2/files/x", $t)[0]}`:                      false,
		`$map(x, function($p) { $commerce("/pcm/" & $p, 800) })`:            false,
		`$commerce("/v2/files/x")`:                                          true,
		`$commerce("/v2/files/x", 800); $commerce("/v2/files/y")`:           true, // does not compile
		`($commerce("/v2/files/x", 800); $commerce("/v2/files/y"))`:         true,
		`x[$commerce("/v2/files/x").data = a]`:                              true,
		`x^($commerce("/v2/files/x").data)`:                                 true,
		`$map(x, $commerce)`:                                                true,
		`$f := $commerce`:                                                   true,
		`"/v2/files/x" ~> $commerce(800)`:                                   true,
		`$commerce(?, 800)`:                                                 true,
		`$commerce("/v2/files/" & $commerce("/v2/files/x").data, 800)`:      true,
		`x{a: $commerce("/v2/files/x")}`:                                    true,
		`x ~> |a|{"b": $commerce("/v2/files/x")}|`:                          true,
		`$commerce("/v2/files/x", 800) ? 1 : x#$i.$commerce("/v2/files/y")`: true,
	} {
		if got := NeedsCommerce(source); got != want {
			t.Errorf("%s: got %v, want %v", source, got, want)
		}
	}
}
