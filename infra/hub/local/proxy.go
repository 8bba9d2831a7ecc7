package local

import (
	"cmp"
	"net"
	"os"
	"strings"
)

// BypassProxy excludes the addresses of this machine from HTTP_PROXY, for this
// program and those that it starts. A proxy must not see the requests of the hub to
// itself, nor those of a command to the hub on this machine. net/http excludes only the
// loopback addresses, and reads the variable once, before the first request.
func BypassProxy() {
	excepted := cmp.Or(os.Getenv("NO_PROXY"), os.Getenv("no_proxy"))
	if excepted == "*" {
		return
	}
	os.Setenv("NO_PROXY", strings.Trim(excepted+","+strings.Join(ownAddresses(), ","), ",")) // cannot fail: the value has no zero byte
}

// ownAddresses returns the IP addresses of this machine, none if they cannot be listed.
func ownAddresses() []string {
	addresses, _ := net.InterfaceAddrs()
	var own []string
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok {
			own = append(own, network.IP.String())
		}
	}
	return own
}
