package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"commerce-segment/shared/loggable"
)

// client follows no redirect: the message must not be sent to another address.
var client = &http.Client{
	Transport:     loggable.Transport(http.DefaultTransport),
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// post posts a message in the form of the service. The URL is a secret, so no error contains
// it.
func post(ctx context.Context, u *url.URL, m Message) error {
	body, err := json.Marshal(bodyFor(u.Hostname(), m))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL of the webhook is not valid")
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		var withURL *url.Error
		if errors.As(err, &withURL) {
			err = withURL.Err
		}
		return fmt.Errorf("%s: %w", u.Hostname(), err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("%s answers %d: is the URL the one that the service shows?", u.Hostname(), response.StatusCode)
	}
	return nil
}

// teamsHosts are the ends of the hosts of Microsoft Teams' workflows.
var teamsHosts = []string{".logic.azure.com", ".powerplatform.com", ".webhook.office.com"}

// bodyFor returns the body for a host: an adaptive card for Teams, and otherwise a text, which
// Slack and most others take.
func bodyFor(host string, m Message) any {
	for _, end := range teamsHosts {
		if strings.HasSuffix(strings.ToLower(host), end) {
			return teamsCard(m)
		}
	}
	return map[string]any{"text": slackText.Replace("*" + m.Title + "*\n" + m.Text)}
}

// slackText escapes what Slack would read as a link or a mention.
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// teamsCard returns a message with an adaptive card.
func teamsCard(m Message) any {
	title := map[string]any{"type": "TextBlock", "text": m.Title, "wrap": true, "weight": "Bolder", "size": "Medium"}
	// In a TextBlock, one line end is a space.
	text := map[string]any{"type": "TextBlock", "text": strings.ReplaceAll(m.Text, "\n", "\n\n"), "wrap": true}
	return map[string]any{"type": "message", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content": map[string]any{
			"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
			"body": []any{title, text},
		},
	}}}
}
