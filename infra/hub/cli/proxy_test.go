package cli

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"commerce-segment/infra/hub/hubtest"
)

// localAddress returns an address of this machine, if possible not a loopback address.
func localAddress() string {
	addresses, _ := net.InterfaceAddrs()
	for _, address := range addresses {
		ip, _, _ := net.ParseCIDR(address.String())
		if ip.To4() != nil && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			return ip.String()
		}
	}
	return "127.0.0.1"
}

// Containers reach the hub at an address of this machine other than the loopback
// address. The address that the hub prints must work there, and requests of the hub to
// itself must not leave the machine.
func TestTheHubAtAnotherAddressOfThisMachineBypassesTheProxy(t *testing.T) {
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var proxied atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		proxied.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(strings.ToLower(v), "no_proxy=") })
	environment = append(environment, "HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL)

	dir := filepath.Join(t.TempDir(), ".hub")
	running := exec.Command(binary, "run", "--dir", dir, "--addr", net.JoinHostPort(localAddress(), "0"))
	stdout, stderr := new(hubtest.Log), new(hubtest.Log)
	running.Env, running.Stdout, running.Stderr = environment, stdout, stderr
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		running.Process.Signal(syscall.SIGTERM)
		running.Wait()
	}()
	address := hubtest.AwaitURL(t, stdout, stderr)

	link := regexp.MustCompile(`The console: (\S+)`).FindStringSubmatch(stdout.String())[1]
	browser := &http.Client{Transport: &http.Transport{}, CheckRedirect: hubtest.NoRedirects}
	if response, err := browser.Get(link); err != nil || response.StatusCode != http.StatusSeeOther {
		t.Errorf("the console that it prints answers %v, %v", response, err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"send", "order-completed/guest"}, `"event": "Order Completed"`},
		{[]string{"executions"}, "delivered"},
		{[]string{"trace", "none"}, "No webhooks about none were received"},
		{[]string{"deadletters", "list"}, "There are no dead letters."},
		{[]string{"doctor"}, "last webhooks: order-completed"},
	} {
		command := exec.Command(binary, append(c.args, "--dir", dir, "--addr", strings.TrimPrefix(address, "http://"))...)
		command.Env = environment
		got, err := command.CombinedOutput()
		if !bytes.Contains(bytes.ToLower(got), []byte(strings.ToLower(c.says))) {
			t.Errorf("hub %s says %s, %v, want %q", c.args[0], got, err, c.says)
		}
	}
	if n := proxied.Load(); n > 0 {
		t.Errorf("%d requests went through the proxy", n)
	}
}
