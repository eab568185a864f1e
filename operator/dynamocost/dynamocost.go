// Package dynamocost says what a service costs on DynamoDB, whatever store it is on.
package dynamocost

import (
	"cmp"
	"fmt"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

// Model is the [operator.CostModel] of on-demand capacity. The zero value has the prices of
// one Region.
type Model struct {
	// Of says whose prices they are. Defaults to "us-east-1, since 2024-11-01".
	Of string
	// Write and Read are dollars for a million units. Default to 0.625 and 0.125.
	Write, Read float64
}

var _ operator.CostModel = Model{}

// Append implements [operator.CostModel].
func (Model) Append(c eventstore.Commit) (operator.AppendCost, error) {
	cost, err := dynamostore.CostOf(c)
	return operator.AppendCost{Bytes: cost.Bytes, WriteUnits: float64(cost.WriteUnits)}, err
}

// Views implements [operator.CostModel].
func (Model) Views(views projection.ViewStore) operator.CountingViews {
	return estimator{dynamoviews.NewEstimator(views)}
}

const notes = `A slice is a transaction, in which each checkpoint and each row takes two units for each KB; a checkpoint
alone is none, and takes one. A stream's own row lies in the item of its checkpoint.`

// Prices implements [operator.CostModel].
func (m Model) Prices() operator.Prices {
	return operator.Prices{Of: cmp.Or(m.Of, "us-east-1, since 2024-11-01"), Write: cmp.Or(m.Write, 0.625), Read: cmp.Or(m.Read, 0.125), Notes: notes}
}

type estimator struct{ *dynamoviews.Estimator }

// Cost implements [operator.CountingViews].
func (e estimator) Cost() operator.ViewCost {
	sum := e.Estimate()
	cost := operator.ViewCost{WriteUnits: sum.WriteUnits, ReadUnits: sum.ReadUnits, Slices: sum.Slices}
	text := terminal.Counted(sum.Checkpoints, "checkpoint")
	if sum.Alone > 0 {
		text += fmt.Sprintf(", %s of them alone", terminal.Thousands(sum.Alone))
	}
	if sum.OwnRows > 0 {
		text += fmt.Sprintf(", %s with an own row", terminal.Thousands(sum.OwnRows))
	}
	cost.Parts = []operator.CostPart{{WriteUnits: sum.CheckpointUnits, For: text}}
	for _, part := range []struct {
		units float64
		n     int
		what  string
	}{{sum.RowUnits, sum.Rows, "row"}, {sum.InsertUnits, sum.Inserts, "insert"}, {sum.ParkUnits, sum.Parks, "park record"}} {
		if part.n > 0 {
			cost.Parts = append(cost.Parts, operator.CostPart{WriteUnits: part.units, For: terminal.Counted(part.n, part.what)})
		}
	}
	return cost
}
