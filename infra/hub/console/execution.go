package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"commerce-segment/infra/hub/console/difference"
	"commerce-segment/infra/hub/executions"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/tracking"
)

var errNoExecution = errors.New("the log does not have this webhook: it is older than the log, or the address is not complete. Open it from the page Executions")

// executionPath returns the path of an execution's page. The id is there so that the log finds
// the execution without reading others.
func executionPath(e executions.Execution) string {
	return "/executions/" + executions.Position(e.Received, e.Tracking) + "?" + url.Values{fieldID: {e.Resource}}.Encode()
}

// fieldID is the name of the field with the id of the order or customer.
const fieldID = "id"

// executionData is the data of the page of one webhook.
type executionData struct {
	executions.Chapter
	Path     string // of the page, without personal values
	Personal bool
	Waiting  *queue.Waiting // if it is retried
	Letter   string         // the ID of its dead letter; empty if it is none, or on AWS
	Webhook  string         // as the template receives it, as JSON; empty if it is not kept
	Kept     string         // where the webhook is kept, or why it is not
	Preview  preview        // what would be sent now
	// Undelivered describes what would happen now if the settings do not let it be delivered.
	Undelivered string
	Sent        *result // what the inbox received; nil if it did not
	Difference  difference.Sides
}

// IsSame reports whether the live template writes what was sent.
func (d executionData) IsSame() bool {
	return d.Sent != nil && d.Webhook != "" && d.Sent.Digest == d.Preview.Result.Digest
}

// Accepted returns the line of the attempt that Segment accepted, with its revenue; nil if
// there is none.
func (d executionData) Accepted() *executions.Line {
	for _, line := range slices.Backward(d.Lines) {
		if line.Outcome == string(executions.Delivered) {
			return &line
		}
	}
	return nil
}

// execution shows what happened to one webhook. Personal values are hidden unless the user asks
// for them.
func (c *Console) execution(w http.ResponseWriter, r *http.Request) {
	log := c.log()
	if log == nil {
		c.fail(w, r, http.StatusNotFound, errNoLog)
		return
	}
	e, err := findExecution(r.Context(), log, r.PathValue("position"), r.URL.Query().Get(fieldID))
	if err != nil {
		status := statusOf(err)
		if errors.Is(err, errNoExecution) {
			status = http.StatusNotFound
		}
		c.fail(w, r, status, err)
		return
	}
	search := executions.Search{Resource: e.Resource, Now: time.Now(), Store: c.Store.Named()}
	data := executionData{Chapter: search.Chapter(e), Path: executionPath(e), Personal: r.URL.Query().Get("personal") == "yes"}
	if err := c.addContent(r.Context(), &data); err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.show(w, r, http.StatusOK, "execution", view{Title: data.Title, Path: "/executions", Data: data})
}

// PersonalPath returns the address of the page with or without personal values: the other one.
func (d executionData) PersonalPath() string {
	if d.Personal {
		return d.Path
	}
	return d.Path + "&personal=yes"
}

// findExecution returns the execution at a position.
func findExecution(ctx context.Context, log executions.Log, position, id string) (executions.Execution, error) {
	received, name, err := executions.ParsePosition(position)
	if err != nil {
		return executions.Execution{}, err
	}
	t, err := tracking.ByName(name)
	if err != nil {
		return executions.Execution{}, errNoExecution
	}
	q := executions.Query{From: received, To: received.Add(1), Trackings: []tracking.Tracking{t}, ID: id}
	for e, err := range log.All(ctx, q) {
		if err != nil && !errors.As(err, new(executions.ErrCut)) {
			return executions.Execution{}, err
		}
		if err == nil && e.Received.Equal(received) {
			return e, nil
		}
	}
	return executions.Execution{}, errNoExecution
}

// addContent adds the webhook, the messages that were sent, and those that would be sent now.
func (c *Console) addContent(ctx context.Context, data *executionData) error {
	t, err := tracking.ByName(data.Tracking)
	if err != nil {
		return err
	}
	body, err := c.webhookOf(t, data)
	if err != nil {
		return err
	}
	if body != nil {
		if err := c.addPreview(ctx, t, body, data); err != nil {
			return err
		}
	}
	sent, err := c.sentMessages(ctx, data.Execution)
	if err != nil || len(sent) == 0 {
		return err
	}
	was := resultOf(sent)
	if !data.Personal {
		hide := redact.New(append(jsonOf(sent), body)...)
		was, data.Preview.Result = was.redacted(hide), data.Preview.Result.redacted(hide)
	}
	data.Sent = &was
	if data.Webhook != "" && !data.IsSame() {
		data.Difference, err = difference.Compare("Sent", was.Text(), "With the live template", data.Preview.Result.Text())
	}
	return err
}

