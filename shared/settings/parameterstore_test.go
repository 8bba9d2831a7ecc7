package settings_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// systemsManager is a test server with the protocol of Parameter Store. It gives the
// answers that a test sets, or those of a store with its parameters.
type systemsManager struct {
	mu         sync.Mutex
	parameters map[string]map[string]any // by full name: Type, Value, Version
	answers    []func(http.ResponseWriter)
	calls      []map[string]any // the calls that it received, with "Operation"
	url        string
}

func newSystemsManager(t *testing.T, parameters map[string]map[string]any) *systemsManager {
	s := &systemsManager{parameters: parameters}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *systemsManager) client() *ssm.Client {
	return ssm.New(ssm.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.url), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
}

// store is the store below /shop.
func (s *systemsManager) store() settings.EditableParameterStore {
	return settings.NewEditableParameterStore(s.client(), "/shop/")
}

func (s *systemsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var call map[string]any
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		panic(err)
	}
	call["Operation"] = strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	s.calls = append(s.calls, call)
	if len(s.answers) > 0 {
		answer := s.answers[0]
		s.answers = s.answers[1:]
		if answer != nil {
			answer(w)
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	json.NewEncoder(w).Encode(s.answer(call))
}

func (s *systemsManager) answer(call map[string]any) any {
	switch call["Operation"] {
	case "GetParameters":
		var found, invalid []any
		for _, name := range call["Names"].([]any) {
			if p, ok := s.parameters[name.(string)]; ok {
				found = append(found, with(p, "Name", name))
			} else {
				invalid = append(invalid, name)
			}
		}
		return map[string]any{"Parameters": found, "InvalidParameters": invalid}
	case "GetParametersByPath": // one a page
		for i, name := range []string{"/shop/segment/host", "/shop/segment/write-key", "/shop/commerce/webhook-secret"} {
			token := fmt.Sprint("page ", i)
			if call["NextToken"] == token || i == 0 && call["NextToken"] == nil {
				page := map[string]any{"Parameters": []any{with(s.parameters[name], "Name", name)}}
				if i < 2 {
					page["NextToken"] = fmt.Sprint("page ", i+1)
				}
				return page
			}
		}
	}
	if call["Operation"] == "DescribeParameters" {
		var all []any
		for name, p := range s.parameters {
			all = append(all, with(p, "Name", name))
		}
		return map[string]any{"Parameters": all}
	}
	return map[string]any{"Version": 2}
}

// version answers a PutParameter with the number of the version.
func version(number int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { json.NewEncoder(w).Encode(map[string]any{"Version": number}) }
}

func TestVersionsAreListedTheNewestFirst(t *testing.T) {
	numbered := func(number int, value string) map[string]any {
		return map[string]any{"Name": "/shop/templates/order-completed", "Type": "String", "Value": value, "Version": number,
			"LastModifiedDate": 1795514400.5, "LastModifiedUser": "arn:aws:iam::123456789012:user/mara"}
	}
	s := newSystemsManager(t, nil)
	page := func(token string, versions ...any) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			json.NewEncoder(w).Encode(map[string]any{"Parameters": versions, "NextToken": token})
		}
	}
	s.answers = []func(http.ResponseWriter){page("more", numbered(1, "one"), numbered(2, "two")), page("", numbered(3, "three"))}
	got, err := s.store().Versions(t.Context(), "templates/order-completed")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, v := range got {
		values = append(values, fmt.Sprint(v.Name, " ", v.Version, " ", v.Value, " ", v.By))
	}
	const by = " arn:aws:iam::123456789012:user/mara"
	want := []string{"templates/order-completed 3 three" + by, "templates/order-completed 2 two" + by, "templates/order-completed 1 one" + by}
	if !slices.Equal(values, want) || !got[0].Modified.Equal(time.Unix(1795514400, 5e8)) {
		t.Errorf("got %q, %v, want %q", values, got[0].Modified, want)
	}
	if s.calls[1]["NextToken"] != "more" || s.calls[1]["Name"] != "/shop/templates/order-completed" || s.calls[1]["WithDecryption"] != false {
		t.Errorf("the calls were %v", s.calls)
	}
}

func TestAParameterThatIsNotSetHasNoVersions(t *testing.T) {
	s := newSystemsManager(t, nil)
	s.answers = []func(http.ResponseWriter){refusal(400, "ParameterNotFound", "")}
	if got, err := s.store().Versions(t.Context(), "templates/order-completed"); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheErrorOfVersionsNamesTheMissingPermission(t *testing.T) {
	s := newSystemsManager(t, nil)
	s.answers = []func(http.ResponseWriter){refusal(400, "AccessDeniedException", "no")}
	_, err := s.store().Versions(t.Context(), "templates/order-completed")
	if err == nil || !strings.Contains(err.Error(), "allow ssm:GetParameterHistory on arn:aws:ssm:<region>:<account>:parameter/shop/templates/order-completed") {
		t.Errorf("the error is %v", err)
	}
}

func with(parameter map[string]any, name string, value any) map[string]any {
	parameter = maps.Clone(parameter)
	parameter[name] = value
	return parameter
}

// refusal is an error of AWS's JSON protocol.
func refusal(status int, code, message string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Amzn-ErrorType", code)
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
	}
}

