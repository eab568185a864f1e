package operator

import (
	"context"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
)

// MaxPage is the greatest number of entries in a page.
const MaxPage = 1000

const defaultPage = 50

// StreamQuery asks for streams of the service.
type StreamQuery struct {
	// Category is theirs. Defaults to all that the service has, one after the other; where
	// it names none, one is needed.
	Category string
	// After is the stream before the page; zero begins.
	After eventstore.StreamID
	// Limit is 1 to [MaxPage]. Defaults to 50.
	Limit int
}

// StreamPage is a page of streams, in the byte order of their names.
type StreamPage struct {
	Streams []Stream `json:"streams"`
	// Next is the stream behind which the next page begins, zero where there is none.
	Next eventstore.StreamID `json:"next,omitzero"`
}

// Stream is one that exists.
type Stream struct {
	Stream eventstore.StreamID `json:"stream"`
}

// Streams lists streams. Cost: a read of the directory for each page of it.
func (o *Operator) Streams(ctx context.Context, q StreamQuery) (page StreamPage, err error) {
	if q.Limit, err = pageLimit(q.Limit); err != nil {
		return page, err
	}
	directory, ok := o.service.Store.(eventstore.Directory)
	if !ok {
		return page, unsupported("list the streams", "the store has no directory")
	}
	categories := o.categories
	if q.Category != "" {
		categories = []string{q.Category}
	}
	if len(categories) == 0 {
		return page, fmt.Errorf("%w: the categories of the service's streams are not known here: name one", eventstore.ErrInvalid)
	}
	for _, category := range categories {
		if category < q.After.Category() {
			continue
		}
		after := q.After
		if after.Category() != category {
			after = eventstore.StreamID{}
		}
		for stream, err := range directory.Streams(ctx, category, after) {
			if err != nil {
				return page, err
			}
			if len(page.Streams) == q.Limit {
				page.Next = page.Streams[q.Limit-1].Stream
				return page, nil
			}
			page.Streams = append(page.Streams, Stream{stream})
		}
	}
	return page, nil
}

func pageLimit(limit int) (int, error) {
	if limit == 0 {
		limit = defaultPage
	}
	if limit < 1 || limit > MaxPage {
		return 0, fmt.Errorf("%w: a page of %d entries; allowed are 1 to %d", eventstore.ErrInvalid, limit, MaxPage)
	}
	return limit, nil
}