func jsonOf(messages []segment.Message) (texts [][]byte) {
	for _, message := range messages {
		texts = append(texts, message.JSON)
	}
	return texts
}

// addPreview adds the webhook and what the live template makes of it.
func (c *Console) addPreview(ctx context.Context, t tracking.Tracking, body []byte, data *executionData) error {
	stored, err := c.Store.Template(ctx, t)
	if err != nil {
		return err
	}
	form := templateForm{Tracking: t, Source: stored.Source, Personal: data.Personal}
	data.Preview = c.previewOf(ctx, preview{}, form, sourceOf(t, stored.Source), event{Body: body, At: data.Received, Real: true})
	data.Webhook = data.Preview.Webhook
	data.Undelivered, err = c.undelivered(ctx, t, data.Event)
	return err
}

// webhookOf returns the body of the webhook, or nil if it is not kept. It adds where it is kept,
// and the event on the queue or the dead letter.
func (c *Console) webhookOf(t tracking.Tracking, data *executionData) ([]byte, error) {
	if c.Machine == nil {
		data.Kept = "A store on AWS keeps the webhook of an event only while it is on the queue, where it cannot be read, and that of a dead letter, which the page Dead letters shows."
		return nil, nil
	}
	if slices.Contains([]executions.Outcome{executions.Accepted, executions.Retrying, executions.Failed}, data.Outcome) {
		kept, err := c.Machine.Queue(t).Find(data.Received)
		if err != nil {
			return nil, err
		}
		if kept != nil {
			data.Waiting, data.Kept = kept.Waiting, "It is kept on the queue."
			if kept.Letter != nil {
				data.Letter, data.Kept = kept.Letter.ID, "It is kept as a dead letter."
			}
			return kept.Envelope.Body, nil
		}
	}
	data.Kept = "It is among the latest webhooks, which the hub keeps."
	body := closest(c.Machine.Recent(), data.Execution)
	if body == nil {
		data.Kept = "The hub keeps the latest webhooks, those on its queues and those of dead letters. This one is not among them."
	}
	return body, nil
}

// keptWithin is the longest time from when a webhook was received until it was accepted.
const keptWithin = 10 * time.Second

// closest returns the body of an execution's webhook; nil if it is not among the latest.
func closest(latest []Recent, e executions.Execution) (body []byte) {
	best := keptWithin
	for _, one := range latest {
		distance := one.At.Sub(e.Received).Abs()
		if one.Tracking.Name == e.Tracking && one.Event == e.Event && one.Resource == e.Resource && distance < best {
			best, body = distance, one.Body
		}
	}
	return body
}

// sentWithin is how much the times of a message in the inbox and of the log may differ.
const sentWithin = time.Minute

// sentMessages returns the messages of an execution as the inbox of this machine received them,
// or none if it does not have all of them. They have no other fields than JSON and ID.
func (c *Console) sentMessages(ctx context.Context, e executions.Execution) ([]segment.Message, error) {
	if c.Machine == nil || len(e.MessageIDs) == 0 || e.Outcome != executions.Delivered {
		return nil, nil
	}
	sent := e.Lines[len(e.Lines)-1].Time
	found := map[string]segment.Message{}
	list := c.Machine.Inbox()
	for batch, err := range list.NewestFirst(list.Added()) {
		if err != nil || ctx.Err() != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		if batch.At.Before(sent.Add(-sentWithin)) || len(found) == len(e.MessageIDs) {
			break
		}
		if batch.At.After(sent.Add(sentWithin)) {
			continue
		}
		for _, message := range messagesOf(batch) {
			var read struct{ MessageID string }
			_ = json.Unmarshal(message.JSON, &read) // others have no such member
			if slices.Contains(e.MessageIDs, read.MessageID) {
				found[read.MessageID] = segment.Message{ID: read.MessageID, JSON: message.JSON}
			}
		}
	}
	var messages []segment.Message
	for _, id := range e.MessageIDs {
		if message, ok := found[id]; ok {
			messages = append(messages, message)
		}
	}
	if len(messages) < max(len(e.MessageIDs), e.Messages) {
		return nil, nil
	}
	return messages, nil
}