func text(kind, value string) map[string]any {
	return map[string]any{"Type": kind, "Value": value, "Version": 3, "LastModifiedDate": 1795514400.5}
}

// Before a store is configured, some parameters are not set. Parameter Store calls them
// invalid, which is not an error.
func TestParameterStoreReadsTheParametersThatAreSetInOneCall(t *testing.T) {
	aws := newSystemsManager(t, map[string]map[string]any{
		"/shop/segment/write-key":               text("SecureString", "wk"),
		"/shop/tracking/order-completed/events": text("StringList", "order.paid"),
	})
	names := settings.Names(tracking.OrderCompleted)
	got, err := aws.store().Parameters(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, map[string]string{"segment/write-key": "wk", "tracking/order-completed/events": "order.paid"})
	if len(aws.calls) != 1 || len(aws.calls[0]["Names"].([]any)) != len(names) || aws.calls[0]["WithDecryption"] != true {
		t.Errorf("it was asked %v", aws.calls)
	}
}

// GetParameters accepts ten names, and a function that calls Commerce reads eleven.
func TestParameterStoreReadsMoreThanTenWithSeveralCalls(t *testing.T) {
	there, want := map[string]map[string]any{}, map[string]string{}
	names := settings.Names(tracking.OrderRefunded)
	for i := range 25 {
		names = append(names, fmt.Sprintf("name-%d", i))
	}
	for _, name := range names {
		there["/shop/"+name], want[name] = text("String", "value of "+name), "value of "+name
	}
	aws := newSystemsManager(t, there)
	got, err := aws.store().Parameters(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
	var sizes []int
	for _, call := range aws.calls {
		sizes = append(sizes, len(call["Names"].([]any)))
	}
	slices.Sort(sizes)
	if !slices.Equal(sizes, []int{6, 10, 10, 10}) {
		t.Errorf("the calls had %v names", sizes)
	}
}

func TestParameterStoreReturnsAnErrorThatSaysWhyItCannotBeRead(t *testing.T) {
	cases := []struct {
		name   string
		answer func(http.ResponseWriter)
		want   []string
	}{
		{"access is denied", refusal(400, "AccessDeniedException", "User: u is not authorized to perform: ssm:GetParameters"),
			[]string{"allow ssm:GetParameters on arn:aws:ssm:<region>:<account>:parameter/shop/*", "kms:Decrypt on the key whose alias is alias/aws/ssm"}},
		{"it throttles", refusal(400, "ThrottlingException", "Rate exceeded"), []string{"AWS answered 400 ThrottlingException"}},
		{"it is down", refusal(503, "InternalServerError", ""), []string{"AWS answered 503 InternalServerError"}},
		{"something else answers", func(w http.ResponseWriter) { io.WriteString(w, "<html>") }, []string{"AWS answered 200, and the answer cannot be read"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			aws := newSystemsManager(t, nil)
			aws.answers = append(aws.answers, c.answer)
			_, err := aws.store().Parameters(t.Context(), []string{"segment/host"})
			for _, want := range append(c.want, "reading the parameters /shop/* from Parameter Store: ") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "allow ") != (c.name == "access is denied") {
				t.Errorf("the remedy is wrong: %v", err)
			}
		})
	}
	t.Run("one of several calls fails", func(t *testing.T) {
		aws := newSystemsManager(t, nil)
		aws.answers = append(aws.answers, refusal(400, "ThrottlingException", "Rate exceeded"))
		got, err := aws.store().Parameters(t.Context(), settings.Names(tracking.OrderRefunded))
		if err == nil || !strings.Contains(err.Error(), "ThrottlingException") || got != nil {
			t.Errorf("got %v, %v, want no part of the settings", got, err)
		}
	})
	t.Run("the context ends", func(t *testing.T) {
		aws := newSystemsManager(t, nil)
		over := make(chan struct{})
		defer close(over)
		aws.answers = append(aws.answers, func(http.ResponseWriter) { <-over })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		asked := time.Now()
		if _, err := aws.store().Parameters(ctx, []string{"segment/host"}); err == nil || time.Since(asked) > time.Second {
			t.Errorf("got %v after %v", err, time.Since(asked))
		}
	})
}

