package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/deadletters"
	"commerce-segment/infra/hub/forecast"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/spool"
	"commerce-segment/shared/tracking"
)

// OpenDeadLetters returns the dead-letter queues of the hub that runs on this machine. It
// fails if no hub answers.
func OpenDeadLetters(ctx context.Context, addr, dir string, trackings []tracking.Tracking) (deadletters.Queues, error) {
	client, err := NewClient(addr, dir)
	if err != nil {
		return nil, err
	}
	var letters deadletters.Queues
	for _, t := range trackings {
		letters = append(letters, deadletters.TrackingQueue{Tracking: t, Queue: hubQueue{client, t}})
	}
	_, err = letters[0].Queue.Count(ctx) // so that a hub that does not run is one error, not one for each tracking
	return letters, err
}

// hubQueue is the dead-letter queue of a tracking in a running hub. It reads the dead letters
// without the bodies of their webhooks.
type hubQueue struct {
	Client
	tracking tracking.Tracking
}

// count reads the numbers of events from the hub.
func (q hubQueue) count(ctx context.Context) (numbers console.Letters, err error) {
	err = q.ask(ctx, http.MethodGet, "?"+console.CountOnly, nil, &numbers)
	return numbers, err
}

// Count implements deadletters.Queue.
func (q hubQueue) Count(ctx context.Context) (int, error) {
	numbers, err := q.count(ctx)
	return numbers.Count, err
}

// CountWaiting implements deadletters.Queue.
func (q hubQueue) CountWaiting(ctx context.Context) (int, error) {
	numbers, err := q.count(ctx)
	return numbers.Waiting, err
}

// List implements deadletters.Queue.
func (q hubQueue) List(ctx context.Context) ([]spool.DeadLetter, error) {
	var read console.Letters
	err := q.ask(ctx, http.MethodGet, "", nil, &read)
	var letters []spool.DeadLetter
	for _, w := range read.Letters {
		letters = append(letters, spool.DeadLetter{ID: w.ID, FailedAt: w.FailedAt, Envelope: relay.Envelope{Received: w.Received}, Failure: relay.Failure{
			Tracking: w.Tracking, Reason: w.Reason, Detail: w.Detail, Resource: w.Resource, Receives: w.Receives,
		}})
	}
	return letters, err
}

// redriveBatch is how many dead letters one request puts back. The hub puts back more than a
// thousand a second, so it answers in time.
const redriveBatch = 500

// Redrive implements deadletters.Queue.
func (q hubQueue) Redrive(ctx context.Context, matches func(spool.DeadLetter) bool, progress func(looked int)) (int, error) {
	letters, err := q.List(ctx)
	if err != nil {
		return 0, err
	}
	moved, looked := 0, 0
	for batch := range slices.Chunk(letters, redriveBatch) {
		n, err := q.putBack(ctx, slices.DeleteFunc(slices.Clone(batch), func(l spool.DeadLetter) bool { return !matches(l) }))
		moved += n
		if err != nil {
			return moved, err
		}
		for range batch {
			looked++
			progress(looked)
		}
	}
	return moved, nil
}

// putBack puts dead letters back on their queue. If no answer comes, the error says that their
// number is not known.
func (q hubQueue) putBack(ctx context.Context, letters []spool.DeadLetter) (moved int, err error) {
	if len(letters) == 0 {
		return 0, nil
	}
	var ids []string
	for _, l := range letters {
		ids = append(ids, l.ID)
	}
	var answer console.Moved
	err = q.ask(ctx, http.MethodPost, "", formOf(ids), &answer)
	if errors.As(err, new(errNotRunning)) {
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("the hub did not confirm %s, which it may have put back: %w", words.Count(len(letters), "dead letter"), err)
	}
	if answer.Error != "" {
		return answer.Moved, errors.New(answer.Error)
	}
	return answer.Moved, nil
}

// ask sends a form to the hub, and decodes its answer.
func (q hubQueue) ask(ctx context.Context, method, query string, form url.Values, answer any) error {
	err := q.askJSON(ctx, method, console.LettersPath+q.tracking.Name+query, form, answer)
	if errors.As(err, new(errNotRunning)) {
		return fmt.Errorf("reading the dead letters of this machine needs a running hub; for those of a deployed store add --prefix: %w", err)
	}
	return err
}

// ForecastLetters returns what a redrive of dead letters would do in the running hub.
func (c Client) ForecastLetters(ctx context.Context, letters []deadletters.Letter) (total forecast.Forecast, err error) {
	ids := map[string][]string{}
	for _, l := range letters {
		ids[l.Tracking.Name] = append(ids[l.Tracking.Name], l.ID)
	}
	for name, own := range ids {
		var one forecast.Forecast
		if err := c.askJSON(ctx, http.MethodPost, console.ForecastPath+name, formOf(own), &one); err != nil {
			return total, err
		}
		total.Add(one)
	}
	return total, nil
}

// TemplateEffect returns what a template would do to the latest events of the running hub.
func (c Client) TemplateEffect(ctx context.Context, t tracking.Tracking, source string) (effect forecast.Change, err error) {
	err = c.askJSON(ctx, http.MethodPost, "/templates/"+t.Name+"/effect", url.Values{"source": {source}}, &effect)
	return effect, err
}
