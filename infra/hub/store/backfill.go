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

// BackfillOptions describes which past events to send, and where to send them.
type BackfillOptions struct {
	Kinds    []backfill.Kind
	Only, To []string // as in backfill.Options
	Rate     int      // events a second
	Disabled bool     // also trackings that are disabled: see Store.OpenRevenue
	// Again also sends what was sent before. With To that is always so: the messages may have
	// gone to other integrations.
	Again bool
	// Inbox is the URL of the hub's inbox. A store on this machine sends there if no
	// Segment host is set.
	Inbox string
}

// Backfill is a store with what is needed to compare and send its past events.
type Backfill struct {
	Store
	*backfill.Sender
	// Destination is the URL to which the events are sent.
	Destination string

	options BackfillOptions
	source  string // identifies the store and its Segment source
	pair    string // identifies the Segment source and the Commerce store
}

// ErrStoreChanged reports that important settings of a store changed after it was opened.
var ErrStoreChanged = errors.New("the Commerce store, the Segment source or the enabled trackings were changed after the comparison")

// Reopen opens the store again, with its current settings, to send events. The error is
// ErrStoreChanged if the Commerce store, the Segment source or the enabled trackings are
// different now.
func (b Backfill) Reopen(ctx context.Context) (Backfill, error) {
	b.options.Disabled = false
	now, err := b.Store.OpenBackfill(ctx, b.options)
	if err == nil && (now.pair != b.pair || !slices.Equal(now.Sender.Trackings(), b.Sender.Trackings())) {
		err = ErrStoreChanged
	}
	return now, err
}

// OpenBackfill prepares a backfill: it reads the store's settings and makes the clients of
// Commerce and Segment.
func (s Store) OpenBackfill(ctx context.Context, what BackfillOptions) (Backfill, error) {
	what.Again = what.Again || len(what.To) > 0
	configs, err := s.Configs(ctx, what.Inbox)
	if err != nil {
		return Backfill{}, err
	}
	endpoint := configs[tracking.OrderCompleted.Name].Segment // all trackings have the same
	if IsInboxKey(endpoint.WriteKey) && endpoint.Host != what.Inbox {
		return Backfill{}, fmt.Errorf("the write key in %s is still the one made for the inbox: %s would accept all events and drop them. Set the write key of the source", s.Name, endpoint.Host)
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
		Commerce: client, Segment: segment.NewClient(nil), Configs: configs, Kinds: what.Kinds, Only: what.Only, To: what.To, Rate: what.Rate, Disabled: what.Disabled,
	})
	return Backfill{Store: s, Sender: sender, Destination: endpoint.Host + endpoint.Path, options: what, source: s.source(endpoint), pair: s.pair(endpoint, credentials)}, err
}

// OpenRevenue prepares a comparison of revenues. A tracking that is disabled is compared too.
// Reopen it before anything is sent.
func (s Store) OpenRevenue(ctx context.Context, inbox string) (Backfill, error) {
	return s.OpenBackfill(ctx, BackfillOptions{
		Kinds: []backfill.Kind{backfill.Orders}, Only: []string{tracking.OrderCompleted.Name}, Rate: backfill.DefaultRate, Inbox: inbox, Disabled: true,
	})
}

// source returns a name for a store and the Segment source to which it sends.
func (s Store) source(endpoint segment.Endpoint) string {
	return digest(s.Prefix, endpoint.Host, endpoint.WriteKey)
}

// pair returns a name for a Segment source and the Commerce store whose events it receives.
func (s Store) pair(endpoint segment.Endpoint, store commerce.Credentials) string {
	return digest(s.source(endpoint), store.URL, store.ClientID)
}

// digest returns a short name made from texts. It does not reveal them.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// backfillFolder is the folder in a hub's directory with the positions of backfills and the
// lists of what was sent from this machine.
const backfillFolder = "backfill"

// backfillFile returns the path of a file about what was sent from this machine. For a
// deployed store it is in the default directory.
func (s Store) backfillFile(name string) string {
	return filepath.Join(cmp.Or(s.Dir, DefaultDir), backfillFolder, name)
}

// Journal returns the list of what was sent from this machine to the store's source. by is the
// name of the user or session that sends now.
func (b Backfill) Journal(by string) *backfill.Journal { return b.journal(b.source, by) }

