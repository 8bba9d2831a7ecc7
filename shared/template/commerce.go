package template

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"commerce-segment/shared/jsonata"
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
	asking.fetch, asking.optional = fetch, optional{fetch: fetch}
	return &asking
}

// WithOptional returns the template with another Fetch for its optional calls of $commerce than
// that of WithCommerce. The context of such a call ends with the time in its second argument.
// leftOut, if it is not nil, is called with the reason of each optional call without an answer.
func (t *Template) WithOptional(fetch Fetch, leftOut func(error)) *Template {
	asking := *t
	asking.optional = optional{fetch, leftOut}
	return &asking
}

// optional is what answers the calls of $commerce with a time: those whose answer may be
// missing.
type optional struct {
	fetch   Fetch
	leftOut func(error)
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

// NeedsCommerce reports whether the source of a template may call $commerce without a time, so
// that its messages would be wrong without the answers of Commerce.
func NeedsCommerce(source string) bool {
	if !UsesCommerce(source) {
		return false
	}
	fewest, err := jsonata.FewestArguments(source, "commerce")
	return err != nil || fewest == 0 || fewest == 1
}

// inName has the characters that can continue a name.
const inName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// Limits of $commerce in one evaluation. The Fetch limits the time.
const (
	// maxLookups is the number of calls, and also the number of optional calls.
	maxLookups = 10
	// MaxAnswer is the size of an answer, in bytes.
	MaxAnswer = 1 << 20
	// maxPath is the length of a path with its query, in bytes.
	maxPath = 2048
	// MaxOptional is the longest time for which an optional call waits.
	MaxOptional = 2 * time.Second
)

// Errors of optional calls of $commerce.
var (
	// ErrNoCommerce means that there is no Fetch: the store has no credentials of the API.
	ErrNoCommerce = errors.New("no credentials of the Commerce API are set")
	// ErrLookups means that the event has no call of $commerce left.
	ErrLookups = fmt.Errorf("it calls $commerce more than %d times for one event: ask for several things at once, with a filter in the query", maxLookups)
)

// commerceFunction is $commerce(path) and $commerce(path, milliseconds). A second argument that
// is written and has no value is an error: without it the call would no longer be optional.
func commerceFunction(st *value.State, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	path, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("argument 1 of $commerce must be a path, as in $commerce(\"/v2/orders/\" & payload.data.id), and cannot be %s", value.Describe(args[0]))
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	e := st.Host.(*event)
	switch len(args) {
	case 1:
	case 2:
		return e.lookUpOptional(st, path, args[1])
	default:
		return nil, fmt.Errorf("$commerce has %d arguments: it takes a path and, for an optional call, milliseconds", len(args))
	}
	if e.lookups++; e.lookups > maxLookups {
		return nil, ErrLookups
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

// lookUpOptional answers an optional call. The result is undefined if there is no answer in time, or
// if a template cannot be given the answer. Only a wrong call is an error, and an answer that
// exceeds the limits of the evaluation.
func (e *event) lookUpOptional(st *value.State, path string, milliseconds any) (any, error) {
	within, ok := value.Number(milliseconds)
	if !ok || within < 1 || within > float64(MaxOptional.Milliseconds()) {
		given := value.Describe(milliseconds)
		if ok {
			given = strconv.FormatFloat(within, 'g', -1, 64)
		}
		return nil, fmt.Errorf("argument 2 of $commerce, how many milliseconds the event may wait for an answer, is %s: write a number from 1 to %d, or leave it out if the event must not be sent without the answer", given, MaxOptional.Milliseconds())
	}
	answer, err := e.fetchOptional(st.Context, path, time.Duration(within*float64(time.Millisecond)))
	if err == nil {
		var v any
		if v, err = readAnswer(st, answer); err != errLong && err != errUnreadable {
			return v, err
		}
	}
	if ended := st.Context.Err(); ended != nil {
		return nil, ended
	}
	if e.template.optional.leftOut != nil {
		e.template.optional.leftOut(err)
	}
	return nil, nil
}

// fetchOptional returns what Commerce answers to an optional call within a time.
func (e *event) fetchOptional(ctx context.Context, path string, within time.Duration) ([]byte, error) {
	if e.optional++; e.optional > maxLookups {
		return nil, ErrLookups
	}
	if e.template.optional.fetch == nil {
		return nil, ErrNoCommerce
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return e.template.optional.fetch(ctx, path)
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

// Errors of an answer that a template cannot be given.
var (
	errLong       = fmt.Errorf("what $commerce got has more than %d MB: ask for less, with page[limit] or a filter in the query", MaxAnswer>>20)
	errUnreadable = errors.New("what $commerce got is not JSON that a template can be given: it is nested too deep, or a number or a field's name in it is too long")
)

// readAnswer decodes an answer. Before that it charges the evaluation for its size.
func readAnswer(st *value.State, answer []byte) (any, error) {
	if len(answer) > MaxAnswer {
		return nil, errLong
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
		return nil, errUnreadable
	}
	return v, nil
}
