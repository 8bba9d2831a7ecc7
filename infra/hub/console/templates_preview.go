package console

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/redact"
	"commerce-segment/infra/hub/render"
	"commerce-segment/infra/hub/store"
	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/shared/turn"
	"commerce-segment/templates"
)

// templateForm is the form of a template's page.
type templateForm struct {
	Tracking tracking.Tracking
	Source   string
	Replaces string // the fingerprint of the live template when the page was opened
	Event    string // the event of the preview: see event.Value
	Pasted   string // the webhook, if Event is pasted
	Personal bool   // show personal values
}

// pasted is the value of the event that the user pastes into the page.
const pasted = "pasted"

// readTemplateForm reads the form. Browsers send line ends as CR LF.
func readTemplateForm(r *http.Request, t tracking.Tracking) (templateForm, error) {
	if err := r.ParseForm(); err != nil {
		return templateForm{}, fmt.Errorf("reading the form: %w", err)
	}
	return templateForm{
		Tracking: t,
		Source:   strings.ReplaceAll(r.PostForm.Get("source"), "\r\n", "\n"),
		Replaces: r.PostForm.Get("replaces"),
		Event:    cmp.Or(r.PostForm.Get("event"), firstEvent(t)),
		Pasted:   r.PostForm.Get("pasted"),
		Personal: r.PostForm.Get("personal") != "",
	}, nil
}

// event is a webhook for a preview.
type event struct {
	Value string // in the form
	Label string
	Body  []byte
	At    time.Time // when it was received
	Real  bool      // it contains data of real people
	// Answers are the results of $commerce, by path. Only samples have them: the page sends no
	// requests to Commerce, because it renders a preview at every pause in typing.
	Answers map[string]json.RawMessage
	// Currencies are the currencies of the store's settings, for a real event.
	Currencies money.Decimals
}

// sample returns the event as a sample of its tracking.
func (e event) sample(t tracking.Tracking, name string) templates.Sample {
	return templates.Sample{Name: name, Tracking: t.Name, Body: e.Body, Answers: e.Answers, Currencies: e.Currencies}
}

// eventGroup is events under a title.
type eventGroup struct {
	Title  string
	Events []event
}

// events returns the events that the user can choose.
func (c *Console) events(ctx context.Context, t tracking.Tracking) []eventGroup {
	all := []eventGroup{{"Samples", sampleEvents(t)}}
	if realEvents := c.realEvents(ctx, t); len(realEvents) > 0 {
		all = append(all, eventGroup{c.realEventsTitle(), realEvents})
	}
	return all
}

func sampleEvents(t tracking.Tracking) []event {
	var all []event
	for _, sample := range templates.SamplesOf(t.Name) {
		now := time.Now()
		moved := sample.At(now)
		all = append(all, event{Value: "sample:" + sample.Name, Label: sample.Title, Body: moved.Body, At: now, Answers: moved.Answers})
	}
	return all
}

// firstEvent returns the event that is chosen when the page is opened.
func firstEvent(t tracking.Tracking) string { return sampleEvents(t)[0].Value }

var (
	errNoEvent    = errors.New("this event is no longer among the latest ones: choose another")
	errPasteFirst = errors.New("paste the body of a webhook, as Commerce sends it")
)

// event returns the event that a form names.
func (c *Console) event(ctx context.Context, form templateForm) (event, error) {
	if form.Event == pasted {
		if strings.TrimSpace(form.Pasted) == "" {
			return event{}, errPasteFirst
		}
		return event{Value: pasted, Body: []byte(form.Pasted), At: time.Now(), Real: true}, nil
	}
	all := slices.Concat(sampleEvents(form.Tracking), c.realEvents(ctx, form.Tracking))
	i := slices.IndexFunc(all, func(e event) bool { return e.Value == form.Event })
	if i < 0 {
		return event{}, errNoEvent
	}
	return all[i], nil
}

// mistake is an error in a template and its place.
type mistake struct {
	Message string
	Said    string // what the template passed to $error, if that may quote the event
	Line    int    // from 1; 0 if it is not known
	Text    string // the text of the line
}

// mistakeIn finds the place of an error in a template's source.
func mistakeIn(err error, source string) *mistake {
	failed := new(template.Error)
	if !errors.As(err, &failed) {
		return &mistake{Message: err.Error()}
	}
	m := &mistake{Message: failed.Message, Line: failed.Line}
	if failed.Said != failed.Message {
		m.Said = failed.Said
	}
	if lines := strings.Split(source, "\n"); m.Line >= 1 && m.Line <= len(lines) {
		m.Text = strings.TrimSpace(lines[m.Line-1])
	}
	return m
}

