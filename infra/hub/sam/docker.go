// Package sam has what the SAM CLI needs to run the functions in containers on this machine:
// the variables of the functions, events, and an inbox that a container reaches.
package sam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
)

const (
	// hostName is the name of this machine inside a container.
	hostName = "host.docker.internal"
	// AddHost is the value of the option --add-host, of docker and of the SAM CLI, that gives
	// this machine its name.
	AddHost = hostName + ":host-gateway"
)

// image returns the image in which the SAM CLI runs the functions on this machine.
func image() string {
	architecture := map[string]string{"amd64": "x86_64"}[runtime.GOARCH]
	if architecture == "" {
		architecture = runtime.GOARCH
	}
	return "public.ecr.aws/lambda/provided:al2023-" + architecture
}

// inContainer runs a program in a container, and returns what it prints.
func inContainer(ctx context.Context, program string, arguments ...string) (string, error) {
	docker := exec.CommandContext(ctx, "docker", append([]string{"run", "--rm", "--add-host", AddHost, "--entrypoint", program, image()}, arguments...)...)
	output, err := docker.Output()
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w: sh infra/tools/sam.sh says how to install it", err)
	}
	return string(output), err
}

// hostAddress returns the address that the name of this machine has inside a container.
func hostAddress(ctx context.Context) (string, error) {
	hosts, err := inContainer(ctx, "cat", "/etc/hosts")
	if err != nil {
		return "", fmt.Errorf("running a container of %s, as the SAM CLI does: %w%s", image(), err, detail(err))
	}
	for line := range strings.Lines(hosts) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == hostName {
			return fields[0], nil
		}
	}
	return "", fmt.Errorf("a container has no address for %s: update Docker to 20.10 or later", hostName)
}

// detail returns what a program that failed has written to its standard error.
func detail(err error) string {
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		return "\n" + strings.TrimSpace(string(failed.Stderr))
	}
	return ""
}

// checkReach returns an error unless a container can connect to a port of this machine.
func checkReach(ctx context.Context, address net.Addr, port string) error {
	_, err := inContainer(ctx, "timeout", "5", "bash", "-c", "</dev/tcp/"+hostName+"/"+port)
	if err == nil {
		return nil
	}
	return fmt.Errorf("a container cannot connect to this machine at %s: a firewall blocks it, or Docker runs without root. "+
		"On Linux with ufw: sudo ufw allow in on docker0. With Docker without root (rootless): use the system's Docker, docker context use default%s", address, detail(err))
}

// isOfThisMachine reports whether an address is one at which this machine can listen. That of
// Docker Desktop is not: it passes connections on to 127.0.0.1.
func isOfThisMachine(address string) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.Equal(net.ParseIP(address)) {
			return true
		}
	}
	return false
}
