package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/received"
)

// HealthPath is where the hub's commands read the judgement of its health.
const HealthPath = "/health.json"

// judgedFor is how long a judgement is shown. That of a deployed store reads the log on AWS.
func (c *Console) judgedFor() time.Duration {
	if c.Machine == nil {
		return time.Minute
	}
	return 2 * time.Second
}

// Health judges the store. A judgement may be a little old.
func (c *Console) Health(ctx context.Context) health.Judgement {
	return c.judged.get("", c.judgedFor(), func() health.Judgement {
		ctx := context.WithoutCancel(ctx)
		source := health.Source{Store: c.Store, Log: c.log(), Received: func() *received.Report { return c.lastReceived(ctx) }}
		if c.Machine != nil {
			source.Hub = c.Machine
		}
		return source.Judge(ctx, time.Now())
	})
}

// lastHealth judges the store for the badges of a page. That of a deployed store is the last
// judgement, because a new one takes some seconds.
func (c *Console) lastHealth(ctx context.Context) health.Judgement {
	if c.Machine == nil {
		return c.judged.last("")
	}
	return c.Health(ctx)
}

// sendHealth sends the judgement to the hub's commands.
func (c *Console) sendHealth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.Health(r.Context())) // the client has disconnected
}