func TestPutChoosesTypeAndTierByNameAndSize(t *testing.T) {
	cases := []struct{ name, parameter, value, kind, tier string }{
		{"a secret", "segment/write-key", "wk", "SecureString", "Standard"},
		{"two secrets", "commerce/webhook-secret", "new\nold", "SecureString", "Standard"},
		{"the API's secret", "commerce/client-secret", "s", "SecureString", "Standard"},
		{"a list", "tracking/order-completed/events", "order.paid", "StringList", "Standard"},
		{"a text", "segment/host", "https://api.segment.io", "String", "Standard"},
		{"a template of 4,096 bytes", "templates/order-completed", strings.Repeat("é", 2048), "String", "Standard"},
		{"a template of 4,097 bytes", "templates/order-completed", strings.Repeat("é", 2048) + " ", "String", "Advanced"},
		{"a template of 8,192 bytes", "templates/order-completed", strings.Repeat("x", 8192), "String", "Advanced"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			aws := newSystemsManager(t, nil)
			if err := aws.store().Put(t.Context(), c.parameter, c.value); err != nil {
				t.Fatal(err)
			}
			call := aws.calls[0]
			got := fmt.Sprint(call["Operation"], call["Name"], call["Type"], call["Tier"], call["Overwrite"], call["KeyId"])
			if want := fmt.Sprint("PutParameter", "/shop/"+c.parameter, c.kind, c.tier, true, nil); got != want || call["Value"] != c.value {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestPutRejectsValuesThatParameterStoreCannotStore(t *testing.T) {
	cases := []struct{ name, parameter, value, want string }{
		{"nothing", "segment/host", " \n", "parameter segment/host is blank"},
		{"a template that is too long", "templates/order-completed", strings.Repeat("qqqzzz", 1366), "parameter templates/order-completed has 8196 bytes, and Parameter Store stores at most 8192"},
		{"a reference", "templates/order-completed", "{{qqqzzz}}", "parameter templates/order-completed contains {{"},
		{"an invalid name", "../segment/host", "x", "is not the name of a parameter"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			aws := newSystemsManager(t, nil)
			err := aws.store().Put(t.Context(), c.parameter, c.value)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "qqqzzz") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if len(aws.calls) != 0 {
				t.Errorf("it was asked %v", aws.calls)
			}
		})
	}
}

// AWS quotes a rejected value, and the operator's program prints errors.
func TestAnErrorOfPutQuotesNoValue(t *testing.T) {
	cases := map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"it is refused":    {refusal(400, "ValidationException", "Value 'qqqzzz' failed to satisfy constraint"), "writing parameter /shop/segment/write-key to Parameter Store: AWS answered 400 ValidationException"},
		"access is denied": {refusal(400, "AccessDeniedException", "no qqqzzz"), "allow ssm:PutParameter on arn:aws:ssm:<region>:<account>:parameter/shop/segment/write-key, and kms:Encrypt"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			aws := newSystemsManager(t, nil)
			aws.answers = append(aws.answers, c.answer)
			err := aws.store().Put(t.Context(), "segment/write-key", "qqqzzz")
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "qqqzzz") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheRemedyNamesTheKeyOnlyForASecret(t *testing.T) {
	for parameter, want := range map[string]string{
		"segment/write-key": "parameter/shop/segment/write-key, and kms:Encrypt on the key whose alias is alias/aws/ssm",
		"segment/host":      "allow ssm:PutParameter on arn:aws:ssm:<region>:<account>:parameter/shop/segment/host",
	} {
		aws := newSystemsManager(t, nil)
		aws.answers = append(aws.answers, refusal(400, "AccessDeniedException", "no"))
		if err := aws.store().Put(t.Context(), parameter, "x"); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %q at its end", err, want)
		}
	}
}

// Without this, a template that was shortened below 4 KB could never be saved.
func TestAnAdvancedParameterStaysOne(t *testing.T) {
	aws := newSystemsManager(t, nil)
	aws.answers = append(aws.answers, refusal(400, "ValidationException",
		"This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier."))
	if err := aws.store().Put(t.Context(), "templates/order-completed", "short"); err != nil {
		t.Fatal(err)
	}
	if len(aws.calls) != 2 || aws.calls[1]["Tier"] != "Advanced" {
		t.Errorf("it was asked %v", aws.calls)
	}
}

// The permission to list must not give access to secrets: List decrypts nothing, and leaves
// out the value of a secret's name even if it was stored as a String.
func TestListReturnsNoSecret(t *testing.T) {
	aws := newSystemsManager(t, map[string]map[string]any{
		"/shop/segment/host":            text("String", "https://api.segment.io"),
		"/shop/segment/write-key":       text("SecureString", "AQICAHh-ciphertext"),
		"/shop/commerce/webhook-secret": text("String", "qqqzzz"),
	})
	list, err := aws.store().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range list {
		got = append(got, fmt.Sprintf("%s %s %q %d %s", p.Name, p.Type, p.Value, p.Version, p.Modified.UTC().Format(time.RFC3339Nano)))
	}
	want := []string{
		`segment/host String "https://api.segment.io" 3 2026-11-24T10:00:00.5Z`,
		`segment/write-key SecureString "" 3 2026-11-24T10:00:00.5Z`,
		`commerce/webhook-secret String "" 3 2026-11-24T10:00:00.5Z`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, call := range aws.calls {
		if call["WithDecryption"] != false || call["Recursive"] != true || call["Path"] != "/shop" {
			t.Errorf("it was asked %v", call)
		}
	}
}

func TestTheErrorOfListNamesTheMissingPermission(t *testing.T) {
	aws := newSystemsManager(t, nil)
	aws.answers = append(aws.answers, refusal(400, "AccessDeniedException", "no"))
	_, err := aws.store().List(t.Context())
	if want := "allow ssm:GetParametersByPath on arn:aws:ssm:<region>:<account>:parameter/shop"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