// Says returns the message and what the template said.
func (m *mistake) Says() string {
	if m.Said == "" {
		return m.Message
	}
	return m.Message + " Message: " + m.Said
}

// Sentence returns what Says returns, with the line.
func (m *mistake) Sentence() string {
	if m.Line == 0 {
		return m.Says()
	}
	return fmt.Sprintf("line %d: %s", m.Line, m.Says())
}

// preview is the result of a template for an event.
type preview struct {
	Path     string // the path of the template's page
	Trigger  string // the Commerce event
	Note     string
	Problem  string // why there is no result
	Result   result
	Webhook  string // the input of the template, as JSON
	Faults   []*lint.Fault
	Bytes    int // the size of the template
	MaxBytes int
}

// result is the request to Segment, or an error.
type result struct {
	JSON     string // the body of the request, with the first messages
	Shown    int    // how many those are
	Messages int
	Digest   [sha256.Size]byte // of all messages
	Wrong    *mistake
	Hidden   bool // a personal value is hidden in it
}

// Filtered reports whether the template filters the event: it writes no message.
func (r result) Filtered() bool { return r.Wrong == nil && r.Messages == 0 }

// Text returns the result as a text for comparisons.
func (r result) Text() string {
	switch {
	case r.Wrong != nil:
		return "Fails: " + r.Wrong.Sentence()
	case r.Filtered():
		return "Nothing is sent: the template filters the event."
	case r.Shown < r.Messages:
		return fmt.Sprintf("%s%d more messages are not shown.", r.JSON, r.Messages-r.Shown)
	default:
		return r.JSON
	}
}

