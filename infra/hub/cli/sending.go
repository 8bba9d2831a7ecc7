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

// sending is the flags of the commands that tell Segment of what has happened.
type sending struct {
	store.Location
	backfill.Period
	addr string
	only []string
	rate int
	yes  bool
}

func addSending(cmd *cobra.Command, o *sending) {
	addWhere(cmd, &o.Location)
	addAddr(cmd, &o.addr, "the `HOST:PORT` of the running hub, whose inbox counts where no Segment host is set")
	cmd.Flags().StringVar(&o.Since, "since", "", "from when on: a `time` such as 2026-01-31, 2026-01-31T08:00:00Z, 36h or 30d (ago)")
	cmd.Flags().StringVar(&o.Until, "until", "", "until when, a `time` that is not included")
	cmd.Flags().StringSliceVar(&o.only, "only", nil, "only these `trackings`")
	cmd.Flags().IntVar(&o.rate, "rate", backfill.DefaultRate, "how many `events` a second to send at most, up to "+strconv.Itoa(backfill.MaxRate))
	cmd.Flags().BoolVar(&o.yes, "yes", false, "ask nothing")
}

// open opens the store and both its sides.
func (o sending) open(ctx context.Context, kinds []backfill.Kind, to []string) (store.Backfill, error) {
	s, err := store.Open(ctx, o.Location)
	if err != nil {
		return store.Backfill{}, err
	}
	host, port, err := local.SplitAddr(o.addr)
	if err != nil {
		return store.Backfill{}, err
	}
	return s.OpenBackfill(ctx, store.BackfillOptions{Kinds: kinds, Only: o.only, To: to, Rate: o.rate, Inbox: local.HubURL(host, port)})
}

// sure asks whether to send, unless that was said.
func (o sending) sure(cmd *cobra.Command, question string) error {
	if o.yes {
		return nil
	}
	keyboard := openTerminal(cmd)
	if keyboard == nil {
		return errors.New("there is nobody to ask: say --yes to send. Nothing was sent")
	}
	yes, err := keyboard.confirm(cmd.Context(), question)
	if err == nil && !yes {
		err = errors.New("nothing was sent")
	}
	return err
}

// parse reads the flags --since and --until; end is where the period ends without the
// latter. The example is a command line that has what this one lacks.
func (o sending) parse(now, end time.Time, example string) (since, until time.Time, err error) {
	if o.Since == "" {
		return since, until, fmt.Errorf("say from when on: --since is missing. For example: %s", example)
	}
	since, until, err = o.Period.Parse(now, end)
	if err != nil {
		err = fmt.Errorf("--%w", err) // it begins with the flag's name
	}
	return since, until, err
}

// counter says on a terminal how much has been read so far.
func counter(w io.Writer, what string) (read func(int), done func()) {
	if !isTerminal(w) {
		return func(int) {}, func() {}
	}
	return func(n int) { fmt.Fprintf(w, "\r%d %s read", n, what) }, func() { fmt.Fprintln(w) }
}

// printRefusals lists the first facts that were refused, and says how many there are.
func printRefusals(w io.Writer, refusals []backfill.Refusal, count int) {
	for _, refusal := range refusals {
		fmt.Fprintf(w, "  %s\n", refusal)
	}
	if more := count - len(refusals); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}
