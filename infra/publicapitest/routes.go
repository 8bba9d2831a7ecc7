package publicapitest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		give(w, http.StatusOK, Object{"workspace": Object{"id": WorkspaceID, "slug": WorkspaceSlug, "name": WorkspaceName}})
	})
	mux.HandleFunc("GET /sources", s.listSources)
	mux.HandleFunc("POST /sources", s.createSource)
	mux.HandleFunc("GET /sources/{id}", s.getSource)
	mux.HandleFunc("PATCH /sources/{id}", s.updateSource)
	mux.HandleFunc("GET /sources/{id}/settings", s.sourceSettings)
	mux.HandleFunc("GET /events/volume", s.volumes)
	mux.HandleFunc("GET /delivery-overview/"+received, s.overview(received, "eventName", "eventType", "appVersion"))
	mux.HandleFunc("GET /delivery-overview/"+failed, s.overview(failed, "eventName", "eventType", "discardReason", "appVersion"))
	mux.HandleFunc("GET /delivery-overview/"+filtered, s.overview(filtered, "eventName", "eventType", "discardReason", "appVersion"))
	mux.HandleFunc("GET /tracking-plans", s.listPlans)
	mux.HandleFunc("POST /tracking-plans", s.createPlan)
	mux.HandleFunc("GET /tracking-plans/{id}/rules", s.listRules)
	mux.HandleFunc("PATCH /tracking-plans/{id}/rules", s.updateRules)
	mux.HandleFunc("POST /regulations", s.createRegulation)
	mux.HandleFunc("GET /regulations", s.listRegulations)
	mux.HandleFunc("GET /regulations/{id}", s.getRegulation)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { notFound(w) })
	return mux
}

// HTTPAPI is the id of the HTTP API in Segment's catalogue of sources.
const HTTPAPI = "iUM16Md8P2"

// Source is a source of the workspace.
type Source struct {
	ID, Slug, Name string
	Disabled       bool
	WriteKeys      []string
	MetadataID     string // HTTPAPI, if it is empty
	TrackingPlanID string
	// Settings are its schema settings. Nil means that everything is allowed.
	Settings Object
}

// AddSource adds a source and returns its id. It makes an id if there is none.
func (s *Server) AddSource(source Source) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(source).ID
}

func (s *Server) add(source Source) *Source {
	if source.ID == "" {
		source.ID = s.newID()
	}
	if source.MetadataID == "" {
		source.MetadataID = HTTPAPI
	}
	s.sources = append(s.sources, &source)
	return &source
}

// RemoveSource deletes a source.
func (s *Server) RemoveSource(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = slices.DeleteFunc(s.sources, func(source *Source) bool { return source.ID == id })
}

// Sources returns the sources of the workspace in the order of their creation.
func (s *Server) Sources() []Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Source
	for _, source := range s.sources {
		all = append(all, *source)
	}
	return all
}

// source returns a source, or nil.
func (s *Server) source(id string) *Source {
	for _, source := range s.sources {
		if source.ID == id {
			return source
		}
	}
	return nil
}

// object returns a source as the API writes it.
func (s *Server) object(source *Source) Object {
	keys := append([]string{}, source.WriteKeys...)
	if s.NotSourceAdmin {
		keys = []string{}
	}
	one := Object{
		"id": source.ID, "slug": source.Slug, "workspaceId": WorkspaceID, "enabled": !source.Disabled,
		"writeKeys": keys, "settings": Object{}, "labels": []Object{},
		"metadata": Object{
			"id": source.MetadataID, "slug": "http-api", "name": "HTTP API", "description": "Sends events from any server.",
			"logos": Object{"default": "https://cdn.example.com/http.svg"}, "options": []Object{}, "categories": []string{"Server"},
			"isCloudEventSource": false, "status": "PUBLIC",
		},
	}
	if source.Name != "" {
		one["name"] = source.Name
	}
	return one
}

func (s *Server) listSources(w http.ResponseWriter, r *http.Request) {
	var all []Object
	for _, source := range s.sources {
		all = append(all, s.object(source))
	}
	s.givePage(w, r, "sources", all, nil)
}

func (s *Server) createSource(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r, "slug", "enabled", "metadataId", "settings", "disconnectAllWarehouses")
	if !ok {
		return
	}
	slug, ok := text(w, body, "slug")
	if !ok {
		return
	}
	kind, ok := text(w, body, "metadataId")
	if !ok {
		return
	}
	enabled, isBool := body["enabled"].(bool)
	if !isBool {
		invalid(w, "enabled", "enabled is required")
		return
	}
	if slices.ContainsFunc(s.sources, func(other *Source) bool { return other.Slug == slug }) {
		giveError(w, http.StatusConflict, "conflict", "slug", "A source with this slug already exists")
		return
	}
	source := s.add(Source{Slug: slug, Disabled: !enabled, MetadataID: kind})
	source.WriteKeys = []string{fmt.Sprintf("%032d", s.ids)}
	give(w, http.StatusCreated, Object{"source": s.object(source)})
}

func (s *Server) getSource(w http.ResponseWriter, r *http.Request) {
	source := s.source(r.PathValue("id"))
	if source == nil {
		notFound(w)
		return
	}
	data := Object{"source": s.object(source), "trackingPlanId": nil}
	if source.TrackingPlanID != "" {
		data["trackingPlanId"] = source.TrackingPlanID
	}
	give(w, http.StatusOK, data)
}

