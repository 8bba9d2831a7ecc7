package store

import (
	"errors"
	"fmt"
	"strings"

	"commerce-segment/shared/commerce"
	"commerce-segment/shared/settings"
	"commerce-segment/shared/tracking"
)

// Question asks for one parameter: on the command line, in the environment, or at
// the keyboard.
type Question struct {
	Name     string // of the parameter
	Text     string // what to ask a person
	Flag     string // empty for a secret: everybody on the machine sees command lines
	Variable string // in the environment; empty where there is none
	// normal makes the value to write out of an answer, or says what is wrong with it.
	normal func(string) (string, error)
}

// Questions are those about the whole store.
var Questions = []Question{
	{Name: settings.SegmentWriteKey, Text: "Segment: write key of the source", Variable: "SEGMENT_WRITE_KEY"},
	{Name: settings.SegmentHost, Text: "Segment: host", Flag: "segment-host", Variable: "SEGMENT_HOST"},
	{Name: settings.SegmentPath, Text: "Segment: path", Flag: "segment-path", Variable: "SEGMENT_PATH"},
	{Name: settings.CommerceTokenURL, Text: "Commerce: base URL of its API, such as " + commerce.ExampleURL, Flag: "commerce-url", Variable: "COMMERCE_URL", normal: tokenURL},
	{Name: settings.CommerceClientID, Text: "Commerce: client id", Flag: "commerce-client-id", Variable: "COMMERCE_CLIENT_ID", normal: settings.Word},
	{Name: settings.CommerceClientSecret, Text: "Commerce: client secret", Variable: "COMMERCE_CLIENT_SECRET", normal: settings.Word},
	{Name: settings.WebhookSecret, Text: "Commerce: secret key of the webhooks", Variable: "COMMERCE_WEBHOOK_SECRET", normal: settings.Word},
}

func (q Question) Secret() bool { return settings.IsSecret(q.Name) }

// Check makes the value to write of an answer, or says what is wrong with it. It
// quotes no secret.
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

// TrackingQuestions are those about one tracking. The second has one possible
// answer only where a tracking can observe one event.
func TrackingQuestions(t tracking.Tracking) []Question {
	asked := []Question{{
		Name: settings.Enabled(t), Text: "Tell Segment of " + t.Title + ": yes or no", normal: yesOrNo,
	}}
	if len(t.Observable()) > 1 {
		asked = append(asked, Question{
			Name: settings.Events(t),
			Text: fmt.Sprintf("%s: Commerce events, of %s", t.Title, strings.Join(t.Observable(), ", ")),
		})
	}
	return asked
}

// yesOrNo is what people answer, as the parameter has it.
func yesOrNo(answer string) (string, error) {
	switch strings.ToLower(answer) {
	case "yes", "y", "true", "on":
		return "true", nil
	case "no", "n", "false", "off":
		return "false", nil
	}
	return "", errors.New("it is neither yes nor no: write one of the two")
}

// tokenURL makes the token URL out of what people paste for the Commerce API.
func tokenURL(pasted string) (string, error) {
	base, _, err := commerce.BaseURL(pasted)
	if err != nil {
		return "", err
	}
	return base + commerce.TokenPath, nil
}
