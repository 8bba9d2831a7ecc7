package commercetest

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of pages (Commerce's guide on pagination).
const (
	defaultLimit = 25
	maxLimit     = 100
	maxOffset    = 10_000 // "hard" for orders
)

// givePage answers with one page. include, if any, returns the related resources.
func givePage(w http.ResponseWriter, r *http.Request, resources []Object, include func([]Object) Object) {
	page, meta, ok := cut(w, r, resources)
	if !ok {
		return
	}
	body := Object{"data": page, "meta": meta}
	if include != nil {
		body["included"] = include(page)
	}
	give(w, body)
}

// cut returns the page that a request asks for, and its meta.
func cut(w http.ResponseWriter, r *http.Request, resources []Object) (page []Object, meta Object, ok bool) {
	limit, isLimit := number(r, "page[limit]", defaultLimit)
	offset, isOffset := number(r, "page[offset]", 0)
	if !isLimit || !isOffset || limit < 1 || offset > maxOffset {
		refuse(w, http.StatusBadRequest, "Bad Request", "page[limit] or page[offset] is out of range")
		return nil, nil, false
	}
	limit = min(limit, maxLimit)
	from := min(offset, len(resources))
	to := min(from+limit, len(resources))
	return nonNil(resources[from:to]), Object{
		"page": Object{
			"limit": limit, "offset": offset, "current": offset/limit + 1, "total": (len(resources) + limit - 1) / limit,
		},
		"results": Object{"total": len(resources)},
	}, true
}

func number(r *http.Request, name string, otherwise int) (value int, ok bool) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, true
	}
	value, err := strconv.Atoi(text)
	return value, err == nil && value >= 0
}

// choose returns the resources that match the filter of a request, in its sort order.
func choose(w http.ResponseWriter, r *http.Request, resources []Object, sorting string) (chosen []Object, ok bool) {
	wanted, ok := conditions(r.URL.Query().Get("filter"))
	if !ok {
		refuse(w, http.StatusBadRequest, "Bad Request", "Could not parse the supplied filter")
		return nil, false
	}
	sorting = cmp.Or(r.URL.Query().Get("sort"), sorting)
	field, descending := strings.CutPrefix(sorting, "-")
	if field != "created_at" && field != "updated_at" {
		refuse(w, http.StatusBadRequest, "Bad Request", "Could not parse the supplied sort")
		return nil, false
	}
	for _, resource := range resources {
		if !slices.ContainsFunc(wanted, func(c condition) bool { return !c.holds(resource) }) {
			chosen = append(chosen, resource)
		}
	}
	slices.SortStableFunc(chosen, func(a, b Object) int {
		if descending {
			a, b = b, a
		}
		return moment(a, field).Compare(moment(b, field))
	})
	return chosen, true
}

// condition is one part of a filter, such as ge(created_at,"2018-04-16T10:11:59.715Z") or
// eq(order_number,1042).
type condition struct {
	operator, field string
	value           time.Time
	text            string // instead of value
}

var conditionForm = regexp.MustCompile(`^(eq|gt|ge|lt|le)\((created_at|updated_at),("[^"]+"|[0-9-]+)\)(:|$)`)

var textForm = regexp.MustCompile(`^(eq)\((order_number|external_ref|customer_id),(#?[A-Za-z0-9_.:-]+)\)(:|$)`)

// conditions parses a filter: conditions that must all be true, with a colon between them.
func conditions(filter string) (parts []condition, ok bool) {
	for filter != "" {
		if match := textForm.FindStringSubmatch(filter); match != nil {
			parts = append(parts, condition{operator: match[1], field: match[2], text: match[3]})
			filter = filter[len(match[0]):]
			continue
		}
		match := conditionForm.FindStringSubmatch(filter)
		if match == nil || len(match[0]) == len(filter) && match[4] == ":" {
			return nil, false
		}
		text := strings.Trim(match[3], `"`)
		value, err := time.Parse(time.RFC3339, text)
		if err != nil {
			value, err = time.Parse(time.DateOnly, text)
		}
		if err != nil {
			return nil, false
		}
		parts = append(parts, condition{operator: match[1], field: match[2], value: value})
		filter = filter[len(match[0]):]
	}
	return parts, true
}

func (c condition) holds(resource Object) bool {
	switch {
	case c.field == "customer_id":
		return at(resource, "relationships", "customer", "data", "id") == c.text
	case c.text != "":
		return resource[c.field] == c.text
	}
	order := moment(resource, c.field).Compare(c.value)
	switch c.operator {
	case "eq":
		return order == 0
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	default:
		return order <= 0
	}
}

// moment returns a timestamp of a resource.
func moment(resource Object, field string) time.Time {
	text, _ := at(resource, "meta", "timestamps", field).(string)
	value, _ := time.Parse(time.RFC3339, text) // the zero time if it is invalid
	return value
}