func (s Store) journal(source, by string) *backfill.Journal {
	return backfill.OpenJournal(s.backfillFile("sent-"+source+".txt"), by)
}

// Sent returns what was sent from this machine to the store's source about an order or a
// customer without a webhook, by its id or the beginning of it.
func (s Store) Sent(ctx context.Context, inbox, id string) executions.Sent {
	if files, _ := filepath.Glob(s.backfillFile("sent-*.txt")); len(files) == 0 {
		return executions.Sent{} // to no source
	}
	config, err := s.config(ctx, tracking.OrderCompleted, inbox) // all trackings have the same source
	if err != nil {
		return executions.Sent{Err: fmt.Errorf("the settings in %s: %w", s.Name, err)}
	}
	lines, err := s.journal(s.source(config.Segment), "").Find(id)
	return executions.Sent{Lines: lines, Err: err}
}

// SentSince returns the lines about what was sent from this machine to the store's source since a
// time, without a webhook.
func (s Store) SentSince(ctx context.Context, inbox string, since time.Time) ([]executions.Line, error) {
	config, err := s.config(ctx, tracking.OrderCompleted, inbox) // all trackings have the same source
	if err != nil {
		return nil, fmt.Errorf("the settings in %s: %w", s.Name, err)
	}
	return s.journal(s.source(config.Segment), "").Since(since)
}

// positionFile returns the path of the file with the position of a backfill. The same
// kind, period and options have the same file, so that a repeated command continues.
func (b Backfill) positionFile(kind backfill.Kind, p backfill.Period) string {
	only, to := slices.Sorted(slices.Values(b.options.Only)), slices.Sorted(slices.Values(b.options.To))
	options := []string{b.pair, p.Since, p.Until, strings.Join(only, ","), strings.Join(to, ",")}
	if b.options.Again {
		options = append(options, "again")
	}
	name := digest(options...)
	return b.backfillFile(fmt.Sprintf("backfill-%s-%s.json", kind, name))
}

// Begun returns the position of a backfill of this period that was stopped, or nil if
// there is none.
func (b Backfill) Begun(kind backfill.Kind, p backfill.Period) (*backfill.Position, error) {
	return backfill.OpenPosition(b.positionFile(kind, p))
}

// Begin returns the first position of a planned backfill.
func (b Backfill) Begin(kind backfill.Kind, p backfill.Period, since, until time.Time, plan backfill.Plan) *backfill.Position {
	position := backfill.NewPosition(b.positionFile(kind, p), kind, since, until, plan.Total())
	position.Source, position.Only, position.To, position.Again = b.pair, b.options.Only, b.options.To, b.options.Again
	return position
}

