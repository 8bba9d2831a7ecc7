// Package console is the hub's web pages. They show and change a store through the same
// packages as the commands.
//
// The server renders the pages, and they work without JavaScript. A script adds previews
// while the user types, and refreshes data. If the editor's bundle was built, templates have
// a code editor.
//
// The package has one file for each page or part of a page, so it has more than 15: all of
// them are handlers of one Console.
package console

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"commerce-segment/infra/hub/health"
	"commerce-segment/infra/hub/received"
	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

// Console is the pages of one store.
type Console struct {
	Store store.Store
	// Machine is the hub that receives webhooks on this machine; nil for a deployed store.
	Machine Machine
	// Key gives access to programs that send it. Browsers get access with a Link. All other
	// requests are rejected: other users of this machine can reach its loopback address, and
	// so can requests through a tunnel.
	Key string
	// Elsewhere also allows requests from other machines, with the key.
	Elsewhere bool
	Log       *slog.Logger

	sessions    sessions
	registering sync.Mutex // two registrations at once would create each webhook twice
	connection  connection
	catchUpJob  catchUpJob
	revenueJob  revenueJob
	latest      cache[[]event]  // the latest events in Commerce, by the tracking's name
	arrived     cache[arrivals] // the latest deliveries by Commerce, without a key
	judged      cache[health.Judgement]
	letterList  letterList
	paused      cache[[]store.Pause]
	received    received.Latest
}

// Stop cancels the background jobs, and returns when they have ended.
func (c *Console) Stop() {
	c.letterList.end()
	c.catchUpJob.end()
	c.revenueJob.end()
	c.received.End()
}

