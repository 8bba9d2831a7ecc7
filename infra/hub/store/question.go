package store

import (
	"errors"
	"fmt"
	"strings"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Question asks for the value of one parameter: as a flag, as an environment variable, or at
// the keyboard.
type Question struct {
	Name     string // of the parameter
	Text     string // the question at the keyboard
	Flag     string // empty for a secret: all users of the machine can see command lines
	Variable string // the environment variable; empty if there is none
	// normal turns an answer into the value to write, or returns an error.
	normal func(string) (string, error)
}

// Questions are the questions about the whole store.
var Questions = []Question{
	{Name: settings.SegmentWriteKey, Text: "Segment: write key of the source", Variable: "SEGMENT_WRITE_KEY"},
	{Name: settings.SegmentHost, Text: "Segment: host", Flag: "segment-host", Variable: "SEGMENT_HOST"},
	{Name: settings.SegmentPath, Text: "Segment: path", Flag: "segment-path", Variable: "SEGMENT_PATH"},
	{Name: settings.SegmentAPIToken, Text: "Segment: token of the Public API, if you want Segment to be asked what it received", Variable: "SEGMENT_API_TOKEN", normal: settings.Word},
	{Name: settings.SegmentAPIHost, Text: "Segment: host of the Public API, if it does not follow from the host", Flag: "segment-api-host", Variable: "SEGMENT_API_HOST", normal: settings.ParseAPIHost},
	{Name: settings.CommerceTokenURL, Text: "Commerce: base URL of its API, such as " + commerce.ExampleURL, Flag: "commerce-url", Variable: "COMMERCE_URL", normal: tokenURL},
	{Name: settings.CommerceClientID, Text: "Commerce: client id", Flag: "commerce-client-id", Variable: "COMMERCE_CLIENT_ID", normal: settings.Word},
	{Name: settings.CommerceClientSecret, Text: "Commerce: client secret", Variable: "COMMERCE_CLIENT_SECRET", normal: settings.Word},
	{Name: settings.WebhookSecret, Text: "Commerce: secret key of the webhooks", Variable: "COMMERCE_WEBHOOK_SECRET", normal: settings.Word},
}

// Secret reports whether the parameter is a secret.
func (q Question) Secret() bool { return settings.IsSecret(q.Name) }

// Check turns an answer into the value to write, or returns an error. The error quotes no
// secret.
func (q Question) Check(answer string) (string, error) {
	if q.normal != nil {
		value, err := q.normal(answer)
		if err != nil {
			return "", fmt.Errorf("parameter %s: %w", q.Name, err)
		}
		return value, nil
	}
	return answer, Check(map[string]string{q.Name: answer})
}

// TrackingQuestions returns the questions about one tracking. The events are not asked for
// if the tracking can observe only one event.
func TrackingQuestions(t tracking.Tracking) []Question {
	asked := []Question{{
		Name: settings.Enabled(t), Text: "Send " + t.Title + " to Segment: yes or no", normal: yesOrNo,
	}}
	if len(t.Observable()) > 1 {
		asked = append(asked, Question{
			Name: settings.Events(t),
			Text: fmt.Sprintf("%s: Commerce events, from %s", t.Title, strings.Join(t.Observable(), ", ")),
		})
	}
	return asked
}

// yesOrNo turns a yes or a no into the value of the parameter: "true" or "false".
func yesOrNo(answer string) (string, error) {
	switch strings.ToLower(answer) {
	case "yes", "y", "true", "on":
		return "true", nil
	case "no", "n", "false", "off":
		return "false", nil
	}
	return "", errors.New("the answer is neither yes nor no: write yes or no")
}

// tokenURL turns a pasted URL of the Commerce API into the token URL.
func tokenURL(pasted string) (string, error) {
	base, _, err := commerce.BaseURL(pasted)
	if err != nil {
		return "", err
	}
	return base + commerce.TokenPath, nil
}
