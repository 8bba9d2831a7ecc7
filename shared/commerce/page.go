package commerce

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"commerce-segment/shared/apicall"
)

// pageLimit is the largest number of records of a page (Commerce's guide on pagination).
const pageLimit = 100

// page is one page of a list, with its records as Commerce wrote them.
type page struct {
	Data     []json.RawMessage `json:"data"`
	Included struct {
		Items []json.RawMessage `json:"items"`
	} `json:"included"`
	Meta struct {
		Page struct {
			Limit int `json:"limit"`
		} `json:"page"`
	} `json:"meta"`
}

// last reports whether this is the last page. It does not use the totals of the answer,
// because the OpenAPI descriptions disagree about what they count.
func (p page) last() bool {
	limit := pageLimit
	if p.Meta.Page.Limit > 0 {
		limit = min(limit, p.Meta.Page.Limit)
	}
	return len(p.Data) < limit
}

// page reads the page of a list that begins at an offset.
func (c *Client) page(ctx context.Context, path string, query url.Values, offset int) (page, error) {
	query.Set("page[limit]", strconv.Itoa(pageLimit))
	query.Set("page[offset]", strconv.Itoa(offset))
	return c.readPage(ctx, path, query)
}

// latest reads the newest records of a list, the newest first, with the related records
// that include names.
func (c *Client) latest(ctx context.Context, path, include string, count int) (page, error) {
	query := url.Values{"sort": {"-created_at"}, "page[limit]": {strconv.Itoa(min(count, pageLimit))}}
	if include != "" {
		query.Set("include", include)
	}
	return c.readPage(ctx, path, query)
}

func (c *Client) readPage(ctx context.Context, path string, query url.Values) (page, error) {
	answer, err := c.Get(ctx, path+"?"+query.Encode())
	if err != nil {
		return page{}, err
	}
	var p page
	if err := json.Unmarshal(answer, &p); err != nil {
		return page{}, unreadable(http.MethodGet, path, apicall.ErrNotAsDescribed)
	}
	return p, nil
}

// list iterates over the records of a list. It keeps one page of them in memory. An error
// ends the iteration.
func list[T any](ctx context.Context, c *Client, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var before page
		for offset := 0; ; {
			p, err := c.page(ctx, path, url.Values{}, offset)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if samePage(p, before) {
				return // the list has no pages, and was complete the first time
			}
			for _, record := range p.Data {
				var value T
				if err := json.Unmarshal(record, &value); err != nil {
					yield(value, unreadable(http.MethodGet, path, apicall.ErrNotAsDescribed))
					return
				}
				if !yield(value, nil) {
					return
				}
			}
			if p.last() {
				return
			}
			offset += len(p.Data)
			before = p
		}
	}
}

// samePage reports whether two pages begin with the same record.
func samePage(a, b page) bool {
	return len(a.Data) > 0 && len(b.Data) > 0 && bytes.Equal(a.Data[0], b.Data[0])
}
