package console

import (
	"context"
	"sync"

	"commerce-segment/shared/commerce"
)

// connection keeps the client of the store's Commerce, and with it its token, while the
// credentials stay as they are.
type connection struct {
	mu          sync.Mutex
	credentials commerce.Credentials
	client      *commerce.Client
}

// commerce is a client by the settings as they are now. The error is a
// store.ErrNotConnected where one is not set.
func (c *Console) commerce(ctx context.Context) (*commerce.Client, error) {
	credentials, err := c.Store.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	c.connection.mu.Lock()
	defer c.connection.mu.Unlock()
	if c.connection.client == nil || c.connection.credentials != credentials {
		client, err := commerce.NewClient(credentials, nil)
		if err != nil {
			return nil, err
		}
		c.connection.client, c.connection.credentials = client, credentials
	}
	return c.connection.client, nil
}
