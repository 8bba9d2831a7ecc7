package commerce

import (
	"context"
	"fmt"
)

// ApplicationKey is what Commerce knows of a client id (Commerce's OpenAPI
// description of application keys).
type ApplicationKey struct {
	// Name is what its owner called it in Commerce Manager.
	Name     string `json:"name"`
	ClientID string `json:"client_id"`
	// ReservedRateLimit is how many requests a second are kept for it; 0 where it
	// shares what others leave.
	ReservedRateLimit int `json:"reserved_rate_limit"`
}

// ApplicationKey gives the key with which this client calls. It is the nearest to
// which store that is: no call that is described names the store of a token.
func (c *Client) ApplicationKey(ctx context.Context) (ApplicationKey, error) {
	for key, err := range list[ApplicationKey](ctx, c, "/v2/application-keys") {
		if err != nil {
			return ApplicationKey{}, err
		}
		if key.ClientID == c.id {
			return key, nil
		}
	}
	return ApplicationKey{}, fmt.Errorf("the store's application keys do not have the client id %s: use that of a key of this store", c.id)
}
