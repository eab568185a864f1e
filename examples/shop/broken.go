package main

import (
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// broken are the projections of a program with a mistake, which shows what is done about one:
// the code of product-stats fails on whatever concerns a product, in every version that the
// edition carries.
func (e edition) broken(product string) []projection.Consumer {
	events := eventstore.MustRegistry(append(eventTypes(), eventstore.WithCodec(brokenCodec{eventstore.JSON{}, product}))...)
	old, rows := newStats(), newNetStats()
	stats := projection.MustNew("product-stats", 1, events, projection.Follow(customerCategory), old)
	if e.stats == NetStats {
		stats = projection.MustNew("product-stats", 2, events, projection.Follow(customerCategory),
			projection.Replaces(stats, projection.Shows(rows, old, ProductStats.net)), rows)
	}
	return []projection.Consumer{stats, PurchaseHistoryV1}
}

// brokenCodec can not read what concerns a product.
type brokenCodec struct {
	eventstore.Codec
	product string
}

// Unmarshal implements [eventstore.Codec].
func (c brokenCodec) Unmarshal(payload []byte, v any) error {
	if err := c.Codec.Unmarshal(payload, v); err != nil {
		return err
	}
	if l, ok := v.(interface{ line() Line }); ok && l.line().ProductID == c.product {
		return fmt.Errorf("this program was told to fail on product %q", c.product)
	}
	return nil
}
