package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/history"
	"commerce-segment/infra/hub/site"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

// telling is the flags of the commands that tell Segment of what has happened.
type telling struct {
	site.Where
	addr, since, until string
	only               []string
	rate               int
	yes                bool
}

func addTelling(cmd *cobra.Command, o *telling) {
	addWhere(cmd, &o.Where)
	addAddr(cmd, &o.addr, "the `HOST:PORT` of the running hub, whose inbox counts where no Segment host is set")
	cmd.Flags().StringVar(&o.since, "since", "", "from when on: a `time` such as 2026-01-31, 2026-01-31T08:00:00Z, 36h or 30d (ago)")
	cmd.Flags().StringVar(&o.until, "until", "", "until when, a `time` that is not included")
	cmd.Flags().StringSliceVar(&o.only, "only", nil, "only these `trackings`")
	cmd.Flags().IntVar(&o.rate, "rate", history.DefaultRate, "how many `events` a second to send at most, up to "+strconv.Itoa(history.MaxRate))
	cmd.Flags().BoolVar(&o.yes, "yes", false, "ask nothing")
	if err := cmd.MarkFlagRequired("since"); err != nil {
		panic(err) // there is no such flag
	}
}

// told is a store whose history is told.
type told struct {
	site.Site
	*history.Teller
	client      *commerce.Client
	destination string
	source      string // names the store and its Segment source, in files' names
}

// open opens the store and both its sides.
func (o telling) open(ctx context.Context, kinds []history.Kind, to []string) (told, error) {
	s, err := site.Open(ctx, o.Where)
	if err != nil {
		return told{}, err
	}
	host, port, err := splitAddr(o.addr)
	if err != nil {
		return told{}, err
	}
	inbox := localURL(host, port)
	configs, err := s.Configs(ctx, inbox)
	if err != nil {
		return told{}, err
	}
	endpoint := configs[tracking.OrderCompleted.Name].Segment // all have the same
	if strings.HasPrefix(endpoint.WriteKey, site.InboxKeyPrefix) && endpoint.Host != inbox {
		return told{}, fmt.Errorf("the write key in %s is still the one made for the inbox, and %s would take everything and drop it: set the source's", s.Name, endpoint.Host)
	}
	client, err := s.Commerce(ctx)
	if err != nil {
		return told{}, err
	}
	teller, err := history.NewTeller(history.Options{
		Commerce: client, Segment: segment.NewClient(nil), Configs: configs, Kinds: kinds, Only: o.only, To: to, Rate: o.rate,
	})
	return told{
		Site: s, Teller: teller, client: client, destination: endpoint.Host + endpoint.Path,
		source: digest(s.Prefix, endpoint.Host, endpoint.WriteKey),
	}, err
}

// journal lists what was sent from here to the store's source.
func (t told) journal() *history.Journal {
	return history.OpenJournal(t.HistoryFile("sent-" + t.source + ".txt"))
}

// digest is a name made of texts, of which it shows none.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// sure asks whether to send, unless that was said.
func (o telling) sure(cmd *cobra.Command, question string) error {
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

// period reads the flags --since and --until.
func (o telling) period(now, otherwise time.Time) (since, until time.Time, err error) {
	if since, err = parseMoment(o.since, now); err != nil {
		return since, until, fmt.Errorf("--since %w", err)
	}
	until = otherwise
	if o.until != "" {
		if until, err = parseMoment(o.until, now); err != nil {
			return since, until, fmt.Errorf("--until %w", err)
		}
	}
	if !since.Before(until) {
		return since, until, fmt.Errorf("nothing lies between --since %s and --until %s", moment(since), moment(until))
	}
	return since, until, nil
}

// parseMoment reads a time: a day or a moment, in UTC unless it says otherwise as
// Commerce's are, or how long ago it was.
func parseMoment(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if ago, err := executions.ParseSince(text); err == nil {
		return now.Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("%q: write a time such as 2026-01-31 or 2026-01-31T08:00:00Z, or how long ago, such as 36h or 30d", text)
}

// moment is a time as Commerce writes it, for people.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// counter says on a terminal how much has been read so far.
func counter(w io.Writer, what string) (read func(int), done func()) {
	if !isTerminal(w) {
		return func(int) {}, func() {}
	}
	return func(n int) { fmt.Fprintf(w, "\r%d %s read", n, what) }, func() { fmt.Fprintln(w) }
}

// printRefusals lists the first facts that were refused, and says how many there are.
func printRefusals(w io.Writer, refusals []history.Refusal, count int) {
	for _, refusal := range refusals {
		fmt.Fprintf(w, "  %s\n", refusal)
	}
	if more := count - len(refusals); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}
