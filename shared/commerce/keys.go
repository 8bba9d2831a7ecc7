package commerce

import (
	"context"
	"fmt"
)

// ApplicationKey is an application key of the store (Commerce's OpenAPI description of
// application keys).
type ApplicationKey struct {
	// Name is its name in Commerce Manager.
	Name     string `json:"name"`
	ClientID string `json:"client_id"`
	// ReservedRateLimit is the number of requests a second that are reserved for the key;
	// 0 if it shares the rest of the store's limit with other keys.
	ReservedRateLimit int `json:"reserved_rate_limit"`
}

// ApplicationKey returns the key that this client uses. Its name is the best hint to the
// store, because no documented call returns the store of a token.
func (c *Client) ApplicationKey(ctx context.Context) (ApplicationKey, error) {
	for key, err := range list[ApplicationKey](ctx, c, "/v2/application-keys") {
		if err != nil {
			return ApplicationKey{}, err
		}
		if key.ClientID == c.id {
			return key, nil
		}
	}
	return ApplicationKey{}, fmt.Errorf("no application key of the store has the client id %s: use the client id of a key of this store", c.id)
}
