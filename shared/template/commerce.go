package template

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"commerce-segment/shared/jsonata/value"
)

// Fetch returns the JSON that the Commerce API has at a path, such as
// "/v2/orders/8c6f…/transactions", or nil if it has nothing there. An error ends the
// evaluation, whose *Error wraps it and has its text. So it must not have personal data.
type Fetch func(ctx context.Context, path string) ([]byte, error)

// WithCommerce returns the template with the Fetch for its calls of $commerce. With nil, or
// without WithCommerce, these calls return undefined.
func (t *Template) WithCommerce(fetch Fetch) *Template {
	asking := *t
	asking.fetch = fetch
	return &asking
}

// UsesCommerce reports whether the source of a template may call $commerce. It finds every
// call, and also reports true if only a comment mentions $commerce.
func UsesCommerce(source string) bool {
	for _, behind := range strings.Split(source, "$commerce")[1:] {
		if behind == "" || !strings.Contains(inName, behind[:1]) {
			return true
		}
	}
	return false
}

// inName has the characters that can continue a name.
const inName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// Limits of $commerce in one evaluation. The Fetch limits the time.
const (
	// maxLookups is the number of calls.
	maxLookups = 10
	// MaxAnswer is the size of an answer, in bytes.
	MaxAnswer = 1 << 20
	// maxPath is the length of a path with its query, in bytes.
	maxPath = 2048
)

// commerceFunction is $commerce(path).
func commerceFunction(st *value.State, path string, _ []any) (any, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	e := st.Host.(*event)
	if e.lookups++; e.lookups > maxLookups {
		return nil, fmt.Errorf("it calls $commerce more than %d times for one event: ask for several things at once, with a filter in the query", maxLookups)
	}
	if e.template.fetch == nil {
		return nil, nil
	}
	answer, err := e.template.fetch(st.Context, path)
	if err != nil {
		return nil, err
	}
	return readAnswer(st, answer)
}

// readable lists the resources that $commerce can read, with everything below them: orders,
// people, the merchant's data about them, and the catalog as merchants and as shoppers see
// it. None of them can have a secret. Other resources of the API can: integrations and
// gateways have keys, application keys and authentication realms have secrets.
var readable = []string{
	"/v2/orders", "/v2/carts", "/v2/customers", "/v2/accounts", "/v2/account-members",
	"/v2/currencies", "/v2/promotions", "/v2/rule-promotions", "/v2/products", "/v2/inventories", "/v2/files",
	"/v2/flows", "/v2/extensions", "/pcm", "/catalog",
}

// includable lists the related resources that a query may include.
var includable = []string{
	"items", "tax_items", "custom_discounts", "promotions", "customers", "addresses",
	"account", "accounts", "account_member", "account_members",
	"products", "component_products", "main_image", "main_images", "files",
}

// checkPath returns an error for a path that could lead somewhere else than it seems to. A
// path has no escapes, so it means the same to every server. The error does not quote the
// path, which may have data of an event.
func checkPath(target string) error {
	path, query, _ := strings.Cut(target, "?")
	switch {
	case len(target) > maxPath:
		return fmt.Errorf("the path for $commerce has more than %d bytes", maxPath)
	case !slices.ContainsFunc(readable, func(resource string) bool { return path == resource || strings.HasPrefix(path, resource+"/") }):
		return fmt.Errorf("$commerce reads %s, and nothing else: begin its path with one of them, as in $commerce(\"/v2/orders/\" & payload.data.id)",
			strings.Join(readable, ", "))
	case strings.ContainsFunc(path, func(r rune) bool { return !strings.ContainsRune(inPath, r) }):
		return errors.New("the path for $commerce may have letters, digits and - . _ ~ between its slashes: put anything else into the query, through $encodeUrlComponent")
	case slices.ContainsFunc(strings.Split(path[1:], "/"), func(part string) bool { return strings.Trim(part, ".") == "" }):
		return errors.New("the path for $commerce has nothing, or nothing but dots, between two slashes or at its end: call it only where the id is there, as in $id ? $commerce(\"/v2/customers/\" & $id)")
	case strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }):
		return errors.New("the query for $commerce holds a character that cannot stand in a URL: give $encodeUrlComponent the text that has it")
	}
	return checkQuery(query)
}

// checkQuery returns an error for a query that includes other resources than includable.
func checkQuery(query string) error {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the query for $commerce has a % without two hexadecimal digits, or a semicolon: give $encodeUrlComponent the text that has it")
	}
	for name, values := range parameters {
		if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), "include") {
			continue
		}
		for included := range strings.SplitSeq(strings.Join(values, ","), ",") {
			if name != "include" || !slices.Contains(includable, included) {
				return fmt.Errorf("$commerce includes %s, and nothing else: write some of them, as in ?include=items", strings.Join(includable, ", "))
			}
		}
	}
	return nil
}

// inPath has the characters of a path: slashes, and those that RFC 3986 never escapes.
const inPath = inName + "-.~/"

// readAnswer decodes an answer. Before that it charges the evaluation for its size.
func readAnswer(st *value.State, answer []byte) (any, error) {
	if len(answer) > MaxAnswer {
		return nil, fmt.Errorf("what $commerce got has more than %d MB: ask for less, with page[limit] or a filter in the query", MaxAnswer>>20)
	}
	if err := st.Spend(len(answer) / 4); err != nil {
		return nil, err
	}
	objects, items := bytes.Count(answer, []byte("{")), bytes.Count(answer, []byte("["))+bytes.Count(answer, []byte(","))
	if err := st.Allocate(2 * len(answer)); err != nil {
		return nil, err
	}
	const object = value.BytesPerObject/value.BytesPerItem + 4 // with room for its first fields
	if err := st.AllocateItems(2*items + object*objects); err != nil {
		return nil, err
	}
	v, err := value.FromJSON(answer)
	if err != nil { // not ErrInput, because the event is not the cause
		return nil, errors.New("what $commerce got is not JSON that a template can be given: it is nested too deep, or a number or a field's name in it is too long")
	}
	return v, nil
}
