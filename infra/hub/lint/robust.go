package lint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"commerce-segment/infra/hub/words"
	"commerce-segment/shared/commerce"
	"commerce-segment/shared/relay"
	"commerce-segment/shared/segment"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Render returns what a template writes for a sample. It may change the webhook.
type Render func(context.Context, templates.Sample, commerce.Webhook) ([]map[string]any, error)

// InSample is a finding with the sample in which it was found.
type InSample struct {
	Finding
	Sample templates.Sample
}

// CheckVariants finds plausible webhooks for which a template fails or writes what
// Segment does not accept. It changes one place of a sample at a time: see unusual. It
// tries each place in the first sample that has it. fields has the names of the fields
// that the template reads. Changes with the same consequence are one finding.
//
// An error that the template raises itself, with $error or $assert, is intended and no
// finding. If the context ends, its error is returned.
func CheckVariants(ctx context.Context, t tracking.Tracking, samples []templates.Sample, fields []string, render Render) ([]InSample, error) {
	c := &variantCheck{tracking: t, render: render, fields: fields, tried: map[string]bool{}}
	for _, sample := range samples {
		d, err := newDocument(sample)
		if err != nil {
			return nil, err
		}
		if err := c.check(ctx, d); err != nil {
			return c.findings(), err
		}
	}
	return c.findings(), nil
}

// document is a sample whose values can be changed.
type document struct {
	sample  templates.Sample
	body    map[string]any
	answers map[string]any // by path
}

func newDocument(sample templates.Sample) (document, error) {
	webhook, err := commerce.Parse(sample.Body)
	if err != nil {
		return document{}, fmt.Errorf("sample %s: %w", sample.Name, err)
	}
	d := document{sample, webhook.Document(), map[string]any{}}
	for path, answer := range sample.Answers {
		d.answers[path] = decode(answer)
	}
	return d, nil
}

// encode returns the sample in its current state.
func (d document) encode() (templates.Sample, error) {
	sample := d.sample
	var err error
	if sample.Body, err = json.Marshal(d.body); err != nil {
		return sample, err
	}
	sample.Answers = map[string]json.RawMessage{}
	for path, answer := range d.answers {
		if sample.Answers[path], err = json.Marshal(answer); err != nil {
			return sample, err
		}
	}
	return sample, nil
}

// variantCheck is the state of CheckVariants.
type variantCheck struct {
	tracking tracking.Tracking
	render   Render
	fields   []string        // the names of the fields that the template reads
	tried    map[string]bool // the places that were tried
	causes   []*cause
}

// cause lists the changes that have the same consequence.
type cause struct {
	consequence Finding
	sample      templates.Sample
	is          []string // descriptions of the values of the first place
	places      []string
}

// check tries the variants of a document in the places that were not tried before.
func (c *variantCheck) check(ctx context.Context, d document) error {
	usual, err := c.consequences(ctx, d)
	if err != nil {
		return err
	}
	places := slices.Concat(placesIn("payload", d.body["payload"]), placesIn("$commerce", d.answers))
	for _, p := range places {
		p.path = anyPlace(p.path)
		key := p.path
		if list, _ := p.usual.([]any); len(list) > 1 { // a list with one element has fewer variants
			key += " of several"
		}
		if c.tried[key] {
			continue
		}
		c.tried[key] = true
		for _, v := range p.values(c.fields) {
			if _, err := c.try(ctx, d, p, v, usual); err != nil {
				return err
			}
		}
	}
	return nil
}

