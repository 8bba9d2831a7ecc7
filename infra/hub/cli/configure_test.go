package cli

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"commerce-segment/infra/hub/hubtest"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/settings"
)

// parametersIn returns the parameters in the files of a directory.
func parametersIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	values, err := settings.Dir(dir).Parameters(t.Context(), store.AllNames())
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestConfigureWritesFlagsAndVariables(t *testing.T) {
	for _, c := range []struct {
		name        string
		there       map[string]string
		environment map[string]string
		args        []string
		changes     map[string]string // to the parameters that are there, with a webhook secret
		says        []string
	}{
		{"a write key from the environment", nil,
			map[string]string{"SEGMENT_WRITE_KEY": "PLANTED-key"}, nil,
			map[string]string{"segment/write-key": "PLANTED-key"}, []string{"wrote segment/write-key\n", "The messages still go to the hub's inbox, because no Segment host is set. To send to Segment, set its host: hub configure --dir '"}},
		{"the host for a key that was set earlier", map[string]string{"segment/write-key": "PLANTED-key"}, nil, []string{"--segment-host", "https://api.segment.io"},
			map[string]string{"segment/host": "https://api.segment.io"}, []string{"wrote segment/host\n"}},
		{"a write key with white space around it", nil,
			map[string]string{"SEGMENT_WRITE_KEY": " PLANTED-key\n"}, nil,
			map[string]string{"segment/write-key": "PLANTED-key"}, nil},
		{"everything about Commerce", nil,
			map[string]string{"COMMERCE_CLIENT_SECRET": "PLANTED-secret", "COMMERCE_CLIENT_ID": "id"},
			[]string{"--untested", "--commerce-url", "euwest.cm.elasticpath.com/"},
			map[string]string{"commerce/client-secret": "https://euwest.api.elasticpath.com PLANTED-secret", "commerce/client-id": "id",
				"commerce/token-url": "https://euwest.api.elasticpath.com/oauth/access_token"}, nil},
		{"a flag takes precedence over its variable", nil,
			map[string]string{"SEGMENT_HOST": "https://other.example.com"}, []string{"--segment-host", "https://events.eu1.segmentapis.com"},
			map[string]string{"segment/host": "https://events.eu1.segmentapis.com"}, nil},
		{"trackings and their events", nil, nil,
			[]string{"--disable", "order-updated,order-refunded", "--enable", "order-completed", "--events", "order-completed=order.fulfilled"},
			map[string]string{"tracking/order-updated/enabled": "false", "tracking/order-refunded/enabled": "false",
				"tracking/order-completed/enabled": "true", "tracking/order-completed/events": "order.fulfilled"}, nil},
		{"values that are set already are not written", map[string]string{"segment/write-key": "PLANTED-key\n", "segment/path": "/v1/import"},
			map[string]string{"SEGMENT_WRITE_KEY": "PLANTED-key"}, []string{"--segment-path", "/v1/import"},
			nil, []string{"Nothing to write: the directory "}},
		{"only the value that differs is written", map[string]string{"segment/write-key": "PLANTED-key"},
			map[string]string{"SEGMENT_WRITE_KEY": "PLANTED-key"}, []string{"--segment-path", "/v1/import"},
			map[string]string{"segment/path": "/v1/import"}, []string{"wrote segment/path\n"}},
		{"the present webhook secret", nil, map[string]string{"COMMERCE_WEBHOOK_SECRET": "PLANTED-webhook"}, nil,
			nil, []string{"Nothing to write"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			hubtest.WriteFile(t, filepath.Join(dir, "commerce/webhook-secret"), "PLANTED-webhook")
			for name, value := range c.there {
				hubtest.WriteFile(t, filepath.Join(dir, name), value)
			}
			want := parametersIn(t, dir)
			maps.Copy(want, c.changes)
			for name, value := range c.environment {
				t.Setenv(name, value)
			}
			got := command(t, "", append([]string{"configure", "--dir", dir}, c.args...)...)
			if got.code != exitDone || got.stderr != "" {
				t.Errorf("exits %d and says %q", got.code, got.stderr)
			}
			if after := parametersIn(t, dir); !maps.Equal(after, want) {
				t.Errorf("the parameters are\n%q\nwant\n%q", after, want)
			}
			for _, says := range c.says {
				if !strings.Contains(got.stdout, says) {
					t.Errorf("it does not say %q:\n%s", says, got.stdout)
				}
			}
			if wrote := strings.Count(got.stdout, "wrote "); wrote != len(c.changes) {
				t.Errorf("it prints that it wrote %d, want %d:\n%s", wrote, len(c.changes), got.stdout)
			}
			noSecret(t, got)
		})
	}
}

