package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"commerce-segment/infra/hub/console"
	"commerce-segment/infra/hub/queue"
	"commerce-segment/shared/tracking"
)

// Retrying returns the selected events of a tracking that the hub retries, at most limit of
// them: those with the earliest attempt.
func (c Client) Retrying(ctx context.Context, t tracking.Tracking, selection queue.Selection, limit int) (found queue.Retrying, err error) {
	form := selectionForm(selection)
	form.Set(console.FieldLimit, strconv.Itoa(limit))
	err = c.askJSON(ctx, http.MethodGet, console.RetryingPath+t.Name+"?"+form.Encode(), nil, &found)
	return found, err
}

// RetryNow makes the hub attempt the selected events of a tracking now, and returns how many.
func (c Client) RetryNow(ctx context.Context, t tracking.Tracking, selection queue.Selection) (int, error) {
	var answer console.Retried
	err := c.askJSON(ctx, http.MethodPost, console.RetryingPath+t.Name, selectionForm(selection), &answer)
	return answer.Retried, err
}

// selectionForm returns the form with which the hub is asked about a selection.
func selectionForm(s queue.Selection) url.Values {
	return url.Values{console.FieldReasons: s.Reasons, console.FieldResources: s.Resources}
}

// formOf returns the form that names events to the hub.
func formOf(ids []string) url.Values { return url.Values{"ids": {strings.Join(ids, " ")}} }

// askJSON sends a form to the hub, and decodes its answer.
func (c Client) askJSON(ctx context.Context, method, path string, form url.Values, answer any) error {
	response, content, err := c.ask(ctx, method, path, form)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the hub at %s answers %s: %s", c.URL, response.Status, strings.TrimSpace(string(content)))
	}
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(answer); err != nil {
		return fmt.Errorf("the program at %s does not answer as a hub: is it a hub of this version?", c.URL)
	}
	return nil
}