func (s *Server) updateSource(w http.ResponseWriter, r *http.Request) {
	source := s.source(r.PathValue("id"))
	if source == nil {
		notFound(w)
		return
	}
	body, ok := readBody(w, r, "name", "enabled", "slug", "settings")
	if !ok {
		return
	}
	if name, given := body["name"].(string); given {
		source.Name = name
	}
	if enabled, given := body["enabled"].(bool); given {
		source.Disabled = !enabled
	}
	give(w, http.StatusOK, Object{"source": s.object(source)})
}

func (s *Server) sourceSettings(w http.ResponseWriter, r *http.Request) {
	source := s.source(r.PathValue("id"))
	if source == nil {
		notFound(w)
		return
	}
	settings := source.Settings
	if settings == nil {
		settings = Object{
			"track": Object{
				"allowUnplannedEvents": true, "allowUnplannedEventProperties": true, "allowEventOnViolations": true,
				"allowPropertiesOnViolations": true, "commonEventOnViolations": "ALLOW",
			},
			"identify": Object{"allowUnplannedTraits": true, "allowTraitsOnViolations": true, "commonEventOnViolations": "ALLOW"},
		}
	}
	give(w, http.StatusOK, Object{"sourceId": source.ID, "settings": settings})
}

// plan is a tracking plan.
type plan struct {
	id, name, kind, description string
	rules                       []Object
}

// AddPlan adds a tracking plan with rules, and returns its id.
func (s *Server) AddPlan(name string, rules ...Object) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := &plan{id: "tp_" + s.newID(), name: name, kind: "LIVE", rules: rules}
	s.plans = append(s.plans, added)
	return added.id
}

// Rules returns the rules of a tracking plan, or nil if there is no plan with this id.
func (s *Server) Rules(planID string) []Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.plans {
		if p.id == planID {
			return slices.Clone(p.rules)
		}
	}
	return nil
}

func (p *plan) object() Object {
	one := Object{"id": p.id, "name": p.name, "slug": strings.ToLower(p.name), "type": p.kind, "createdAt": stamp(time.Now()), "updatedAt": stamp(time.Now())}
	if p.description != "" {
		one["description"] = p.description
	}
	return one
}

func (s *Server) listPlans(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Query().Get("type")
	var all []Object
	for _, p := range s.plans {
		if kind == "" || kind == p.kind {
			all = append(all, p.object())
		}
	}
	s.givePage(w, r, "trackingPlans", all, nil)
}

func (s *Server) createPlan(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r, "name", "type", "description")
	if !ok {
		return
	}
	name, ok := text(w, body, "name")
	if !ok {
		return
	}
	kind, ok := text(w, body, "type")
	if !ok {
		return
	}
	if !slices.Contains([]string{"ENGAGE", "LIVE", "PROPERTY_LIBRARY", "RULE_LIBRARY", "TEMPLATE"}, kind) {
		invalid(w, "type", "type is not a type of tracking plans")
		return
	}
	description, _ := body["description"].(string)
	created := &plan{id: "tp_" + s.newID(), name: name, kind: kind, description: description}
	s.plans = append(s.plans, created)
	give(w, http.StatusOK, Object{"trackingPlan": created.object()})
}

// planOf returns the plan of a path, or answers 404.
func (s *Server) planOf(w http.ResponseWriter, r *http.Request) *plan {
	for _, p := range s.plans {
		if p.id == r.PathValue("id") {
			return p
		}
	}
	notFound(w)
	return nil
}

func (s *Server) listRules(w http.ResponseWriter, r *http.Request) {
	if p := s.planOf(w, r); p != nil {
		s.givePage(w, r, "rules", p.rules, nil)
	}
}

// updateRules is the PATCH that changes the rules with the same type, key and version, and adds
// the others.
func (s *Server) updateRules(w http.ResponseWriter, r *http.Request) {
	p := s.planOf(w, r)
	if p == nil {
		return
	}
	body, ok := readBody(w, r, "rules")
	if !ok {
		return
	}
	given, _ := body["rules"].([]any)
	var rules []Object
	for _, each := range given {
		rule, _ := each.(Object)
		kind, _ := rule["type"].(string)
		_, hasVersion := rule["version"].(float64)
		switch {
		case !slices.Contains([]string{"COMMON", "GROUP", "IDENTIFY", "PAGE", "SCREEN", "TRACK"}, kind):
			invalid(w, "rules.type", "type is not a type of rules")
			return
		case kind == "TRACK" && (rule["key"] == nil || rule["key"] == ""):
			invalid(w, "rules.key", "key is required")
			return
		case rule["jsonSchema"] == nil:
			invalid(w, "rules.jsonSchema", "jsonSchema is required")
			return
		case !hasVersion:
			invalid(w, "rules.version", "version is required")
			return
		}
		rules = append(rules, rule)
	}
	for _, rule := range rules {
		same := slices.IndexFunc(p.rules, func(other Object) bool {
			return fmt.Sprint(other["type"], other["key"], other["version"]) == fmt.Sprint(rule["type"], rule["key"], rule["version"])
		})
		if same >= 0 {
			p.rules[same] = rule
		} else {
			p.rules = append(p.rules, rule)
		}
	}
	give(w, http.StatusOK, Object{"status": "SUCCESS"})
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
