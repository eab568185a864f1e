package main

import (
	"fmt"

	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// edition is the shop's program in one of its versions. A real program is built anew when a
// projection changes; here one binary is either, so that both can be tried.
type edition struct {
	stats       *projection.View[ProductStats]
	projections []*projection.Projection
}

// firstEdition carries version 1 of product-stats, nextEdition version 2 beside it.
var (
	firstEdition = edition{Stats, []*projection.Projection{ProductStatsV1, PurchaseHistoryV1}}
	nextEdition  = edition{NetStats, []*projection.Projection{ProductStatsV2, PurchaseHistoryV1}}
)

// editionVariable says which version of product-stats the program has: 1 or 2. It is as if
// another build were deployed, so it is no flag.
const editionVariable = "SHOP_PRODUCT_STATS"

func editionOf(version string) (edition, error) {
	switch version {
	case "", "1":
		return firstEdition, nil
	case "2":
		return nextEdition, nil
	}
	return firstEdition, &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("%s=%s: this program has versions 1 and 2 of product-stats", editionVariable, version),
		Fix: "set it to 1 or 2, or not at all: that is 1"}
}

// consumers are the projections, for a worker that keeps their views.
func (e edition) consumers() []projection.Consumer {
	var all []projection.Consumer
	for _, p := range e.projections {
		all = append(all, p)
	}
	return all
}
