package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/memviews"
)

// What explain says of each projection, fed in each way, is what the same work takes on
// DynamoDB by the meter.
func TestWhatExplainSaysIsWhatTheMeterCounts(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	s := newShop(t)
	s.must("load", s.data(20))
	said := decode[explainAnswer](t, s.must("explain", "--json"))
	require.Equal(t, 2*len(projections()), len(said.Projections))
	service, err := openService(t.Context(), "sqlite:"+s.path("shop.db"), true)
	require.NoError(t, err)
	defer func() { require.NoError(t, service.Close()) }()
	_, sample, err := takeSample(t.Context(), service.Store, 1000)
	require.NoError(t, err)

	i := 0
	for _, p := range projections() {
		for _, way := range ways {
			var meter dynamometer.Meter
			client, prefix := dynamotest.NewClient(t, endpoint, meter.Attach), dynamotest.NewPrefix()
			require.NoError(t, dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{Unprotected: true}))
			views, err := dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
			require.NoError(t, err)
			engine, err := projection.NewEngine(sample, views, projection.Options{}, p)
			require.NoError(t, err)
			require.NoError(t, engine.Prepare(t.Context()))
			meter.Reset()
			require.NoError(t, way.feed(t.Context(), engine, sample))
			used := meter.Operations()
			n := float64(said.Events)
			writes := (used["TransactWriteItems"].WriteUnits + used["UpdateItem"].WriteUnits + used["PutItem"].WriteUnits + used["BatchWriteItem"].WriteUnits) / n
			t.Logf("%s, %s: said %.3f and %.3f units an event, counted %.3f and %.3f", p.Name(), way.name,
				said.Projections[i].WriteUnits, said.Projections[i].ReadUnits, writes, used["BatchGetItem"].ReadUnits/n)
			assert.InEpsilon(t, said.Projections[i].WriteUnits, writes, 0.02)
			assert.InEpsilon(t, said.Projections[i].ReadUnits, used["BatchGetItem"].ReadUnits/n, 0.02)
			i++
		}
	}
}

// refusing is a view store that takes nothing.
type refusing struct{ projection.ViewStore }

func (refusing) Apply(context.Context, projection.Slice) error { return errors.New("it takes nothing") }

func TestExplainSaysNothingOfWhatCouldNotBeApplied(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.must("load", s.data(20))
	service, err := openService(t.Context(), "sqlite:"+s.path("shop.db"), true)
	require.NoError(t, err)
	defer func() { require.NoError(t, service.Close()) }()
	_, sample, err := takeSample(t.Context(), service.Store, 10)
	require.NoError(t, err)
	for _, way := range ways {
		engine, err := projection.NewEngine(sample, refusing{memviews.New(memviews.Options{})}, projection.Options{}, projections()[0])
		require.NoError(t, err)
		require.NoError(t, engine.Prepare(t.Context()))
		assert.Error(t, way.feed(t.Context(), engine, sample), way.name)
	}
}

func TestExplainReadsWell(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.must("load", s.data(20))
	said := s.must("explain")
	assert.Contains(t, said, "An append takes ")
	assert.Contains(t, said, "product-stats     swept")
	assert.Contains(t, said, "Prices are those of "+pricesOf)
	for line := range strings.SplitSeq(said, "\n") {
		assert.LessOrEqual(t, len(line), 160)
	}
	a := s.run("explain", "--commits", "0")
	assert.Equal(t, exitUsage, a.code)
	assert.Contains(t, a.stderr, "it takes at least 1")
}
