package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/local"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/chars"
)

// The exit codes of hub status and hub doctor, in addition to 0.
const (
	exitDegraded = 1
	exitBroken   = 2
)

// statusOptions are the flags of hub status.
type statusOptions struct {
	store.Location
	addr   string
	asJSON bool
}

func newStatus() *cobra.Command {
	var options statusOptions
	cmd := &cobra.Command{
		Use:   "status [--json] [--dir DIRECTORY | --prefix PREFIX]",
		Short: "Say on one screen whether the store works",
		Long: `status says whether the store works, and if not, what is wrong, since when and what to do.
It asks the hub that runs on this machine, or with --prefix it reads the queues, the
settings and the functions' logs on AWS. The console's Overview shows the same.

If the store has a token of Segment's Public API, the findings of hub received about the last 24
hours are among the problems. With --prefix it then reads the logs twice.

Exit codes: 0 the store works; 1 it is degraded: events are late, or need attention; 2 it is
broken: events are not accepted or not delivered, or the hub does not answer.`,
		Example: `  hub status
  hub status --prefix /commerce-segment --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := options.ask(cmd.Context())
			known := err == nil
			if !known {
				j = options.unreachable(err)
			}
			if err := options.print(cmd.OutOrStdout(), j, known); err != nil {
				return err
			}
			return exitAs(j.State)
		},
	}
	addStore(cmd, &options.addr, &options.Location)
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print JSON, for programs")
	return cmd
}

// exitAs returns an error with the exit code of a state; nil if the store works.
func exitAs(state health.State) error {
	err := fmt.Errorf("the store is %s", state)
	switch state {
	case health.Broken:
		return codedError{err, exitBroken}
	case health.Degraded:
		return codedError{err, exitDegraded}
	default:
		return nil
	}
}

// unreachable returns the judgement on a store that could not be asked: it is broken.
func (o statusOptions) unreachable(err error) health.Judgement {
	do := "Read the message above."
	if o.Prefix == "" {
		do = "If no hub runs, start it with hub run" + o.Flag() + ". Events that were accepted are on the disk, and Commerce posts rejected webhooks again for some time."
	}
	return health.Judgement{State: health.Broken, At: time.Now(), Problems: []health.Problem{
		{Key: "unreachable", State: health.Broken, Says: "The store could not be asked: " + chars.Line(err.Error()) + ".", Do: do},
	}}
}

func (o statusOptions) ask(ctx context.Context) (health.Judgement, error) {
	if o.Prefix == "" {
		hub, err := local.NewClient(o.addr, o.Dir)
		if err != nil {
			return health.Judgement{}, err
		}
		return hub.Health(ctx)
	}
	s, err := store.Open(ctx, o.Location)
	if err != nil {
		return health.Judgement{}, err
	}
	return judgeWithReceived(ctx, s, s.Deployment.Logs()), nil
}

// receivedWithin limits the time in which what was sent is compared with what Segment received.
const receivedWithin = time.Minute

// judgeWithReceived judges a store that no hub runs, also by what Segment received in the last 24
// hours.
func judgeWithReceived(ctx context.Context, s store.Store, log executions.Log) health.Judgement {
	now := time.Now()
	return health.Source{Store: s, Log: log, Received: func() *received.Report {
		ctx, cancel := context.WithTimeout(ctx, receivedWithin)
		defer cancel()
		r, err := received.Read(ctx, received.Options{Store: s, Log: log, Since: now.Add(-24 * time.Hour)}, now)
		if err != nil {
			r = &received.Report{Unknown: words.OneLine(err.Error())}
		}
		if !r.Known() && !r.NotAsked && len(r.Findings) == 0 {
			r.Findings = []received.Finding{{Key: "unread", Severity: received.Note, Says: r.Says()}}
		}
		return r
	}}.Judge(ctx, now)
}

// print prints a judgement. How many events there are is printed only if it is known.
func (o statusOptions) print(w io.Writer, j health.Judgement, known bool) error {
	switch {
	case o.asJSON && known:
		return printJSON(w, j)
	case o.asJSON:
		return printJSON(w, map[string]any{"state": j.State, "at": j.At, "problems": j.Problems})
	}
	printHealth(w, j)
	if known {
		printQueued(w, j)
	}
	return nil
}

// printHealth prints the state of a store and its problems, for people.
func printHealth(w io.Writer, j health.Judgement) {
	fmt.Fprintln(w, j.Title())
	for _, p := range j.Problems {
		state := string(p.State)
		if p.State == health.Working {
			state = "note"
		}
		fmt.Fprintf(w, "\n%-9s %s\n", state, chars.Line(p.Says))
		if p.Do != "" {
			fmt.Fprintf(w, "%9s %s\n", "", chars.Line(p.Do))
		}
		if p.Run != "" {
			fmt.Fprintf(w, "%9s → %s\n", "", p.Run)
		}
	}
}

func printQueued(w io.Writer, j health.Judgement) {
	fmt.Fprintf(w, "\nQueued or retrying: %s", words.Count(j.Waiting, "event"))
	if !j.Oldest.IsZero() {
		fmt.Fprintf(w, ", the oldest received %s ago", words.Age(j.At.Sub(j.Oldest)))
	}
	fmt.Fprintf(w, ". Dead letters: %d.\n", j.DeadLetters)
}