// noSecret fails the test if a command prints a value that the test has planted.
func noSecret(t *testing.T, got result) {
	t.Helper()
	if strings.Contains(got.stdout+got.stderr, "PLANTED") {
		t.Errorf("it shows a secret:\n%s\n%s", got.stdout, got.stderr)
	}
}

func TestConfigureWritesNothingIfAValueIsInvalid(t *testing.T) {
	for _, c := range []struct {
		name        string
		there       map[string]string
		environment map[string]string
		args        []string
		says        []string
	}{
		{"a write key that holds white space", nil, map[string]string{"SEGMENT_WRITE_KEY": "PLANTED key"}, []string{"--segment-path", "/v1/import"},
			[]string{"parameter segment/write-key: it holds white space"}},
		{"an empty flag", nil, nil, []string{"--segment-host", "", "--disable", "order-updated"}, []string{"--segment-host is empty: give it a value, or leave it out to keep what is set"}},
		{"a client secret that holds white space", nil, map[string]string{"COMMERCE_CLIENT_SECRET": "PLANTED secret"}, nil,
			[]string{"parameter commerce/client-secret: it holds white space"}},
		{"a webhook secret of two lines", nil, map[string]string{"COMMERCE_WEBHOOK_SECRET": "PLANTED\nPLANTED"}, nil,
			[]string{"parameter commerce/webhook-secret: it holds white space"}},
		{"a host without TLS", nil, nil, []string{"--segment-host", "http://api.segment.io"}, []string{"parameter segment/host: it is an http URL"}},
		{"an invalid path", nil, nil, []string{"--segment-path", "v1"}, []string{"parameter segment/path: it is not the path"}},
		{"a Commerce URL without encryption", nil, nil, []string{"--commerce-url", "http://euwest.api.elasticpath.com"}, []string{"parameter commerce/token-url: ", "unencrypted"}},
		{"two events of a tracking that observes one", nil, nil, []string{"--events", "order-completed=order.paid,order.fulfilled"},
			[]string{"parameter tracking/order-completed/events: ", "exactly one event"}},
		{"an event that cannot be observed", nil, nil, []string{"--events", "order-completed=order.created"}, []string{`cannot observe "order.created"`}},
		{"events without a name", nil, nil, []string{"--events", "order.paid"}, []string{`--events "order.paid": write NAME=EVENT`}},
		{"a tracking without events", nil, nil, []string{"--events", "order-completed="}, []string{"write NAME=EVENT"}},
		{"a tracking that does not exist", nil, nil, []string{"--disable", "no-such-tracking"}, []string{`there is no tracking "no-such-tracking"`}},
		{"a tracking both enabled and disabled", nil, nil, []string{"--disable", "order-updated", "--enable", "order-updated"}, []string{"both in --enable and in --disable"}},
		{"all errors at once", nil, nil, []string{"--segment-path", "v1", "--segment-host", "x"}, []string{"segment/path", "segment/host"}},
		{"a present value that is invalid", map[string]string{"tracking/order-updated/enabled": "perhaps"}, nil, []string{"--segment-path", "/v1/import"},
			[]string{"nothing was written", "parameter tracking/order-updated/enabled"}},
		{"another webhook secret than Commerce sends", map[string]string{"commerce/webhook-secret": "PLANTED-old"},
			map[string]string{"COMMERCE_WEBHOOK_SECRET": "PLANTED-new"}, nil, []string{"there is already a webhook secret", "hub rotate"}},
		{"both a directory and a prefix", nil, nil, []string{"--prefix", "/x"}, []string{"--dir and --prefix exclude each other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, value := range c.there {
				hubtest.WriteFile(t, filepath.Join(dir, name), value)
			}
			for name, value := range c.environment {
				t.Setenv(name, value)
			}
			before := parametersIn(t, dir)
			got := command(t, "", append([]string{"configure", "--dir", dir}, c.args...)...)
			if got.code != exitFailed || got.stdout != "" {
				t.Errorf("exits %d and prints %q", got.code, got.stdout)
			}
			for _, says := range c.says {
				if !strings.Contains(got.stderr, says) {
					t.Errorf("says %q, want %q in it", got.stderr, says)
				}
			}
			if after := parametersIn(t, dir); !maps.Equal(after, before) {
				t.Errorf("it wrote %q", after)
			}
			noSecret(t, got)
		})
	}
}

