package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/console/redact"
	"commerce-segment/infra/hub/lint"
	"commerce-segment/infra/hub/render"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/money"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// templateForm is what the page of a template sends.
type templateForm struct {
	Tracking tracking.Tracking
	Source   string
	Replaces string // the fingerprint of the template that was there when it was opened
	Event    string // on which it is tried: see event.Value
	Pasted   string // the webhook, where that is the event
	Personal bool   // show personal values
}

// pasted is the value of the event that is pasted into the page.
const pasted = "pasted"

// readTemplateForm reads the form. Browsers send a text's line ends as CR LF.
func readTemplateForm(r *http.Request, t tracking.Tracking) (templateForm, error) {
	if err := r.ParseForm(); err != nil {
		return templateForm{}, fmt.Errorf("reading what the page sent: %w", err)
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

// event is a webhook on which a template is tried.
type event struct {
	Value string // in the form
	Label string
	Body  []byte
	At    time.Time // when it came
	Real  bool      // it is about people that there are
	// Answers are what $commerce gives, by the path: a sample's. The page asks Commerce
	// nothing, since it tries a template at every pause in typing.
	Answers map[string]json.RawMessage
	// Currencies are those that the store's settings have, for a real event.
	Currencies money.Decimals
}

// sample is the event as a sample of its tracking.
func (e event) sample(t tracking.Tracking, name string) templates.Sample {
	return templates.Sample{Name: name, Tracking: t.Name, Body: e.Body, Answers: e.Answers, Currencies: e.Currencies}
}

// eventGroup is events under a title.
type eventGroup struct {
	Title  string
	Events []event
}

// events are those to choose from.
func (c *Console) events(ctx context.Context, t tracking.Tracking) []eventGroup {
	all := []eventGroup{{"Samples", sampleEvents(t)}}
	if realEvents := c.realEvents(ctx, t); len(realEvents) > 0 {
		all = append(all, eventGroup{c.realEventsTitle(), realEvents})
	}
	return all
}

func sampleEvents(t tracking.Tracking) []event {
	var all []event
	for _, sample := range samplesOf(t) {
		_, name, _ := strings.Cut(sample.Name, "/")
		all = append(all, event{Value: "sample:" + sample.Name, Label: strings.ReplaceAll(name, "-", " "), Body: sample.Body, At: time.Now(), Answers: sample.Answers})
	}
	return all
}

// firstEvent is the one that a page is opened with.
func firstEvent(t tracking.Tracking) string { return sampleEvents(t)[0].Value }

var (
	errNoEvent    = errors.New("that event is not among the last ones any more: choose another")
	errPasteFirst = errors.New("paste the body of a webhook, as Commerce posts it")
)

// event is the one that a form names.
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

// mistake is what is wrong with a template, and where.
type mistake struct {
	Says string
	Line int    // from 1; 0 where it is not known
	Text string // that line
}

// mistakeIn finds the place of an error in a template's source.
func mistakeIn(err error, source string) *mistake {
	failed := new(template.Error)
	if !errors.As(err, &failed) {
		return &mistake{Says: err.Error()}
	}
	m := &mistake{Says: failed.Message, Line: failed.Line}
	if lines := strings.Split(source, "\n"); m.Line >= 1 && m.Line <= len(lines) {
		m.Text = strings.TrimSpace(lines[m.Line-1])
	}
	return m
}

// Sentence names the line in words.
func (m *mistake) Sentence() string {
	if m.Line == 0 {
		return m.Says
	}
	return fmt.Sprintf("line %d: %s", m.Line, m.Says)
}

// preview is what becomes of an event by a template.
type preview struct {
	Path     string // of the page on which the template is written
	Trigger  string // the Commerce event
	Note     string
	Problem  string // why the event cannot be tried
	Result   result
	Webhook  string // as the template gets it, JSON
	Faults   []*lint.Fault
	Bytes    int // of the template
	MaxBytes int
}

// result is what Segment would get, or why it would get nothing.
type result struct {
	JSON     string // the request's body
	Messages int
	Wrong    *mistake
	Hidden   bool // a personal value is hidden in it
}

// Filtered says that the template gives nothing of the event.
func (r result) Filtered() bool { return r.Wrong == nil && r.Messages == 0 }

// Text is the result as it is compared.
func (r result) Text() string {
	switch {
	case r.Wrong != nil:
		return "It fails: " + r.Wrong.Sentence()
	case r.Filtered():
		return "Nothing is sent: the template filters the event."
	default:
		return r.JSON
	}
}

// previewTemplate answers the page's script with the part that shows the preview.
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

// preview tries the form's template on its event.
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

// previewOf completes a preview with what becomes of an event.
func (c *Console) previewOf(ctx context.Context, p preview, form templateForm, tried source, e event) preview {
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
	if p.Webhook, err = indented(webhook.Document()); err != nil {
		p.Problem = err.Error()
		return p
	}
	p.Result = try(ctx, form.Tracking, tried, key, e)
	if p.Result.Wrong == nil {
		p.Faults = c.faults(ctx, form.Tracking, tried.compiled, e)
	}
	if e.Real && !form.Personal {
		hide := redact.New(e.Body)
		p.Webhook, _ = hide.JSON(p.Webhook)
		p.Result = p.Result.redacted(hide)
	}
	return p
}

// noteOnCommerce says what a template that asks Commerce must know; empty where nothing.
func (c *Console) noteOnCommerce(form templateForm, e event) string {
	if err := c.Store.MayNotAsk(form.Tracking, form.Source); err != nil {
		return fmt.Sprintf("Deployed, its events would wait: %v.", err)
	}
	if template.UsesCommerce(form.Source) && e.Real {
		return "This page asks Commerce nothing: here $commerce gives nothing for a real event."
	}
	return ""
}

// indented is a value as JSON for people.
func indented(value any) (string, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return b.String(), err
}

// writeKey is what salts the messages' ids; empty where there is none.
func (c *Console) writeKey(ctx context.Context) (string, error) {
	values, err := c.Store.Parameters(ctx, []string{settings.SegmentWriteKey})
	return strings.TrimSpace(values[settings.SegmentWriteKey]), err
}

// source is a template as it is written and compiled.
type source struct {
	text     string
	compiled *template.Template
	wrong    error // why it is not compiled: one that somebody wrote elsewhere may not be
}

func sourceOf(t tracking.Tracking, text string) source {
	compiled, err := store.CompileTemplate(t, t.Name, text)
	return source{text, compiled, err}
}

// try renders an event as the relay does when it delivers.
func try(ctx context.Context, t tracking.Tracking, s source, writeKey string, e event) result {
	if s.wrong != nil {
		return result{Wrong: mistakeIn(s.wrong, s.text)}
	}
	webhook, err := commerce.Parse(e.Body)
	if err != nil {
		return result{Wrong: &mistake{Says: err.Error()}}
	}
	of := e.sample(t, "")
	messages, err := render.Render(ctx, t, s.compiled.WithCurrencies(of.Currencies), of.Commerce, writeKey, webhook, e.At)
	if err != nil {
		m := mistakeIn(err, s.text)
		if failed := new(template.Error); errors.As(err, &failed) && failed.Said != "" {
			m.Says += " It said: " + failed.Said
		}
		return result{Wrong: m}
	}
	written := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		written[i] = message.JSON
	}
	batch, err := render.Batch(written)
	if err != nil {
		return result{Wrong: &mistake{Says: err.Error()}}
	}
	return result{JSON: string(batch), Messages: len(messages)}
}

// redacted is a result without personal values.
func (r result) redacted(hide redact.Redactor) result {
	if r.Wrong != nil && hide.Hides(r.Wrong.Says) {
		r.Wrong, r.Hidden = &mistake{Says: redact.Hidden, Line: r.Wrong.Line, Text: r.Wrong.Text}, true
		return r
	}
	r.JSON, r.Hidden = hide.JSON(r.JSON)
	return r
}

// faults are what the linter finds in what the template makes of the event, and of the
// samples.
func (c *Console) faults(ctx context.Context, t tracking.Tracking, compiled *template.Template, e event) []*lint.Fault {
	shown := e.sample(t, "this event")
	others := slices.DeleteFunc(samplesOf(t), func(s templates.Sample) bool { return "sample:"+s.Name == e.Value })
	faults, err := lint.Lint(ctx, t, compiled, slices.Insert(others, 0, shown))
	if err != nil {
		c.Log.Warn("linting a template", "template", t.Name, "error", err)
	}
	return faults
}
