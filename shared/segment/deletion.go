package segment

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"commerce-segment/shared/loggable"
	"commerce-segment/shared/publicapi"
	"commerce-segment/shared/tracking"
)

// deleteType is the type of a message that asks Segment to delete a user. It is not a call of
// Segment's HTTP API: package deletion sends it as a request to the Public API.
const deleteType = string(tracking.Delete)

// Deletion is a request to delete a user, as a message of the type delete has it.
type Deletion struct {
	UserID         string                   `json:"userId"`
	RegulationType publicapi.RegulationType `json:"regulationType"`
}

// DeletionOf returns the Deletion of a message that NewMessages made for a tracking with the
// call delete.
func DeletionOf(m Message) (d Deletion, err error) {
	if err := json.Unmarshal(m.JSON, &d); err != nil {
		return d, fmt.Errorf("reading a request to delete a user: %w", err)
	}
	return d, nil
}

// checkDeletion checks a message of the type delete. A field that a request to delete a user
// does not have would be lost.
func checkDeletion(fields map[string]any) *InvalidError {
	if field(fields, "type") != deleteType {
		return nil
	}
	const first, second = string(publicapi.SuppressWithDelete), string(publicapi.DeleteOnly)
	if kind := field(fields, "regulationType"); kind != first && kind != second {
		return &InvalidError{Field: "regulationType", Message: "is neither " + first + " nor " + second + ": write one of the two"}
	}
	known := []string{"type", "userId", "regulationType", "messageId", "timestamp"}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(known, name) && field(fields, name) != nil {
			return &InvalidError{Field: loggable.ID(name), Message: "is not sent in a request to delete a user: leave it out, and write only " + strings.Join(known[1:3], " and ")}
		}
	}
	return nil
}