func TestConfigureMakesAWebhookSecretAndNeverPrintsIt(t *testing.T) {
	dir := t.TempDir()
	got := command(t, "", "configure", "--dir", dir)
	secret := parametersIn(t, dir)["commerce/webhook-secret"]
	if len(secret) != 64 || got.code != exitDone || !strings.Contains(got.stdout, "wrote commerce/webhook-secret\n") {
		t.Errorf("exits %d with a secret of %d characters, and says %s", got.code, len(secret), got.stdout)
	}
	if strings.Contains(got.stdout+got.stderr, secret) {
		t.Error("it shows the secret")
	}
}

func TestNoFlagTakesASecret(t *testing.T) {
	// Other users of the machine see command lines (ps).
	got := command(t, "", "configure", "--help")
	for _, flag := range []string{"--segment-write-key", "--write-key", "--commerce-client-secret", "--webhook-secret"} {
		if strings.Contains(got.stdout, flag) {
			t.Errorf("there is a flag %s", flag)
		}
	}
	for _, variable := range []string{"SEGMENT_WRITE_KEY", "SEGMENT_API_TOKEN", "COMMERCE_CLIENT_SECRET", "COMMERCE_WEBHOOK_SECRET"} {
		if !strings.Contains(got.stdout, variable) {
			t.Errorf("the help does not name %s", variable)
		}
	}
}

func TestConfigureAsksForMissingValuesAndShowsNoSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".hub")
	keyboard := openKeyboard(t, nil, "configure", "--dir", dir, "--segment-path", "/v1/import", "--untested")
	keyboard.answerUnseen("Segment: write key of the source [not set]: ", "PLANTED key\n")
	keyboard.answerUnseen("parameter segment/write-key: it holds white space", "PLANTED-key\n")
	keyboard.answer("Segment: host [not set]: ", "\n")
	keyboard.answerUnseen("Segment: token of the Public API, if you want Segment to be asked what it received [not set]: ", "\n")
	keyboard.answer("base URL of its API, such as https://euwest.api.elasticpath.com [not set]: ", "https://useast.api.elasticpath.com/oauth/access_token\n")
	keyboard.answer("Commerce: client id [not set]: ", "my-id\n")
	keyboard.answerUnseen("Commerce: client secret [not set]: ", "PLANTED-client\n")
	keyboard.answerUnseen("Commerce: secret key of the webhooks [Enter makes one]: ", "PLANTED-webhook\n")
	keyboard.answer("Send Checkout Started to Segment: yes or no [yes]: ", "no\n")
	keyboard.answer("Send Order Completed to Segment: yes or no [yes]: ", "maybe\n")
	keyboard.answer("the answer is neither yes nor no", "yes\n")
	keyboard.answer("Order Completed: Commerce events, from order.paid, order.fulfilled, order.authorized [order.paid]: ", "order.created\n")
	keyboard.answer("cannot observe", "order.fulfilled\n")
	for _, title := range []string{"Order Updated", "Order Refunded", "Order Cancelled", "Customer Created", "Customer Updated"} {
		keyboard.answer("Send "+title+" to Segment: yes or no [yes]: ", "\n")
		if title == "Order Refunded" {
			keyboard.answer("Order Refunded: Commerce events, from order.refunded, order.updated [order.refunded,order.updated]: ", "\n")
		}
	}
	keyboard.answer("Customer Updated: Commerce events, from customer.updated, customer.deleted [customer.updated]: ", "\n")
	if code := keyboard.wait(); code != exitDone {
		t.Errorf("it exits %d", code)
	}
	want := map[string]string{
		"segment/path": "/v1/import", "segment/write-key": "PLANTED-key", "commerce/client-id": "my-id",
		"commerce/client-secret": "https://useast.api.elasticpath.com PLANTED-client", "commerce/webhook-secret": "PLANTED-webhook",
		"commerce/token-url":                "https://useast.api.elasticpath.com/oauth/access_token",
		"tracking/checkout-started/enabled": "false", "tracking/order-completed/enabled": "true",
		"tracking/order-completed/events": "order.fulfilled",
	}
	if got := parametersIn(t, dir); !maps.Equal(got, want) {
		t.Errorf("the parameters are\n%q\nwant\n%q", got, want)
	}
	if strings.Contains(keyboard.screen(), "PLANTED") {
		t.Errorf("a secret is on the screen:\n%s", keyboard.screen())
	}
}