// Unfinished returns the positions of the backfills from this Commerce store to this
// source that were stopped. It returns none if the store is not connected to Commerce.
func (s Store) Unfinished(ctx context.Context, inbox string) (stopped []*backfill.Position, err error) {
	config, err := s.config(ctx, tracking.OrderCompleted, inbox) // all trackings have the same source
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

// Loss explains why webhooks of a tracking were probably lost.
type Loss struct {
	Tracking string
	Reasons  []string
}

// Losses asks Commerce why the missing webhooks of each tracking were probably lost.
func (b Backfill) Losses(ctx context.Context, c *backfill.Comparison) (losses []Loss, err error) {
	for _, name := range b.Sender.Trackings() {
		if c.Outcomes[name].Missing == 0 {
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

// posts returns a function that reports whether an integration of Commerce posts to a
// tracking. It compares the URL for a deployed store. For a store on this machine it
// compares only the path, because the host that Commerce uses is not known.
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

// arrivalLog reads from a store's log which webhooks arrived.
type arrivalLog struct {
	log executions.Log
	// trackings are read one after the other, because one query reads a limited number of
	// lines. If it is empty, one query reads all trackings.
	trackings []tracking.Tracking
	// begins is the time from which the log is complete. The zero time means: from the
	// oldest line.
	begins time.Time
}

// ArrivalLog returns the log of the webhooks that arrived: the logs of a deployed store's
// functions, or the log here of the hub on this machine, which is nil if there is none.
func (b Backfill) ArrivalLog(ctx context.Context, here executions.Log) (backfill.ArrivalLog, error) {
	if b.Deployment == nil {
		return arrivalLog{log: here}, nil
	}
	begins, err := b.Deployment.LogsBegin(ctx)
	if err != nil {
		return nil, err
	}
	l := arrivalLog{log: b.Deployment.Logs(), begins: begins}
	for _, name := range b.Sender.Trackings() {
		row, err := tracking.ByName(name)
		if err != nil {
			return nil, err
		}
		l.trackings = append(l.trackings, row)
	}
	return l, nil
}

// KnownFacts reads what is known since a time about the events of Commerce: from the log of the
// webhooks that arrived, and from what was sent from this machine. The log here is as that of
// ArrivalLog. A store that is opened to send events again knows nothing.
func (b Backfill) KnownFacts(ctx context.Context, here executions.Log, since time.Time) (backfill.KnownFacts, error) {
	if b.options.Again {
		return backfill.KnownFacts{}, nil
	}
	log, err := b.ArrivalLog(ctx, here)
	if err != nil {
		return backfill.KnownFacts{}, err
	}
	return backfill.ReadKnownFacts(ctx, log, since, b.Journal(""))
}

// Again reports whether the store is opened to send again what was sent before.
func (b Backfill) Again() bool { return b.options.Again }

// Arrivals implements backfill.ArrivalLog.
func (l arrivalLog) Arrivals(ctx context.Context, since time.Time) (all []backfill.Arrival, complete time.Time, err error) {
	if l.log == nil {
		return nil, time.Now(), nil
	}
	queries := []executions.Query{{From: since}}
	if len(l.trackings) > 0 {
		queries = nil
		for _, t := range l.trackings {
			queries = append(queries, executions.Query{From: since, Trackings: []tracking.Tracking{t}})
		}
	}
	complete = l.begins
	for _, query := range queries {
		oldest, cut := time.Now(), false
		for e, err := range l.log.All(ctx, query) {
			if cut = errors.As(err, new(executions.ErrCut)); cut {
				break
			}
			if err != nil {
				return nil, time.Time{}, err
			}
			oldest = e.Received // the newest comes first
			if arrival, ok := arrivalOf(e); ok {
				all = append(all, arrival)
			}
		}
		if (cut || l.begins.IsZero()) && oldest.After(complete) {
			complete = oldest
		}
	}
	return all, complete, nil
}

// arrivalOf returns a webhook that arrived, or an event that was sent from here, for a
// comparison. ok is false if it does not show whether its event is missing.
func arrivalOf(e executions.Execution) (a backfill.Arrival, ok bool) {
	last, outcome := e.Lines[len(e.Lines)-1], outcomeOf(e)
	return backfill.Arrival{
		Tracking: e.Tracking, Event: e.Event, Resource: e.Resource, Outcome: outcome, Reason: e.Reason, MessageIDs: e.MessageIDs,
		EventTime: last.EventTime, Revenue: last.Revenue.String(), Currency: last.Currency,
	}, outcome != 0 && e.Resource != ""
}

// OneRevenue compares the revenue of an order with what is known about it. The log begins at
// the given time.
func (b Backfill) OneRevenue(ctx context.Context, order commerce.Order, found []executions.Execution, begins time.Time) (backfill.OneRevenue, error) {
	var arrivals []backfill.Arrival
	for _, e := range found {
		onlyTo := e.WithoutWebhook() && e.Detail != "" // not to all integrations
		if arrival, ok := arrivalOf(e); ok && !onlyTo {
			arrivals = append(arrivals, arrival)
		}
	}
	return b.Sender.OneRevenue(ctx, order, arrivals, begins)
}

// outcomeOf returns the outcome of a webhook for a comparison. It returns 0 if the outcome
// does not show whether the event is missing: the webhook was rejected, its event was not
// observed at that time, or it updated an order without a refund.
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

// Configs returns the settings of the trackings by name. A store on this machine without a
// Segment host sends to the inbox at the given URL.
func (s Store) Configs(ctx context.Context, inbox string) (map[string]relay.Config, error) {
	configs := map[string]relay.Config{}
	for _, t := range s.Trackings() {
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

// LogsBegin returns the time from which the logs of all functions are complete: every log
// group existed, and its lines are still kept.
func (d *Deployment) LogsBegin(ctx context.Context) (time.Time, error) {
	client := cloudwatchlogs.NewFromConfig(d.Config)
	stack := outputs.StackName(d.Outputs[outputs.Prefix])
	var begin time.Time
	for _, t := range d.Trackings() {
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