// Handler returns the handler of all pages.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.overview)
	mux.HandleFunc("GET /overview/now", c.refreshOverview)
	mux.HandleFunc("GET /static/{file}", static)
	mux.HandleFunc("POST /logout", c.logged(c.logOut))
	mux.HandleFunc("GET /connections", c.connections)
	mux.HandleFunc("POST /connections/commerce", c.logged(c.connectCommerce))
	mux.HandleFunc("POST /connections/segment", c.logged(c.saveSegment))
	mux.HandleFunc("POST /connections/api", c.logged(c.connectAPI))
	mux.HandleFunc("POST /connections/source", c.logged(c.createSource))
	mux.HandleFunc("POST /connections/test", c.logged(c.sendTest))
	mux.HandleFunc("GET /trackings", c.trackings)
	mux.HandleFunc("POST /trackings", c.logged(c.saveTrackings))
	mux.HandleFunc("POST /trackings/pause", c.logged(c.pause))
	mux.HandleFunc("POST /trackings/resume", c.logged(c.resume))
	mux.HandleFunc("GET /finish", c.finish)
	mux.HandleFunc("POST /finish", c.logged(c.register))
	mux.HandleFunc("GET /finish/arrivals", c.showArrivals)
	mux.HandleFunc("GET /editor/functions", c.describeFunctions)
	mux.HandleFunc("GET /templates", c.listTemplates)
	mux.HandleFunc("GET /templates/{name}", c.openTemplate)
	mux.HandleFunc("POST /templates/{name}", c.logged(c.changeTemplate))
	mux.HandleFunc("POST /templates/{name}/preview", c.previewTemplate)
	mux.HandleFunc("GET /templates/{name}/versions/{version}", c.showVersion)
	mux.HandleFunc("POST /templates/{name}/restore", c.logged(c.restoreTemplate))
	mux.HandleFunc("GET /deadletters", c.deadLetters)
	mux.HandleFunc("GET /deadletters/job", func(w http.ResponseWriter, _ *http.Request) { c.showJob(w, &c.letterList.jobs) })
	mux.HandleFunc("POST /deadletters/read", c.rereadDeadLetters)
	mux.HandleFunc("GET /deadletters/list", c.listLetters)
	mux.HandleFunc("GET /deadletters/replayed", c.showReplayed)
	mux.HandleFunc("POST /deadletters/review", c.reviewReplay)
	mux.HandleFunc("POST /deadletters/replay", c.logged(c.replay))
	mux.HandleFunc("GET /deadletters/{name}/{id}", c.deadLetter)
	mux.HandleFunc("GET /catchup", c.catchUp)
	mux.HandleFunc("GET /catchup/job", func(w http.ResponseWriter, _ *http.Request) { c.showJob(w, &c.catchUpJob.jobs) })
	mux.HandleFunc("POST /catchup/plan", c.planBackfill)
	mux.HandleFunc("POST /catchup/compare", c.reconcile)
	mux.HandleFunc("POST /catchup/send", c.logged(c.sendFound))
	mux.HandleFunc("POST /catchup/stopped", c.logged(c.resumeBackfill))
	mux.HandleFunc("POST /catchup/stop", c.logged(c.stopCatchUp))
	mux.HandleFunc("GET /revenue", c.revenue)
	mux.HandleFunc("GET /revenue.csv", c.downloadRevenue)
	mux.HandleFunc("GET /revenue/job", func(w http.ResponseWriter, _ *http.Request) { c.showJob(w, &c.revenueJob.jobs) })
	mux.HandleFunc("POST /revenue/compare", c.compareRevenue)
	mux.HandleFunc("POST /revenue/stop", c.stopRevenue)
	mux.HandleFunc("POST /revenue/send", c.logged(c.sendRevenue))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { c.fail(w, r, http.StatusNotFound, errNoPage) })
	mux.HandleFunc("GET /executions", c.executions)
	mux.HandleFunc("GET /executions.csv", c.downloadExecutions)
	mux.HandleFunc("GET /executions/{position}", c.execution)
	mux.HandleFunc("GET /trace", c.trace)
	mux.HandleFunc("GET /doctor", c.doctor)
	mux.HandleFunc("GET "+deletionsPath, c.deletions)
	if c.Machine != nil {
		mux.HandleFunc("POST "+LinkPath, c.sendLink)
		mux.HandleFunc("GET "+ExecutionsPath, c.sendExecutions)
		mux.HandleFunc("GET "+HealthPath, c.sendHealth)
		mux.HandleFunc("GET "+LettersPath+"{name}", c.letters)
		mux.HandleFunc("POST "+LettersPath+"{name}", c.logged(c.putBack))
		mux.HandleFunc("POST /templates/{name}/effect", c.showEffect)
		mux.HandleFunc("POST "+ForecastPath+"{name}", c.forecastLetters)
		mux.HandleFunc("GET /deadletters/retrying", c.retrying)
		mux.HandleFunc("POST /deadletters/retrying", c.logged(c.retryNow))
		mux.HandleFunc("GET "+RetryingPath+"{name}", c.retryingEvents)
		mux.HandleFunc("POST "+RetryingPath+"{name}", c.logged(c.retryEvents))
		mux.HandleFunc("POST /samples", c.logged(c.sendSample))
		mux.HandleFunc("GET "+inboxPath, c.inbox)
		mux.HandleFunc("GET "+inboxPath+"/{batch}/{index}", c.inboxMessage)
		mux.HandleFunc("GET "+inboxPath+"/{batch}/{index}/json", c.inboxMessageJSON)
		mux.HandleFunc("POST /inbox/empty", c.logged(c.emptyInbox))
	}
	return c.requireLocal(c.requireKey(mux))
}

// view is the data of a page and its frame.
type view struct {
	Title  string
	Path   string // the path of the step that the navigation marks
	Notice string // the result of the last form
	Alert  string // an error in the request
	Data   any
}

// overview shows whether the store works, what happened in the last 24 hours, and the state of
// the setup.
func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	data, err := c.readOverview(r)
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.show(w, r, http.StatusOK, "overview", view{Title: "Overview", Path: "/", Data: data})
}

// group is trackings under a title.
type group struct {
	Title     string
	Trackings []tracking.Tracking
}

// groups returns trackings in the groups of the pages: one for each type of resource.
func groups(trackings []tracking.Tracking) (all []group) {
	for _, t := range trackings {
		title := groupTitle(t.Resource())
		i := slices.IndexFunc(all, func(g group) bool { return g.Title == title })
		if i < 0 {
			i, all = len(all), append(all, group{Title: title})
		}
		all[i].Trackings = append(all[i].Trackings, t)
	}
	return all
}

// groupTitle returns the title of the group of a type of resource: Orders for order.
func groupTitle(resource string) string {
	return strings.ToUpper(resource[:1]) + strings.ReplaceAll(resource[1:], "-", " ") + "s"
}

func (v view) Heading() string { return cmp.Or(v.Title, stepAt(v.Path).Title) }
