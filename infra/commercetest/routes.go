package commercetest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// eventLimit is the number of events that an integration may observe (Commerce's guide).
const eventLimit = 5

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+tokenPath, s.giveToken)
	mux.HandleFunc("GET /v2/application-keys", s.listKeys)
	mux.HandleFunc("GET /v2/integrations", s.listIntegrations)
	mux.HandleFunc("POST /v2/integrations", s.createIntegration)
	mux.HandleFunc("GET /v2/integrations/{id}", s.getIntegration)
	mux.HandleFunc("PUT /v2/integrations/{id}", s.updateIntegration)
	mux.HandleFunc("DELETE /v2/integrations/{id}", s.deleteIntegration)
	mux.HandleFunc("GET /v2/integrations/{id}/logs", s.listLogs)
	mux.HandleFunc("GET /v2/integrations/{id}/jobs", s.listJobs)
	mux.HandleFunc("GET /v2/orders", s.listOrders)
	mux.HandleFunc("GET /v2/orders/{id}", s.getOrder)
	mux.HandleFunc("GET /v2/orders/{id}/items", s.listItems)
	mux.HandleFunc("GET /v2/orders/{id}/transactions", s.listTransactions)
	mux.HandleFunc("GET /v2/customers", s.listCustomers)
	mux.HandleFunc("GET /v2/customers/{id}", s.getCustomer)
	mux.HandleFunc("GET /v2/currencies", s.listCurrencies)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { notFound(w) })
	return mux
}

func notFound(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, "Not Found", "The resource could not be found")
}

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) {
	givePage(w, r, []Object{{"type": "application_key", "name": KeyName, "client_id": ClientID, "reserved_rate_limit": 0}}, nil)
}

func (s *Server) listCurrencies(w http.ResponseWriter, r *http.Request) {
	givePage(w, r, s.currencies, nil)
}

// listIntegrations answers with all integrations, because integrations.yaml has no pages
// for them.
func (s *Server) listIntegrations(w http.ResponseWriter, r *http.Request) {
	give(w, Object{"data": nonNil(s.integrations)})
}

func (s *Server) createIntegration(w http.ResponseWriter, r *http.Request) {
	given, ok := readData(w, r)
	if !ok {
		return
	}
	for _, name := range []string{"name", "observes", "integration_type", "configuration"} {
		if given[name] == nil {
			refuse(w, http.StatusUnprocessableEntity, "Validation Error", name+" is required")
			return
		}
	}
	integration := s.complete(Object{"description": "", "enabled": true}, "integration")
	if problem := change(integration, given); problem != "" {
		refuse(w, http.StatusUnprocessableEntity, "Validation Error", problem)
		return
	}
	integration["links"] = Object{"self": "http://" + r.Host + "/v2/integrations/" + integration["id"].(string)}
	s.integrations = append(s.integrations, integration)
	give(w, Object{"data": integration})
}

func (s *Server) getIntegration(w http.ResponseWriter, r *http.Request) {
	giveOne(w, r, s.integrations)
}

func (s *Server) updateIntegration(w http.ResponseWriter, r *http.Request) {
	i := find(s.integrations, r.PathValue("id"))
	if i < 0 {
		notFound(w)
		return
	}
	given, ok := readData(w, r)
	if !ok {
		return
	}
	changed := copied(s.integrations[i])
	if problem := change(changed, given); problem != "" {
		refuse(w, http.StatusUnprocessableEntity, "Validation Error", problem)
		return
	}
	changed["meta"].(Object)["timestamps"].(Object)["updated_at"] = stamp(time.Now())
	s.integrations[i] = changed
	give(w, Object{"data": changed})
}

func (s *Server) deleteIntegration(w http.ResponseWriter, r *http.Request) {
	i := find(s.integrations, r.PathValue("id"))
	if i < 0 {
		notFound(w)
		return
	}
	s.integrations = slices.Delete(s.integrations, i, i+1)
	w.WriteHeader(http.StatusOK)
}

// change sets the given attributes of an integration. It returns what is wrong with them, or
// "".
func change(integration, given Object) (problem string) {
	attributes := maps.Clone(given)
	maps.DeleteFunc(attributes, func(name string, _ any) bool {
		return !slices.Contains([]string{"name", "description", "enabled", "integration_type", "observes", "configuration"}, name)
	})
	maps.Copy(integration, attributes)
	observes, isList := integration["observes"].([]any)
	target, _ := at(integration, "configuration", "url").(string)
	switch {
	case given["type"] != "integration":
		return "type must be integration"
	case integration["integration_type"] != "webhook":
		return "commercetest has integrations of the type webhook only"
	case !isList:
		return "observes must be a list"
	case len(observes) > eventLimit:
		return "You have reached the integration event limit of 5"
	case target == "":
		return "configuration.url is required"
	}
	return ""
}

