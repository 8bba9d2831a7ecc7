// Package console is the hub's pages: connect, choose, edit templates, finish. They
// show and change a store through package store, as the commands do.
//
// Pages are made on the server and work without script. A script adds previews while
// one types and what arrives meanwhile, and, where the editor's bundle has been built,
// colours.
package console

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync"

	"commerce-segment/infra/hub/store"
	"commerce-segment/shared/tracking"
)

// Console is the pages about one store.
type Console struct {
	Store store.Store
	// Machine is the hub that runs on this machine; nil for a deployed store.
	Machine Machine
	// Key lets in programs that have it. Browsers are let in by a Link. Nothing else is:
	// other users of this machine reach its loopback address too, and so does whatever a
	// tunnel lets through.
	Key string
	// Elsewhere lets in browsers on other machines, with the key.
	Elsewhere bool
	Log       *slog.Logger

	sessions    sessions
	registering sync.Mutex // two at once would each create what they both find missing
	connection  connection
	catchUpJob  catchUpJob
	latest      cache[[]event]  // what Commerce has got, by the tracking's name
	arrived     cache[arrivals] // what it delivered, by the webhooks' address
	letterList  letterList
}

// Stop ends what the console does in the background, and returns when it has ended.
func (c *Console) Stop() {
	c.letterList.end()
	c.catchUpJob.end()
}

// Handler answers everything below the root that is the console's.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.overview)
	mux.HandleFunc("GET /static/{file}", static)
	mux.HandleFunc("POST /logout", c.logs(c.logOut))
	mux.HandleFunc("GET /connections", c.connections)
	mux.HandleFunc("POST /connections/commerce", c.logs(c.connectCommerce))
	mux.HandleFunc("POST /connections/segment", c.logs(c.saveSegment))
	mux.HandleFunc("POST /connections/test", c.logs(c.sendTest))
	mux.HandleFunc("GET /trackings", c.trackings)
	mux.HandleFunc("POST /trackings", c.logs(c.saveTrackings))
	mux.HandleFunc("GET /finish", c.finish)
	mux.HandleFunc("POST /finish", c.logs(c.register))
	mux.HandleFunc("GET /finish/arrivals", c.showArrivals)
	mux.HandleFunc("GET /templates", c.listTemplates)
	mux.HandleFunc("GET /templates/{name}", c.openTemplate)
	mux.HandleFunc("POST /templates/{name}", c.logs(c.changeTemplate))
	mux.HandleFunc("POST /templates/{name}/preview", c.previewTemplate)
	mux.HandleFunc("GET /templates/{name}/versions/{version}", c.showVersion)
	mux.HandleFunc("POST /templates/{name}/restore", c.logs(c.restoreTemplate))
	mux.HandleFunc("GET /deadletters", c.deadLetters)
	mux.HandleFunc("GET /deadletters/job", func(w http.ResponseWriter, _ *http.Request) { c.showJob(w, &c.letterList.jobs) })
	mux.HandleFunc("POST /deadletters/read", c.readAgain)
	mux.HandleFunc("POST /deadletters/replay", c.logs(c.replay))
	mux.HandleFunc("GET /deadletters/{name}/{id}", c.deadLetter)
	mux.HandleFunc("GET /catchup", c.catchUp)
	mux.HandleFunc("GET /catchup/job", func(w http.ResponseWriter, _ *http.Request) { c.showJob(w, &c.catchUpJob.jobs) })
	mux.HandleFunc("POST /catchup/plan", c.planBackfill)
	mux.HandleFunc("POST /catchup/compare", c.reconcile)
	mux.HandleFunc("POST /catchup/send", c.logs(c.sendFound))
	mux.HandleFunc("POST /catchup/left", c.logs(c.goOn))
	mux.HandleFunc("POST /catchup/stop", c.logs(c.stopCatchingUp))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { c.fail(w, r, http.StatusNotFound, errNoPage) })
	mux.HandleFunc("GET /executions", c.executions)
	mux.HandleFunc("GET /trace", c.trace)
	mux.HandleFunc("GET /doctor", c.doctor)
	if c.Machine != nil {
		mux.HandleFunc("POST "+LinkPath, c.sendLink)
		mux.HandleFunc("GET "+LinesPath, c.lines)
		mux.HandleFunc("GET "+LettersPath+"{name}", c.letters)
		mux.HandleFunc("POST "+LettersPath+"{name}", c.logs(c.putBack))
		mux.HandleFunc("POST /samples", c.logs(c.sendSample))
	}
	return c.onlyHere(c.withKey(mux))
}

// step is one of the console's pages, in the order in which a store is set up.
type step struct {
	Path, Title, Hint string
}

var steps = []step{
	{"/", "Overview", "What is going on"},
	{"/connections", "Connections", "Commerce and Segment"},
	{"/trackings", "Configurations", "What to tell Segment of"},
	{"/templates", "Templates", "How it is told"},
	{"/finish", "Finish", "Register the webhooks"},
	{"/executions", "Executions", "What became of webhooks"},
	{"/deadletters", "Dead letters", "What could not be delivered"},
	{"/catchup", "Catch up", "What Segment was not told"},
	{"/doctor", "Doctor", "What is wrong, what to do"},
}

// view is what every page is given: the frame around it, and its own data.
type view struct {
	Title  string
	Path   string // of the step that is marked in the navigation
	Notice string // what has just been done
	Alert  string // what is wrong with what was asked for
	Data   any
}

// overview says how far the store is set up, and what goes on in it.
func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	data, err := c.lookAround(r.Context())
	if err != nil {
		c.fail(w, r, http.StatusBadGateway, err)
		return
	}
	c.show(w, r, http.StatusOK, "overview", view{Title: "Overview", Path: "/", Data: data})
}

// group is trackings under the title that people know them by.
type group struct {
	Title     string
	Trackings []tracking.Tracking
}

// groups are the seven trackings as the set-up shows them.
func groups() []group {
	orders, customers := group{Title: "Orders"}, group{Title: "Customers"}
	for _, t := range tracking.All() {
		if t.Call == tracking.Identify {
			customers.Trackings = append(customers.Trackings, t)
		} else {
			orders.Trackings = append(orders.Trackings, t)
		}
	}
	return []group{orders, customers}
}

// here is the step of a path.
func here(path string) step {
	for _, s := range steps {
		if s.Path == path {
			return s
		}
	}
	return step{Path: path}
}

func (v view) Steps() []step { return steps }

func (v view) Heading() string { return cmp.Or(v.Title, here(v.Path).Title) }
