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

// Moment is which of a resource's timestamps a period is about.
type Moment string

// The moments.
const (
	Created Moment = "created_at"
	Updated Moment = "updated_at"
)

// Period is the time in which a resource was created or updated.
type Period struct {
	Of   Moment    // Created where it is empty
	From time.Time // the first moment in it; the zero time for the beginning
	To   time.Time // the first moment after it; the zero time for no end
}

// Record is what orders and customers share.
type Record struct {
	ID string
	// CreatedAt and UpdatedAt are the resource's own timestamps as Commerce wrote
	// them (RFC 3339).
	CreatedAt, UpdatedAt string
	// JSON is the whole resource as Commerce wrote it, with its custom fields: what
	// a webhook has in payload.data.
	JSON json.RawMessage
}

func readRecord(object json.RawMessage) (Record, error) {
	if !jsontext.IsObject(object) {
		return Record{}, errors.New("there is no object where one was expected")
	}
	r := readResource(object)
	if r.id == "" {
		return Record{}, errors.New("there is no id in it")
	}
	return Record{ID: r.id, CreatedAt: r.createdAt, UpdatedAt: r.updatedAt, JSON: object}, nil
}

// moment is the timestamp that a period is about.
func (r Record) moment(of Moment) string {
	if of == Updated {
		return r.UpdatedAt
	}
	return r.CreatedAt
}

// query asks for what is in the period from a moment on, oldest first.
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

// timestamp writes a time as Commerce's guide on filters does.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// chronicle gives the pages of a list in a period, oldest first, each without what
// was on the one before. A page begins at the last moment of the one before: what
// was given of that moment is taken out.
func (c *Client) chronicle(ctx context.Context, path, include string, period Period) iter.Seq2[page, error] {
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
				yield(page{}, unreadable(http.MethodGet, path, err.Error()))
				return
			}
		}
	}
}

// cursor is how far a chronicle has come.
type cursor struct {
	moment Moment
	from   string          // the last moment seen; empty at the beginning
	offset int             // among what is from that moment on
	given  map[string]bool // the ids of that moment that were seen
}

// fresh gives the objects that were not given before.
func (c *cursor) fresh(objects []json.RawMessage) []json.RawMessage {
	var fresh []json.RawMessage
	for _, object := range objects {
		if !c.given[readResource(object).id] {
			fresh = append(fresh, object)
		}
	}
	return fresh
}

// advance moves behind the objects of a page that is not the last one.
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
			return fmt.Errorf("%s has no %s that is a time", loggable.ID(r.ID), c.moment)
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
