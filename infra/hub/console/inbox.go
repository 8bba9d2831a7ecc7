package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"commerce-segment/infra/hub/database"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/shared/chars"
	"commerce-segment/shared/settings"
)

const (
	// inboxPath is the path of the page Inbox. Programs read all batches at /inbox.
	inboxPath = "/inbox/messages"
	// inboxRows is how many messages a page lists.
	inboxRows = 50
	// shownBytes is how much of a message a page shows: what Segment accepts of one.
	shownBytes = 32 << 10
)

var (
	errNoMessage = errors.New("the inbox does not have this message: it was emptied, or the message was removed because it was among the oldest")
	errPlace     = errors.New("the address does not name a message of the inbox: open it from the page Inbox")
)

// place is where a message is in the inbox.
type place struct {
	Batch uint64 // its number
	Index int    // of the message in the batch
}

func (p place) String() string { return fmt.Sprintf("%d.%d", p.Batch, p.Index) }

// Path returns the path of the message's page.
func (p place) Path() string { return fmt.Sprintf("%s/%d/%d", inboxPath, p.Batch, p.Index) }

// parsePlace parses what String returns.
func parsePlace(batch, index string) (p place, err error) {
	number, err := strconv.ParseUint(batch, 10, 64)
	if err != nil {
		return place{}, errPlace
	}
	if p.Index, err = strconv.Atoi(index); err != nil || p.Index < 0 {
		return place{}, errPlace
	}
	return place{number, p.Index}, nil
}

// inboxMessage is a message in the inbox.
type inboxMessage struct {
	place
	At   time.Time
	JSON json.RawMessage

	Call, Event, User, MessageID string // without personal values
}

// inboxData is the data of the page Inbox.
type inboxData struct {
	Host    string // where events are sent, if that is not the inbox
	Text    string // the search
	Batches int    // all in the inbox
	Rows    []inboxMessage
	Older   string // the place after which the next page begins; empty if there is none
	First   bool   // this page begins with the newest message
}