func TestEnterKeepsThePresentValues(t *testing.T) {
	dir := t.TempDir()
	hubtest.WriteFile(t, filepath.Join(dir, "segment/write-key"), "PLANTED-key")
	hubtest.WriteFile(t, filepath.Join(dir, "commerce/webhook-secret"), "PLANTED-webhook")
	hubtest.WriteFile(t, filepath.Join(dir, "tracking/order-updated/enabled"), "false")
	before := parametersIn(t, dir)
	keyboard := openKeyboard(t, nil, "configure", "--dir", dir)
	keyboard.answerUnseen("write key of the source [set, not shown]: ", "\n")
	for _, asked := range []string{"host", "path", "token of the Public API", "base URL", "client id", "client secret",
		"Checkout Started to Segment: yes", "Checkout Started: Commerce events", "Order Completed to Segment: yes", "Order Completed: Commerce events", "Order Updated to Segment: yes or no [no]", "Order Refunded to Segment: yes", "Order Refunded: Commerce events",
		"Order Cancelled", "Customer Created", "Customer Updated to Segment: yes", "Customer Updated: Commerce events"} {
		keyboard.answer(asked, "\n")
	}
	if code := keyboard.wait(); code != exitDone || !strings.Contains(keyboard.screen(), "Nothing to write") {
		t.Errorf("it exits %d:\n%s", code, keyboard.screen())
	}
	if got := parametersIn(t, dir); !maps.Equal(got, before) {
		t.Errorf("the parameters are %q", got)
	}
}

func TestConfigureWritesNothingIfTheInputEnds(t *testing.T) {
	dir := t.TempDir()
	keyboard := openKeyboard(t, nil, "configure", "--dir", dir)
	keyboard.answerUnseen("write key of the source", "PLANTED-key\n")
	keyboard.answer("host", "\x04") // ^D
	if code := keyboard.wait(); code != exitFailed || !strings.Contains(keyboard.screen(), "nothing was written") {
		t.Errorf("it exits %d:\n%s", code, keyboard.screen())
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("it wrote %v", files)
	}
}

func TestAnInterruptedConfigureWritesNothingAndRestoresTheTerminal(t *testing.T) {
	for name, interrupt := range map[string]func(*keyboard){
		"at a secret": func(k *keyboard) { k.answerUnseen("write key of the source", "\x03") }, // ^C
		"at another question": func(k *keyboard) {
			k.answerUnseen("write key of the source", "PLANTED-key\n")
			k.answer("host [not set]: ", "\x03")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			keyboard := openKeyboard(t, nil, "configure", "--dir", dir)
			interrupt(keyboard)
			keyboard.await("nothing was written")
			if code := keyboard.wait(); code != exitFailed {
				t.Errorf("it exits %d:\n%s", code, keyboard.screen())
			}
			if !keyboard.echoes() {
				t.Error("the terminal does not show what is typed")
			}
			if files, _ := os.ReadDir(dir); len(files) > 0 {
				t.Errorf("it wrote %v", files)
			}
		})
	}
}