// previewTemplate sends the preview to the page's script.
func (c *Console) previewTemplate(w http.ResponseWriter, r *http.Request) {
	t, err := tracking.ByName(r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	form, err := readTemplateForm(r, t)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	c.showPart(w, http.StatusOK, "templates-edit", "preview", c.preview(r.Context(), form))
}

// preview renders the form's event with its template.
func (c *Console) preview(ctx context.Context, form templateForm) preview {
	p := preview{Path: pathOf(form.Tracking), Bytes: len(form.Source), MaxBytes: settings.MaxValue}
	tried := sourceOf(form.Tracking, form.Source)
	if tried.wrong != nil {
		p.Result.Wrong = mistakeIn(tried.wrong, form.Source)
		return p
	}
	e, err := c.event(ctx, form)
	if err != nil {
		p.Problem = err.Error()
		return p
	}
	return c.previewOf(ctx, p, form, tried, e)
}

// previewOf completes a preview with the result for an event.
func (c *Console) previewOf(ctx context.Context, p preview, form templateForm, tried source, e event) preview {
	ctx, end := turn.Scope(ctx)
	defer end()
	if err := turn.TakeForBody(ctx, len(e.Body)); err != nil {
		p.Problem = err.Error()
		return p
	}
	webhook, err := commerce.Parse(e.Body)
	if err != nil {
		p.Problem = err.Error()
		return p
	}
	p.Trigger = webhook.Event
	p.Note = c.noteOnCommerce(form, e)
	if !slices.Contains(form.Tracking.Observable(), webhook.Event) {
		p.Note = fmt.Sprintf("%s is not an event that %s can observe (%s): it would be skipped.",
			webhook.Event, form.Tracking.Name, strings.Join(form.Tracking.Observable(), ", "))
	}
	key, err := c.writeKey(ctx)
	if err != nil {
		p.Problem = err.Error()
		return p
	}
	if e.Real {
		if e.Currencies, err = c.Store.Currencies(ctx); err != nil {
			p.Problem = err.Error()
			return p
		}
	}
	if p.Webhook, err = shownWebhook(webhook, len(e.Body)); err != nil {
		p.Problem = err.Error()
		return p
	}
	p.Result = tryEvent(ctx, form.Tracking, tried, key, e)
	if p.Result.Wrong == nil {
		p.Faults = c.faults(ctx, form.Tracking, tried.compiled, e)
	}
	if e.Real && !form.Personal {
		hide := redact.New(e.Body, []byte(p.Result.JSON))
		if len(e.Body) <= maxShownWebhook { // otherwise it is a sentence
			p.Webhook, _ = hide.JSON(p.Webhook)
		}
		p.Result = p.Result.redacted(hide)
	}
	return p
}

// noteOnCommerce returns a note for a template that uses $commerce; empty if there is none.
func (c *Console) noteOnCommerce(form templateForm, e event) string {
	if note := c.Store.CommerceNote(form.Tracking, form.Source); note != "" {
		return words.Capital(note)
	}
	if template.UsesCommerce(form.Source) && e.Real {
		return "Previews send no requests to Commerce, so $commerce has no result for a real event here."
	}
	return ""
}

// What a page shows of an event, in bytes before they are indented. Indented, deeply nested
// JSON takes up to 300 times as much.
const (
	maxShownWebhook  = 1 << 20
	maxShownMessages = 64 << 10
)

// shownWebhook returns a webhook as indented JSON. For one over maxShownWebhook it is a JSON
// string that says so.
func shownWebhook(webhook commerce.Webhook, size int) (string, error) {
	var shown any = fmt.Sprintf("The webhook has %d bytes. A page shows none over %d.", size, maxShownWebhook)
	if size <= maxShownWebhook {
		shown = webhook.Document()
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(shown)
	return b.String(), err
}

// writeKey returns the write key, which is part of the hash in message IDs; empty if none is
// set.
func (c *Console) writeKey(ctx context.Context) (string, error) {
	values, err := c.Store.Parameters(ctx, []string{settings.SegmentWriteKey})
	return strings.TrimSpace(values[settings.SegmentWriteKey]), err
}

// source is a template and its compiled form.
type source struct {
	text     string
	compiled *template.Template
	wrong    error // the compile error: a template that was not saved on a page may have one
}

func sourceOf(t tracking.Tracking, text string) source {
	compiled, err := store.CompileTemplate(t, t.Name, text)
	return source{text, compiled, err}
}

// tryEvent renders an event as the relay does when it delivers it.
func tryEvent(ctx context.Context, t tracking.Tracking, s source, writeKey string, e event) result {
	if s.wrong != nil {
		return result{Wrong: mistakeIn(s.wrong, s.text)}
	}
	ctx, end := turn.Scope(ctx)
	defer end()
	if err := turn.TakeForBody(ctx, len(e.Body)); err != nil {
		return result{Wrong: &mistake{Message: err.Error()}}
	}
	webhook, err := commerce.Parse(e.Body)
	if err != nil {
		return result{Wrong: &mistake{Message: err.Error()}}
	}
	of := e.sample(t, "")
	messages, err := render.Render(ctx, t, s.compiled.WithCurrencies(of.Currencies), of.Commerce, writeKey, webhook, e.At)
	if err != nil {
		return result{Wrong: mistakeIn(err, s.text)}
	}
	return resultOf(messages)
}

// resultOf returns the result with these messages. It shows the first of them, at least one.
func resultOf(messages []segment.Message) result {
	var shown []json.RawMessage
	size, digest := 0, sha256.New()
	for i, message := range messages {
		digest.Write(message.JSON)
		if size += len(message.JSON); i == 0 || size <= maxShownMessages {
			shown = append(shown, message.JSON)
		}
	}
	batch, err := render.Batch(shown)
	if err != nil {
		return result{Wrong: &mistake{Message: err.Error()}}
	}
	return result{JSON: string(batch), Shown: len(shown), Messages: len(messages), Digest: [sha256.Size]byte(digest.Sum(nil))}
}

// redacted returns the result without personal values. The message of an error has none.
func (r result) redacted(hide redact.Redactor) result {
	if r.Wrong == nil {
		r.JSON, r.Hidden = hide.JSON(r.JSON)
		return r
	}
	if r.Wrong.Said != "" {
		wrong := *r.Wrong
		wrong.Said = redact.Hidden
		r.Wrong, r.Hidden = &wrong, true
	}
	return r
}

// faults returns the findings of the linter in the messages for the event and for the samples.
func (c *Console) faults(ctx context.Context, t tracking.Tracking, compiled *template.Template, e event) []*lint.Fault {
	shown := e.sample(t, "this event")
	others := slices.DeleteFunc(templates.SamplesOf(t.Name), func(s templates.Sample) bool { return "sample:"+s.Name == e.Value })
	faults, err := lint.Lint(ctx, t, compiled, slices.Insert(others, 0, shown))
	if err != nil {
		c.Log.Warn("linting a template", "template", t.Name, "error", err)
	}
	return faults
}