// inbox lists the messages in the inbox, the newest first.
func (c *Console) inbox(w http.ResponseWriter, r *http.Request) {
	list, form := c.Machine.Inbox(), r.URL.Query()
	data := inboxData{Text: strings.TrimSpace(form.Get("q")), Batches: list.Kept(), First: !form.Has("before")}
	before := place{Batch: list.Added() + 1}
	if !data.First {
		var err error
		batch, index, _ := strings.Cut(form.Get("before"), ".")
		if before, err = parsePlace(batch, index); err != nil {
			c.fail(w, r, http.StatusBadRequest, err)
			return
		}
	}
	var err error
	if data.Host, err = c.segmentHost(r.Context()); err == nil {
		err = data.read(r.Context(), list, before)
	}
	if err != nil {
		c.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	c.show(w, r, http.StatusOK, "inbox", view{Title: "Inbox", Path: inboxPath, Data: data})
}

// segmentHost returns the host to which this store sends events, or "" if the hub on this
// machine sends them to its inbox.
func (c *Console) segmentHost(ctx context.Context) (string, error) {
	values, err := c.Store.Parameters(ctx, []string{settings.SegmentHost})
	return strings.TrimSpace(values[settings.SegmentHost]), err
}

// read adds the rows of a page: the newest messages before a place that contain the text.
func (d *inboxData) read(ctx context.Context, list *database.List, before place) error {
	text := bytes.ToLower([]byte(d.Text))
	for batch, err := range list.NewestFirst(before.Batch) {
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		if !contains(batch.Body, text) {
			continue
		}
		messages := messagesOf(batch)
		if batch.Number == before.Batch {
			messages = messages[:min(before.Index, len(messages))]
		}
		for i := len(messages) - 1; i >= 0; i-- {
			if !contains(messages[i].JSON, text) {
				continue
			}
			if len(d.Rows) == inboxRows {
				d.Older = d.Rows[inboxRows-1].String()
				return nil
			}
			messages[i].describe()
			d.Rows = append(d.Rows, messages[i])
		}
	}
	return nil
}

// contains reports whether a JSON text contains a text in lower case, in any letter case.
func contains(json, text []byte) bool {
	return len(text) == 0 || bytes.Contains(bytes.ToLower(json), text)
}

// messagesOf returns the messages of a batch in their order.
func messagesOf(batch database.Entry) []inboxMessage {
	var body struct {
		Path  string            `json:"path"` // of a request with a single message, which has no type
		Batch []json.RawMessage `json:"batch"`
	}
	_ = json.Unmarshal(batch.Body, &body) // the inbox has checked it
	messages := make([]inboxMessage, len(body.Batch))
	for i, message := range body.Batch {
		messages[i] = inboxMessage{place: place{batch.Number, i}, At: batch.At, JSON: message, Call: calls[path.Base(body.Path)]}
	}
	return messages
}

// calls are the types of the messages that are sent alone, by the ends of their paths.
var calls = map[string]string{
	"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias",
	"track": "track", "identify": "identify", "page": "page", "screen": "screen", "group": "group", "alias": "alias",
}

// describe sets what a row shows of the message.
func (m *inboxMessage) describe() {
	var read struct{ Type, Event, UserID, AnonymousID, MessageID any }
	_ = json.Unmarshal(m.JSON, &read) // a message that is not an object has no such members
	hide := redact.New(m.JSON)
	shown := func(name string, value any) string {
		text, _ := value.(string)
		text = hide.Field(name, text)
		return chars.Line(text[:min(len(text), cellBytes)])
	}
	m.Call, m.Event, m.MessageID = cmp.Or(m.Call, shown("type", read.Type)), shown("event", read.Event), shown("messageId", read.MessageID)
	m.User = cmp.Or(shown("userId", read.UserID), shown("anonymousId", read.AnonymousID))
}

// cellBytes is how much of a value a row shows. The page of the message has all of it.
const cellBytes = 200

// findMessage returns the message of the request's path.
func (c *Console) findMessage(r *http.Request) (inboxMessage, error) {
	at, err := parsePlace(r.PathValue("batch"), r.PathValue("index"))
	if err != nil {
		return inboxMessage{}, err
	}
	batch, found, err := c.Machine.Inbox().Entry(at.Batch)
	if err != nil {
		return inboxMessage{}, err
	}
	if !found {
		return inboxMessage{}, errNoMessage
	}
	messages := messagesOf(batch)
	if at.Index >= len(messages) {
		return inboxMessage{}, errNoMessage
	}
	return messages[at.Index], nil
}

// statusOfMessage returns the HTTP status for an error of findMessage.
func statusOfMessage(err error) int {
	if errors.Is(err, errNoMessage) || errors.Is(err, errPlace) {
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}

// inboxMessageData is the data of the page of one message.
type inboxMessageData struct {
	Message  inboxMessage
	Personal bool
	Text     string // the message, indented
	Cut      bool   // Text is only its beginning
}

// inboxMessage shows one message. Personal values are hidden unless the user asks for them.
func (c *Console) inboxMessage(w http.ResponseWriter, r *http.Request) {
	message, err := c.findMessage(r)
	if err != nil {
		c.fail(w, r, statusOfMessage(err), err)
		return
	}
	message.describe()
	data := inboxMessageData{Message: message, Personal: r.URL.Query().Get("personal") == "yes"}
	var text bytes.Buffer
	_ = json.Indent(&text, message.JSON, "", "  ") // it was checked
	if text.Len() > shownBytes {
		text.Truncate(bytes.LastIndexByte(text.Bytes()[:shownBytes], '\n') + 1)
		data.Cut = true
	}
	data.Text = text.String()
	if !data.Personal {
		data.Text, _ = redact.New(message.JSON).JSON(data.Text)
	}
	c.show(w, r, http.StatusOK, "inbox-one", view{Title: cmp.Or(message.Event, message.Call, "Message"), Path: inboxPath, Data: data})
}

// inboxMessageJSON writes one message as it was received.
func (c *Console) inboxMessageJSON(w http.ResponseWriter, r *http.Request) {
	message, err := c.findMessage(r)
	if err != nil {
		c.fail(w, r, statusOfMessage(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(message.JSON)
}

// emptyInbox removes all batches from the inbox.
func (c *Console) emptyInbox(w http.ResponseWriter, r *http.Request) {
	if err := c.Machine.Inbox().Empty(); err != nil {
		c.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	c.done(w, r, inboxPath, "The inbox is empty.")
}