// listLogs answers with a page of an integration's logs. Unlike in every other list, the
// members of the page are directly in meta, and results is not in meta
// (integrations.yaml).
func (s *Server) listLogs(w http.ResponseWriter, r *http.Request) {
	logs, ok := s.logsOf(w, r)
	if !ok {
		return
	}
	page, meta, ok := cut(w, r, logs)
	if ok {
		give(w, Object{"data": page, "meta": meta["page"], "results": meta["results"]})
	}
}

// listJobs answers with all jobs of an integration, because integrations.yaml has no pages
// for them.
func (s *Server) listJobs(w http.ResponseWriter, r *http.Request) {
	logs, ok := s.logsOf(w, r)
	if !ok {
		return
	}
	jobs := []Object{}
	for _, log := range logs {
		jobs = append(jobs, at(log, "relationships", "job", "data").(Object))
	}
	give(w, Object{"data": jobs})
}

func (s *Server) logsOf(w http.ResponseWriter, r *http.Request) (logs []Object, ok bool) {
	id := r.PathValue("id")
	if find(s.integrations, id) < 0 {
		notFound(w)
		return nil, false
	}
	for _, log := range s.logs {
		if at(log, "relationships", "integration", "data", "id") == id {
			logs = append(logs, log)
		}
	}
	return logs, true
}

func (s *Server) listOrders(w http.ResponseWriter, r *http.Request) {
	orders, ok := choose(w, r, s.orders, "-updated_at")
	if !ok {
		return
	}
	var include func([]Object) Object
	if r.URL.Query().Get("include") == "items" {
		include = func(page []Object) Object { return Object{"items": s.itemsOf(page...)} }
	}
	givePage(w, r, orders, include)
}

func (s *Server) getOrder(w http.ResponseWriter, r *http.Request) {
	i := find(s.orders, r.PathValue("id"))
	if i < 0 {
		notFound(w)
		return
	}
	body := Object{"data": s.orders[i]}
	if r.URL.Query().Get("include") == "items" {
		body["included"] = Object{"items": s.itemsOf(s.orders[i])}
	}
	give(w, body)
}

func (s *Server) listItems(w http.ResponseWriter, r *http.Request) {
	i := find(s.orders, r.PathValue("id"))
	if i < 0 {
		notFound(w)
		return
	}
	give(w, Object{"data": s.itemsOf(s.orders[i])})
}

// itemsOf returns the lines of orders.
func (s *Server) itemsOf(orders ...Object) []Object {
	items := []Object{}
	for _, order := range orders {
		references, _ := at(order, "relationships", "items", "data").([]any)
		for _, reference := range references {
			items = append(items, s.items[at(reference, "id").(string)])
		}
	}
	return items
}

func (s *Server) listTransactions(w http.ResponseWriter, r *http.Request) {
	if find(s.orders, r.PathValue("id")) < 0 {
		notFound(w)
		return
	}
	give(w, Object{"data": nonNil(s.transactions[r.PathValue("id")])})
}

func (s *Server) listCustomers(w http.ResponseWriter, r *http.Request) {
	if customers, ok := choose(w, r, s.customers, "-created_at"); ok {
		givePage(w, r, customers, nil)
	}
}

func (s *Server) getCustomer(w http.ResponseWriter, r *http.Request) { giveOne(w, r, s.customers) }

// giveOne answers with the resource whose id is in the path.
func giveOne(w http.ResponseWriter, r *http.Request, resources []Object) {
	i := find(resources, r.PathValue("id"))
	if i < 0 {
		notFound(w)
		return
	}
	give(w, Object{"data": resources[i]})
}

// find returns the index of a resource, or -1.
func find(resources []Object, id string) int {
	return slices.IndexFunc(resources, func(resource Object) bool { return resource["id"] == id })
}

// readData reads the data of a JSON body.
func readData(w http.ResponseWriter, r *http.Request) (data Object, ok bool) {
	var body struct {
		Data Object `json:"data"`
	}
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&body) != nil || body.Data == nil {
		refuse(w, http.StatusUnprocessableEntity, "Validation Error", "Your request was invalid")
		return nil, false
	}
	return body.Data, true
}

// nonNil returns a copy that is not nil, so that JSON has [] and not null.
func nonNil(list []Object) []Object { return append([]Object{}, list...) }