var variable = regexp.MustCompile(`\[\d+\]|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// anyPlace replaces the indexes and ids in a path, so that it is the same for all
// elements of a list.
func anyPlace(path string) string {
	return variable.ReplaceAllStringFunc(path, func(part string) string {
		if part[0] == '[' {
			return "[]"
		}
		return "…"
	})
}

// try records the consequences of a value in a place, except the usual ones. Of several
// strange characters or fields it names those that have a consequence alone.
func (c *variantCheck) try(ctx context.Context, d document, p place, v value, usual []Finding) (found bool, err error) {
	var consequences []Finding
	p.with(v, func() { consequences, err = c.consequences(ctx, d) })
	consequences = slices.DeleteFunc(consequences, func(f Finding) bool { return slices.Contains(usual, f) })
	if err != nil || len(consequences) == 0 {
		return false, err
	}
	if v.alone != nil {
		for _, one := range v.alone() {
			blamed, err := c.try(ctx, d, p, one, usual)
			if err != nil {
				return false, err
			}
			found = found || blamed
		}
	}
	if !found {
		path := p.path
		if v.field != "" {
			path += "." + v.field
		}
		for _, consequence := range consequences {
			c.record(d.sample, path, v.is, consequence)
		}
	}
	return true, nil
}

// consequences returns what is wrong with the output of the template for a document.
func (c *variantCheck) consequences(ctx context.Context, d document) ([]Finding, error) {
	sample, err := d.encode()
	if err != nil {
		return nil, err
	}
	webhook, err := commerce.Parse(sample.Body)
	if err != nil {
		return nil, nil // it would be rejected, so no template receives it
	}
	fact := relay.FactOf(c.tracking, webhook, "", time.Time{})
	written, err := c.render(ctx, sample, webhook)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return failure(err), nil
	}
	return checkSendable(fact, written), nil
}

// failure returns the finding that a template fails. An error that the template raises
// itself is intended, and one that is not its fault is no finding.
func failure(err error) []Finding {
	failed := new(template.Error)
	if !errors.As(err, &failed) || failed.Said != "" {
		return nil
	}
	return []Finding{{Wrong: "the template fails: " + err.Error(),
		Instead: "check first, for example with $exists() or $type(): otherwise its events are retried until the template is corrected"}}
}

// checkSendable finds what Segment would not accept in the output of a template, and
// ids that are not valid.
func checkSendable(fact segment.Fact, written []map[string]any) []Finding {
	var findings []Finding
	for i, fields := range written {
		m := &message{byDefault: fact.Tracking.Call}
		m.checkAccepted(fact, fields)
		if m.read(fields) {
			m.checkIDs()
		}
		for _, f := range m.findings {
			if f.Rule == "too_large" && f.Path != "" {
				continue // products of a long order are left out before it is sent
			}
			f.Message = i + 1
			findings = append(findings, f)
		}
	}
	return append(findings, checkTogether(fact, written)...)
}

// record adds a place and its value to the causes of a consequence.
func (c *variantCheck) record(sample templates.Sample, path, is string, consequence Finding) {
	consequence.Path = anyPlace(consequence.Path)
	i := slices.IndexFunc(c.causes, func(known *cause) bool { return known.consequence == consequence })
	if i < 0 {
		i = len(c.causes)
		c.causes = append(c.causes, &cause{consequence: consequence, sample: sample, places: []string{path}})
	}
	known := c.causes[i]
	switch {
	case path == known.places[0]:
		if !slices.Contains(known.is, is) {
			known.is = append(known.is, is)
		}
	case !slices.Contains(known.places, path):
		known.places = append(known.places, path)
	}
}

// findings returns the causes, each as a finding about its first place in the webhook.
func (c *variantCheck) findings() []InSample {
	found := make([]InSample, len(c.causes))
	for i, known := range c.causes {
		wrong := known.consequence.Wrong
		if known.consequence.Message > 0 {
			wrong = "the output is wrong: " + strings.TrimSpace(known.consequence.Path+" "+wrong)
		}
		found[i] = InSample{Sample: known.sample, Finding: Finding{
			Message: known.consequence.Message, Path: known.places[0], Rule: "variant",
			Wrong:   "when it " + strings.Join(known.is, " or ") + otherPlaces(known.places[1:]) + ", " + wrong,
			Instead: known.consequence.Instead,
		}}
	}
	return found
}

// otherPlaces returns a phrase about further places with the same consequence.
func otherPlaces(places []string) string {
	const named = 3
	if len(places) == 0 {
		return ""
	}
	rest := ""
	if more := len(places) - named; more > 0 {
		rest = " and " + words.Count(more, "other place")
	}
	return " (and likewise for " + strings.Join(places[:min(len(places), named)], ", ") + rest + ")"
}
