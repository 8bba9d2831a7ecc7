package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"commerce-segment/infra/hub/backfill"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/stack/outputs"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// BackfillOptions says which past events to send, and where to.
type BackfillOptions struct {
	Kinds    []backfill.Kind
	Only, To []string // as in backfill.Options
	Rate     int      // events a second
	// Inbox is the URL of the hub to which a store on this machine sends where no
	// Segment host is set.
	Inbox string
}

// Backfill is a store whose past events are compared and sent.
type Backfill struct {
	Store
	*backfill.Sender
	// Destination is where the events go.
	Destination string

	options BackfillOptions
	source  string
	pair    string // names the source and the Commerce store
}

// ErrChanged says that since a store was opened others of its settings count.
var ErrChanged = errors.New("the Commerce store, the Segment source or which trackings are enabled has been changed meanwhile")

// Reopen opens the store once more, with the settings that count by now. The error is
// ErrChanged where they are about another Commerce store, source or choice of trackings.
func (b Backfill) Reopen(ctx context.Context) (Backfill, error) {
	now, err := b.Store.OpenBackfill(ctx, b.options)
	if err == nil && (now.pair != b.pair || !slices.Equal(now.Trackings(), b.Trackings())) {
		err = ErrChanged
	}
	return now, err
}

// OpenBackfill opens the store, its Commerce and its Segment source.
func (s Store) OpenBackfill(ctx context.Context, what BackfillOptions) (Backfill, error) {
	configs, err := s.Configs(ctx, what.Inbox)
	if err != nil {
		return Backfill{}, err
	}
	endpoint := configs[tracking.OrderCompleted.Name].Segment // all have the same
	if strings.HasPrefix(endpoint.WriteKey, InboxKeyPrefix) && endpoint.Host != what.Inbox {
		return Backfill{}, fmt.Errorf("the write key in %s is still the one made for the inbox, and %s would take everything and drop it: set the source's", s.Name, endpoint.Host)
	}
	credentials, err := s.Credentials(ctx)
	if err != nil {
		return Backfill{}, err
	}
	client, err := commerce.NewClient(credentials, nil)
	if err != nil {
		return Backfill{}, err
	}
	sender, err := backfill.NewSender(backfill.Options{
		Commerce: client, Segment: segment.NewClient(nil), Configs: configs, Kinds: what.Kinds, Only: what.Only, To: what.To, Rate: what.Rate,
	})
	return Backfill{Store: s, Sender: sender, Destination: endpoint.Host + endpoint.Path, options: what, source: s.source(endpoint), pair: s.pair(endpoint, credentials)}, err
}

// source names a store and the Segment source to which it sends.
func (s Store) source(endpoint segment.Endpoint) string {
	return digest(s.Prefix, endpoint.Host, endpoint.WriteKey)
}

// pair names a source and the Commerce store whose events it receives.
func (s Store) pair(endpoint segment.Endpoint, store commerce.Credentials) string {
	return digest(s.source(endpoint), store.URL, store.ClientID)
}

// digest is a name made of texts, of which it shows none.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// backfillFolder is where a hub's directory keeps how far a backfill has come, and what
// was sent from here.
const backfillFolder = "backfill"

// backfillFile is a file about what was sent from this machine. Of a deployed store it is
// in the default directory.
func (s Store) backfillFile(name string) string {
	return filepath.Join(cmp.Or(s.Dir, DefaultDir), backfillFolder, name)
}

// Journal lists what was sent from here to the store's source.
func (b Backfill) Journal() *backfill.Journal {
	return backfill.OpenJournal(b.backfillFile("sent-" + b.source + ".txt"))
}

// positionFile is where the backfill of a period keeps how far it has come. Whoever says
// the same again means the same backfill.
func (b Backfill) positionFile(kind backfill.Kind, p backfill.Period) string {
	only, to := slices.Sorted(slices.Values(b.options.Only)), slices.Sorted(slices.Values(b.options.To))
	name := digest(b.pair, p.Since, p.Until, strings.Join(only, ","), strings.Join(to, ","))
	return b.backfillFile(fmt.Sprintf("backfill-%s-%s.json", kind, name))
}

