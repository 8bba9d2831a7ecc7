package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/store"
)

// backfillFlags are the flags of the commands that send past events to Segment.
type backfillFlags struct {
	store.Location
	backfill.Period
	addr string
	only []string
	rate int
	yes  bool
}

func addBackfillFlags(cmd *cobra.Command, o *backfillFlags) {
	addLocation(cmd, &o.Location)
	addAddr(cmd, &o.addr, "the `HOST:PORT` of the running hub; its inbox is used if no Segment host is set")
	cmd.Flags().StringVar(&o.Since, "since", "", "the start of the period: a `time` such as 2026-01-31, 2026-01-31T08:00:00Z, 36h or 30d (ago)")
	cmd.Flags().StringVar(&o.Until, "until", "", "the end of the period, a `time` that is not included")
	cmd.Flags().StringSliceVar(&o.only, "only", nil, "send only these `trackings`")
	cmd.Flags().IntVar(&o.rate, "rate", backfill.DefaultRate, "the maximum number of `events` per second, up to "+strconv.Itoa(backfill.MaxRate))
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask for confirmation")
}

// open opens the store, its Commerce and its Segment source.
func (o backfillFlags) open(ctx context.Context, what store.BackfillOptions) (store.Backfill, error) {
	s, err := store.Open(ctx, o.Location)
	if err != nil {
		return store.Backfill{}, err
	}
	host, port, err := local.SplitAddr(o.addr)
	if err != nil {
		return store.Backfill{}, err
	}
	what.Only, what.Rate, what.Inbox = o.only, o.rate, local.HubURL(host, port)
	return s.OpenBackfill(ctx, what)
}

// confirm asks whether to send, unless --yes was given.
func (o backfillFlags) confirm(cmd *cobra.Command, question string) error {
	if o.yes {
		return nil
	}
	keyboard := openTerminal(cmd)
	if keyboard == nil {
		return errors.New("nothing was sent. Not a terminal: pass --yes to send")
	}
	yes, err := keyboard.confirm(cmd.Context(), question)
	if err == nil && !yes {
		err = errors.New("nothing was sent")
	}
	return err
}

// parse reads the flags --since and --until. Without --until the period ends at end. The
// example is a complete command line, for the error if --since is missing.
func (o backfillFlags) parse(now, end time.Time, example string) (since, until time.Time, err error) {
	if o.Since == "" {
		return since, until, fmt.Errorf("--since is missing: give the start of the period. For example: %s", example)
	}
	since, until, err = o.Period.Parse(now, end)
	if err != nil {
		err = fmt.Errorf("--%w", err) // the error begins with the name of the flag
	}
	return since, until, err
}

// readCounter shows on a terminal how much has been read so far.
func readCounter(w io.Writer, unit string) (read func(int), done func()) {
	if !isTerminal(w) {
		return func(int) {}, func() {}
	}
	return func(n int) { fmt.Fprintf(w, "\r%d %s read", n, unit) }, func() { fmt.Fprintln(w) }
}

// printRejected lists the first events that are not sent, and the number of the others.
func printRejected(w io.Writer, rejections []backfill.Rejection, count int) {
	for _, rejection := range rejections {
		fmt.Fprintf(w, "  %s\n", rejection)
	}
	if more := count - len(rejections); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}
