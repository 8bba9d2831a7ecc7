package commerce

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"commerce-segment/shared/jsontext"
	"commerce-segment/shared/loggable"
)

// Moment names the timestamp of a resource that a period is about.
type Moment string

// The moments.
const (
	Created Moment = "created_at"
	Updated Moment = "updated_at"
)

// Period is the time in which a resource was created or updated.
type Period struct {
	Of   Moment    // empty means Created
	From time.Time // the first instant in it; zero means no beginning
	To   time.Time // the first instant after it; zero means no end
}

// Record has the fields that orders and customers share.
type Record struct {
	ID string
	// CreatedAt and UpdatedAt are the timestamps of the resource as Commerce wrote them
	// (RFC 3339).
	CreatedAt, UpdatedAt string
	// JSON is the whole resource as Commerce wrote it, with its custom fields. A webhook
	// has it in payload.data.
	JSON json.RawMessage
}

func readRecord(object json.RawMessage) (Record, error) {
	if !jsontext.IsObject(object) {
		return Record{}, errors.New("it is not an object")
	}
	r := readResource(object)
	if r.id == "" {
		return Record{}, errors.New("it has no id")
	}
	return Record{ID: r.id, CreatedAt: r.createdAt, UpdatedAt: r.updatedAt, JSON: object}, nil
}

// moment returns the timestamp that a period is about.
func (r Record) moment(of Moment) string {
	if of == Updated {
		return r.UpdatedAt
	}
	return r.CreatedAt
}

// query returns the query for the records of the period from a timestamp on, oldest first.
func (p Period) query(from string) url.Values {
	query := url.Values{"sort": {string(p.Of)}}
	filter := ""
	if from != "" {
		filter = fmt.Sprintf(`ge(%s,"%s")`, p.Of, from)
	}
	if !p.To.IsZero() {
		if filter != "" {
			filter += ":" // and
		}
		filter += fmt.Sprintf(`lt(%s,"%s")`, p.Of, timestamp(p.To))
	}
	if filter != "" {
		query.Set("filter", filter)
	}
	return query
}

// timestamp returns a time in the format of Commerce's guide on filters.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// pagesOf iterates over the pages of a list in a period, oldest first. Each request asks
// for records from the last timestamp of the page before, so it returns some of them
// again. The pages are without these.
func (c *Client) pagesOf(ctx context.Context, path, include string, period Period) iter.Seq2[page, error] {
	period.Of = cmp.Or(period.Of, Created)
	return func(yield func(page, error) bool) {
		at := cursor{moment: period.Of, given: map[string]bool{}}
		if !period.From.IsZero() {
			at.from = timestamp(period.From)
		}
		for {
			query := period.query(at.from)
			if include != "" {
				query.Set("include", include)
			}
			p, err := c.page(ctx, path, query, at.offset)
			if err != nil {
				yield(page{}, err)
				return
			}
			whole, isLast := p.Data, p.last()
			p.Data = at.fresh(whole)
			if !yield(p, nil) || isLast {
				return
			}
			if err := at.advance(whole); err != nil {
				yield(page{}, unreadable(http.MethodGet, path, err))
				return
			}
		}
	}
}

// cursor is the position of pagesOf in a list.
type cursor struct {
	moment Moment
	from   string          // the last timestamp that was read; empty at the beginning
	offset int             // among the records from that timestamp on
	given  map[string]bool // the ids of the records with that timestamp that were read
}

// fresh returns the objects that were not read before.
func (c *cursor) fresh(objects []json.RawMessage) []json.RawMessage {
	var fresh []json.RawMessage
	for _, object := range objects {
		if !c.given[readResource(object).id] {
			fresh = append(fresh, object)
		}
	}
	return fresh
}

// advance moves the cursor behind the objects of a page. The page is not the last one.
func (c *cursor) advance(objects []json.RawMessage) error {
	var before time.Time
	c.offset += len(objects)
	for _, object := range objects {
		r, err := readRecord(object)
		if err != nil {
			return err
		}
		moment := r.moment(c.moment)
		at, err := time.Parse(time.RFC3339, moment)
		if err != nil {
			return fmt.Errorf("the %s of %s is not a time", c.moment, loggable.ID(r.ID))
		}
		if at.Before(before) {
			return fmt.Errorf("it is not sorted by %s", c.moment)
		}
		if moment != c.from {
			*c = cursor{moment: c.moment, from: moment, given: map[string]bool{}}
		}
		c.given[r.ID] = true
		before = at
	}
	return nil
}
