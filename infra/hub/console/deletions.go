package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"commerce-segment/infra/hub/deletions"
)

// deletionsPath is the path of the page Deletions.
const deletionsPath = "/deletions"

// askedWithin limits the calls of Segment for the page Deletions.
const askedWithin = 10 * time.Second

// deletionsAtMost is how many requests the page lists.
const deletionsAtMost = 200

// deletionsData is the data of the page Deletions.
type deletionsData struct {
	Report  deletions.Report // the requests that are listed, those that need attention first
	Says    string           // about all requests
	Fixes   []string         // what to do
	IsInbox bool             // messages go to the inbox, and no deletion is requested
	Unknown string           // why the requests or their states cannot be shown; empty if they can
	More    int              // how many requests are not listed
	Now     time.Time
}

// deletions shows the requests to delete users, and what Segment says about them.
func (c *Console) deletions(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), askedWithin)
	defer cancel()
	data := deletionsData{Now: time.Now()}
	host, err := c.segmentHost(ctx)
	data.IsInbox = err == nil && host == "" && c.Machine != nil
	if data.Report, err = c.readDeletions(ctx, data.Now); err != nil {
		data.Unknown = err.Error()
	}
	data.Says, data.Fixes = data.Report.Says(data.Now), data.Report.Fixes(c.Store.Named(), data.Now)
	data.list()
	c.show(w, r, http.StatusOK, "deletions", view{Path: deletionsPath, Data: data})
}

// list leaves the requests that are listed.
func (d *deletionsData) list() {
	all := d.Report.Requests
	rank := func(r deletions.Request) int {
		if r.NeedsAttention(d.Now) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b deletions.Request) int { return rank(a) - rank(b) })
	listed := min(len(all), deletionsAtMost)
	d.Report.Requests, d.More = all[:listed], len(all)-listed
}

// readDeletions returns the requests. If the error is that Segment cannot be asked, they have no states.
func (c *Console) readDeletions(ctx context.Context, now time.Time) (deletions.Report, error) {
	log := c.log()
	if log == nil {
		return deletions.Report{}, errNoLog
	}
	report, err := deletions.Read(ctx, log, now.Add(-deletions.DefaultPeriod))
	if err != nil {
		return deletions.Report{}, err
	}
	segment, err := c.Store.PublicAPI(ctx)
	if err == nil {
		err = report.Ask(ctx, segment)
	}
	return report, err
}
