package sam

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/serve"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
	"commerce-segment/templates"
)

// ToInbox reports whether settings name no Segment host, and so the inbox of a hub.
func ToInbox(values map[string]string) bool {
	return strings.TrimSpace(values[settings.SegmentHost]) == ""
}

// SetInbox makes the inbox at a URL the Segment host of settings. Their path belongs to another
// host. Without the token of the Public API, Segment is not asked to delete the user of a sample.
func SetInbox(values map[string]string, url string) {
	values[settings.SegmentHost] = url
	delete(values, settings.SegmentPath)
	delete(values, settings.SegmentAPIToken)
}

// Variables returns the environment variables of a function with these settings. An empty
// variable means no Parameter Store and no queue.
func Variables(values map[string]string) (map[string]string, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		settings.Variable:    string(text),
		serve.VariablePrefix: "", serve.VariableQueue: "", serve.VariableWaiting: "", serve.VariableDeadLetters: "",
	}, nil
}

// WriteFiles writes files for the plain SAM CLI to a folder: env.json with the variables of
// the functions, and for each tracking an HTTP event and an SQS event of its first sample. The
// functions send to the inbox at Port, unless the settings have a Segment host. It returns
// the paths of the files.
func WriteFiles(folder string, values map[string]string, secret string, now time.Time) (written []string, err error) {
	if ToInbox(values) {
		SetInbox(values, urlAt(Port))
	}
	variables, err := Variables(values)
	if err != nil {
		return nil, err
	}
	// Parameters are the variables of every function (sam local, --env-vars).
	files := map[string]any{"env.json": map[string]any{"Parameters": variables}}
	for _, t := range tracking.All() {
		body := firstSample(t)
		files["events/"+t.Name+".http.json"] = HTTPEvent(t, secret, body)
		if files["events/"+t.Name+".sqs.json"], err = SQSEvent(body, now); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := writeJSON(file, files[name]); err != nil {
			return written, err
		}
		written = append(written, file)
	}
	return written, nil
}

// writeJSON writes a value to a file that only this user can read: it holds secrets.
func writeJSON(file string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) { // its mode may be another
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// firstSample returns the body of the first bundled sample of a tracking whose event it observes
// by default.
func firstSample(t tracking.Tracking) []byte {
	for _, sample := range templates.SamplesOf(t.Name) {
		if webhook, err := commerce.Parse(sample.Body); err == nil && slices.Contains(t.Observes, webhook.Event) {
			return sample.Body
		}
	}
	panic("no sample of " + t.Name) // a test of the templates fails first
}
