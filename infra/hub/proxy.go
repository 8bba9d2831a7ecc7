package main

import (
	"cmp"
	"net"
	"os"
	"strings"
)

// useNoProxyHere excepts this machine's own addresses from HTTP_PROXY, for this program
// and those that it starts: what the hub asks itself, and what a command asks the hub on
// this machine, is nobody else's. net/http excepts the loopback addresses only, and reads
// the variable once, before the first request.
func useNoProxyHere() {
	excepted := cmp.Or(os.Getenv("NO_PROXY"), os.Getenv("no_proxy"))
	if excepted == "*" {
		return
	}
	os.Setenv("NO_PROXY", strings.Trim(excepted+","+strings.Join(ownAddresses(), ","), ",")) // fails for no such value
}

// ownAddresses are the IP addresses of this machine; none where they cannot be listed.
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
