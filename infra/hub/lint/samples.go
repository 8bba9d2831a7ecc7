package lint

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/template"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// Fault is a finding and the samples that it is in.
type Fault struct {
	Finding
	Sample string // the first sample
	More   int    // the number of further samples
	last   string // the sample that was counted last
}

// Lint returns what is wrong with the messages that a template writes for samples of its
// tracking. It returns the same fault once. If the template fails for a sample, that is
// the only finding for this sample.
func Lint(ctx context.Context, t tracking.Tracking, compiled *template.Template, samples []templates.Sample) ([]*Fault, error) {
	var faults []*Fault
	var all []Written
	for _, sample := range samples {
		messages, findings, err := lintSample(ctx, t, compiled, sample)
		if err != nil {
			return nil, fmt.Errorf("sample %s: %w", sample.Name, err)
		}
		faults = addFaults(faults, sample, findings)
		all = append(all, Written{Body: sample.Body, Messages: messages})
	}
	same, err := CheckSame(all)
	if err != nil || len(same) == 0 {
		return faults, err
	}
	return addFaults(faults, samples[0], same), nil
}

func lintSample(ctx context.Context, t tracking.Tracking, compiled *template.Template, sample templates.Sample) ([]map[string]any, []Finding, error) {
	webhook, err := commerce.Parse(sample.Body)
	if err != nil {
		return nil, nil, err
	}
	input, err := webhook.Input()
	if err != nil {
		return nil, nil, err
	}
	written, err := compiled.WithCommerce(sample.Commerce).WithCurrencies(sample.Currencies).Apply(ctx, input)
	if err != nil {
		return nil, []Finding{{Rule: "template", Wrong: WithRaisedText(err).Error(), Instead: "its events are retried until the template is corrected"}}, nil
	}
	findings, err := Check(t, sample.Body, written, sample.Currencies)
	return written, findings, err
}

// variantsWithin limits the time for which a template is tried on variants.
const variantsWithin = 30 * time.Second

// LintThoroughly does what Lint does, and also returns what is wrong if webhooks differ
// from the samples, as webhooks of a store may: see CheckVariants.
func LintThoroughly(ctx context.Context, t tracking.Tracking, compiled *template.Template, samples []templates.Sample) ([]*Fault, error) {
	faults, err := Lint(ctx, t, compiled, samples)
	if err != nil {
		return nil, err
	}
	bounded, stop := context.WithTimeout(ctx, variantsWithin)
	defer stop()
	found, err := CheckVariants(bounded, t, samples, compiled.Fields(), func(ctx context.Context, sample templates.Sample, webhook commerce.Webhook) ([]map[string]any, error) {
		input, err := webhook.Input()
		if err != nil {
			return nil, err
		}
		return compiled.WithCommerce(sample.Commerce).Apply(ctx, input)
	})
	if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return nil, err
	}
	for _, one := range found {
		faults = append(faults, &Fault{Finding: one.Finding, Sample: one.Sample.Name})
	}
	if err != nil {
		faults = append(faults, &Fault{Sample: samples[0].Name, Finding: Finding{Rule: "variant", Warning: true,
			Wrong:   fmt.Sprintf("not all variants of the samples were tried within %v, because the template is slow", variantsWithin),
			Instead: "make it do less work for each line of an order"}})
	}
	return faults, nil
}

// Certain returns the findings that are not warnings.
func Certain(faults []*Fault) []*Fault {
	return slices.DeleteFunc(slices.Clone(faults), func(f *Fault) bool { return f.Warning })
}

func addFaults(faults []*Fault, sample templates.Sample, findings []Finding) []*Fault {
	for _, finding := range findings {
		faults = addFault(faults, Fault{Finding: finding, Sample: sample.Name, last: sample.Name})
	}
	return faults
}

// addFault adds a fault, or counts one more sample of a fault that is listed already.
func addFault(faults []*Fault, found Fault) []*Fault {
	i := slices.IndexFunc(faults, func(listed *Fault) bool {
		return listed.Rule == found.Rule && anyIndex(listed.Path) == anyIndex(found.Path) && listed.Message == found.Message
	})
	if i < 0 {
		return append(faults, &found)
	}
	if listed := faults[i]; listed.last != found.Sample {
		listed.last = found.Sample
		listed.More++
	}
	return faults
}

var index = regexp.MustCompile(`\[\d+\]`)

// anyIndex returns a path that is the same for every element of a list.
func anyIndex(path string) string { return index.ReplaceAllString(path, "[]") }

// Where returns the first sample that has the fault, and the number of further samples.
func (f *Fault) Where() string {
	if f.More == 0 {
		return f.Sample
	}
	return fmt.Sprintf("%s +%d", f.Sample, f.More)
}

// WithRaisedText adds the text that a template gave to $error or $assert, unless the error
// shows it already. It is for the author of the template: the text is not logged.
func WithRaisedText(err error) error {
	if failed := new(template.Error); errors.As(err, &failed) && failed.Said != "" && failed.Said != failed.Message {
		return fmt.Errorf("%w\nThe template's text: %s", err, failed.Said)
	}
	return err
}
