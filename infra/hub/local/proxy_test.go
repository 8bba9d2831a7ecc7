package local

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestBypassProxyKeepsTheEarlierExceptions(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"", strings.Join(ownAddresses(), ",")},
		{"internal.example", fmt.Sprintf("internal.example,%s", strings.Join(ownAddresses(), ","))},
		{"*", "*"},
	} {
		t.Setenv("NO_PROXY", c.set)
		t.Setenv("no_proxy", "")
		if BypassProxy(); os.Getenv("NO_PROXY") != c.want {
			t.Errorf("NO_PROXY was %q and is %q, want %q", c.set, os.Getenv("NO_PROXY"), c.want)
		}
	}
}
