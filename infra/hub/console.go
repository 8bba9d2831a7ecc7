package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/store"
)

func newConsole() *cobra.Command {
	var w store.Location
	var addr string
	cmd := &cobra.Command{
		Use:   "console [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Set a store up and look after it, in a browser",
		Long: `console serves pages with which to set a store up: connect, choose, edit templates,
finish. With --prefix they are about a store that is deployed on AWS, with your own
AWS credentials. hub run serves the same pages about the hub on this machine.

It prints an address with a key, new each time, and lets in the one browser that opens it
first, for twelve hours; on this machine only. Where --addr names an address that other machines reach, it
lets in theirs too; what they exchange is not encrypted, so a forwarded port (ssh -L)
is better.`,
		Example: `  hub console --prefix /commerce-segment`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serveConsole(cmd.Context(), w, addr, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addWhere(cmd, &w)
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "the `HOST:PORT` to listen on; port 0 takes a free one")
	return cmd
}

// serveConsole serves the pages about a store until the context is done.
func serveConsole(ctx context.Context, w store.Location, addr string, stdout, stderr io.Writer) error {
	s, err := store.Open(ctx, w)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	public := publicAddr(listener)
	c := console.Console{Store: s, Key: store.NewSecret(), Elsewhere: public != "", Log: newLog("text", stderr)}
	address := urlOf(listener)
	if c.Elsewhere {
		address = "http://" + reachable(public)
	}
	fmt.Fprintf(stdout, "The console of %s is at\n%s\n^C stops it.\n", s.Name, c.Link(address))
	server := newServer(c.Sessions(provenBy(&c, c.Handler())), c.Log)
	context.AfterFunc(ctx, func() { shutDown(ctx, server) })
	defer c.Stop()
	if err := server.Serve(bound(listener, maxConnections)); err != http.ErrServerClosed {
		return fmt.Errorf("serving the console on %s: %w", address, err)
	}
	return nil
}

// reachable is an address as another machine would write it, where the listener is on
// all of this one's.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("this-machine", port)
	}
	return addr
}