// Begun is how far the backfill of a period had come when it was stopped; nil where none
// was.
func (b Backfill) Begun(kind backfill.Kind, p backfill.Period) (*backfill.Position, error) {
	return backfill.OpenPosition(b.positionFile(kind, p))
}

// Begin is the beginning of the backfill of a period that was planned.
func (b Backfill) Begin(kind backfill.Kind, p backfill.Period, since, until time.Time, plan backfill.Plan) *backfill.Position {
	position := backfill.NewPosition(b.positionFile(kind, p), kind, since, until, plan.Total())
	position.Source, position.Only, position.To = b.pair, b.options.Only, b.options.To
	return position
}

// Unfinished are the backfills of this store to its source that were stopped. Nothing
// goes on where no Commerce is connected.
func (s Store) Unfinished(ctx context.Context, inbox string) (stopped []*backfill.Position, err error) {
	config, err := s.config(ctx, tracking.OrderCompleted, inbox) // all have the same source
	if err != nil {
		return nil, fmt.Errorf("the settings in %s: %w", s.Name, err)
	}
	credentials, err := s.Credentials(ctx)
	if errors.Is(err, ErrNotConnected) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(s.backfillFile("backfill-*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		position, err := backfill.OpenPosition(file)
		if err != nil {
			return nil, err
		}
		if position != nil && position.Source == s.pair(config.Segment, credentials) {
			stopped = append(stopped, position)
		}
	}
	return stopped, nil
}

// Loss is why the webhooks of a tracking seem to have been lost.
type Loss struct {
	Tracking string
	Reasons  []string
}

// Losses asks Commerce why what is missing seems to have been lost.
func (b Backfill) Losses(ctx context.Context, c *backfill.Comparison) (losses []Loss, err error) {
	for _, name := range b.Trackings() {
		if c.Tallies[name].Missing == 0 {
			continue
		}
		posts, err := b.posts(name)
		if err != nil {
			return nil, err
		}
		reasons, err := b.Explain(ctx, name, c.Since, c.Until, posts)
		if err != nil {
			return nil, fmt.Errorf("asking Commerce why webhooks of %s were lost: %w", name, err)
		}
		losses = append(losses, Loss{Tracking: name, Reasons: reasons})
	}
	return losses, nil
}

// posts says which of Commerce's integrations post to a tracking: those with the URL of a
// deployed store. How Commerce reaches this machine is not known: there it is the path.
func (b Backfill) posts(name string) (func(commerce.Integration) bool, error) {
	row, err := tracking.ByName(name)
	if err != nil {
		return nil, err
	}
	return func(i commerce.Integration) bool {
		if b.Deployment != nil {
			return strings.TrimRight(i.Configuration.URL, "/") == b.Deployment.WebhookURL(row)
		}
		u, err := url.Parse(i.Configuration.URL)
		return err == nil && strings.HasSuffix(strings.TrimRight(u.Path, "/"), serve.Route(name))
	}, nil
}

// arrivalLog is what a store's log lines say about the webhooks that arrived.
type arrivalLog struct {
	log executions.Log
	// trackings are the trackings to ask for, one after the other, because there is a limit
	// to the lines that are read at once; none means all at once.
	trackings []tracking.Tracking
	// begins is when the log does; the zero time where it begins with its oldest line.
	begins time.Time
}

// ArrivalLog is what is known of the webhooks that came: by a deployed store's functions, or
// by the log of the hub that takes them here.
func (b Backfill) ArrivalLog(ctx context.Context, here executions.Log) (backfill.ArrivalLog, error) {
	if b.Deployment == nil {
		return arrivalLog{log: here}, nil
	}
	begins, err := b.Deployment.LogsBegin(ctx)
	if err != nil {
		return nil, err
	}
	l := arrivalLog{log: b.Deployment.Logs(), begins: begins}
	for _, name := range b.Trackings() {
		row, err := tracking.ByName(name)
		if err != nil {
			return nil, err
		}
		l.trackings = append(l.trackings, row)
	}
	return l, nil
}

// Arrivals implements backfill.ArrivalLog.
func (l arrivalLog) Arrivals(ctx context.Context, since time.Time) (all []backfill.Arrival, complete time.Time, err error) {
	queries := []executions.Query{{Since: since}}
	if len(l.trackings) > 0 {
		queries = nil
		for _, t := range l.trackings {
			queries = append(queries, executions.Query{Since: since, Trackings: []tracking.Tracking{t}})
		}
	}
	complete = l.begins
	for _, query := range queries {
		reading, err := l.log.Read(ctx, query)
		if err != nil {
			return nil, time.Time{}, err
		}
		now := time.Now()
		oldest := now
		for _, e := range executions.Of(reading.Lines, now) {
			oldest = e.Received // the newest comes first
			if outcome := outcomeOf(e); outcome != 0 && e.Resource != "" {
				all = append(all, backfill.Arrival{
					Tracking: e.Tracking, Event: e.Event, Resource: e.Resource, Outcome: outcome, MessageIDs: e.MessageIDs,
				})
			}
		}
		if (reading.Cut || l.begins.IsZero()) && oldest.After(complete) {
			complete = oldest
		}
	}
	return all, complete, nil
}

// outcomeOf is what became of a webhook, as far as that says whether its fact is missing; 0
// where it says nothing: it was refused, about an event that nobody wanted then, or an
// update of an order of which no part was refunded.
func outcomeOf(e executions.Execution) backfill.Outcome {
	switch e.Outcome {
	case executions.Delivered:
		return backfill.Delivered
	case executions.Accepted, executions.Retrying:
		return backfill.Pending
	case executions.Failed:
		return backfill.DeadLettered
	case executions.Skipped:
		if e.Reason != "not_observed" && e.Reason != "not_refunded" {
			return backfill.Skipped
		}
	}
	return 0
}

// Configs are the settings of all trackings, by their names. A store on this machine
// that has no Segment host sends to the inbox at that URL.
func (s Store) Configs(ctx context.Context, inbox string) (map[string]relay.Config, error) {
	configs := map[string]relay.Config{}
	for _, t := range tracking.All() {
		config, err := s.config(ctx, t, inbox)
		if err != nil {
			return nil, fmt.Errorf("the settings in %s: %w", s.Name, err)
		}
		configs[t.Name] = config
	}
	return configs, nil
}

func (s Store) config(ctx context.Context, t tracking.Tracking, inbox string) (relay.Config, error) {
	if directory, isHere := s.Backend.(Directory); isHere {
		return directory.Config(ctx, t, inbox)
	}
	parameters, err := s.Parameters(ctx, settings.Names(t))
	if err != nil {
		return relay.Config{}, err
	}
	return settings.Parse(t, parameters)
}

// LogsBegin is from when on the logs of all functions are complete: since they were
// created, as far back as they are kept.
func (d *Deployment) LogsBegin(ctx context.Context) (time.Time, error) {
	client := cloudwatchlogs.NewFromConfig(d.Config)
	stack := outputs.StackName(d.Outputs[outputs.Prefix])
	var begin time.Time
	for _, t := range tracking.All() {
		name := outputs.LogGroup(stack, t)
		answer, err := client.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(name)})
		if err != nil {
			return time.Time{}, fmt.Errorf("asking CloudWatch Logs how far back the functions' logs go: %w", err)
		}
		for _, group := range answer.LogGroups {
			if aws.ToString(group.LogGroupName) != name {
				continue
			}
			begin = latest(begin, time.UnixMilli(aws.ToInt64(group.CreationTime)))
			if group.RetentionInDays != nil {
				begin = latest(begin, time.Now().AddDate(0, 0, -int(*group.RetentionInDays)))
			}
		}
	}
	return begin, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
