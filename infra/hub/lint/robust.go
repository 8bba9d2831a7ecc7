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

// Render is what a template writes for a sample, whose webhook it takes over.
type Render func(context.Context, templates.Sample, commerce.Webhook) ([]map[string]any, error)

// InSample is a finding, and the sample that it is in.
type InSample struct {
	Finding
	Sample templates.Sample
}

// CheckVariants finds webhooks that may well come and for which a template fails or
// writes what Segment does not take. It changes one place of a sample at a time: see
// unusual. Each place is tried in the first sample that has it; fields are the names of
// those that the template reads. Changes that have the same consequence are one finding.
//
// What is in a template's own words, by $error and $assert, is on purpose. Where the
// context ends first, the error is its.
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

// document is a sample that can be changed.
type document struct {
	sample  templates.Sample
	body    map[string]any
	answers map[string]any // by the path
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

// encode is the sample as it is now.
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

// variantCheck is a check on variants that is under way.
type variantCheck struct {
	tracking tracking.Tracking
	render   Render
	fields   []string        // that the template reads
	tried    map[string]bool // places
	causes   []*cause
}

// cause is what makes a consequence.
type cause struct {
	consequence Finding
	sample      templates.Sample
	is          []string // how the first place is
	places      []string
}

// check tries the variants of a document at the places that have not been tried.
func (c *variantCheck) check(ctx context.Context, d document) error {
	usual, err := c.consequences(ctx, d)
	if err != nil {
		return err
	}
	places := slices.Concat(placesIn("payload", d.body["payload"]), placesIn("$commerce", d.answers))
	for _, p := range places {
		p.path = anyPlace(p.path)
		key := p.path
		if list, _ := p.usual.([]any); len(list) > 1 { // of one element there is less to try
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

// anyPlace is a path that is the same for every element of a list and every id.
func anyPlace(path string) string {
	return variable.ReplaceAllStringFunc(path, func(part string) string {
		if part[0] == '[' {
			return "[]"
		}
		return "…"
	})
}

// try finds what comes of a value in a place, other than usual. It blames one strange
// thing alone where that is enough.
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
			c.blame(d.sample, path, v.is, consequence)
		}
	}
	return true, nil
}

// consequences are what is wrong with what the template makes of a document.
func (c *variantCheck) consequences(ctx context.Context, d document) ([]Finding, error) {
	sample, err := d.encode()
	if err != nil {
		return nil, err
	}
	webhook, err := commerce.Parse(sample.Body)
	if err != nil {
		return nil, nil // it would not be taken, so no template sees it
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

// failure is the finding that a template fails. What it says in its own words is on
// purpose, and what is not its fault is no finding.
func failure(err error) []Finding {
	failed := new(template.Error)
	if !errors.As(err, &failed) || failed.Said != "" {
		return nil
	}
	return []Finding{{Wrong: "the template fails: " + err.Error(),
		Instead: "ask first, for example with $exists() or $type(), or its events would wait until it is corrected"}}
}

// checkSendable finds what Segment would not take of what a template wrote, and ids that
// are none.
func checkSendable(fact segment.Fact, written []map[string]any) []Finding {
	var findings []Finding
	for i, fields := range written {
		m := &message{byDefault: fact.Tracking.Call}
		m.checkTaken(fact, fields)
		if m.read(fields) {
			m.checkIDs()
		}
		for _, f := range m.findings {
			if f.Rule == "too_large" && f.Path != "" {
				continue // of a long order, products are left off
			}
			f.Message = i + 1
			findings = append(findings, f)
		}
	}
	return append(findings, checkTogether(fact, written)...)
}

// blame adds a place's value to what causes a consequence.
func (c *variantCheck) blame(sample templates.Sample, path, is string, consequence Finding) {
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

// findings are the causes, each as a finding about its first place in the webhook.
func (c *variantCheck) findings() []InSample {
	found := make([]InSample, len(c.causes))
	for i, known := range c.causes {
		wrong := known.consequence.Wrong
		if known.consequence.Message > 0 {
			wrong = "what is written cannot be right: " + strings.TrimSpace(known.consequence.Path+" "+wrong)
		}
		found[i] = InSample{Sample: known.sample, Finding: Finding{
			Message: known.consequence.Message, Path: known.places[0], Rule: "variant",
			Wrong:   "when it " + strings.Join(known.is, " or ") + likewise(known.places[1:]) + ", " + wrong,
			Instead: known.consequence.Instead,
		}}
	}
	return found
}

// likewise names other places that have the same consequence.
func likewise(places []string) string {
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
