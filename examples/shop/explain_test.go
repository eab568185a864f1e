package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
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

// What explain says of each consumer, fed in each way, is what the same work takes on
// DynamoDB by the meter.
func TestWhatExplainSaysIsWhatTheMeterCounts(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	s := newShop(t)
	s.must("load", s.data(20))
	said := decode[explainAnswer](t, s.must("explain", "--json"))
	require.Equal(t, 2*len(explainedConsumers()), len(said.Consumers))
	service, err := openService(t.Context(), "sqlite:"+s.path("shop.db"), true)
	require.NoError(t, err)
	defer func() { require.NoError(t, service.Close()) }()
	_, sample, err := takeSample(t.Context(), service.Store, 1000)
	require.NoError(t, err)

	i := 0
	for _, c := range explainedConsumers() {
		for _, way := range ways {
			var meter dynamometer.Meter
			client, prefix := dynamotest.NewClient(t, endpoint, meter.Attach), dynamotest.NewPrefix()
			require.NoError(t, dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{Unprotected: true}))
			views, err := dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
			require.NoError(t, err)
			engine, err := prepared(t.Context(), c, sample, views)
			require.NoError(t, err)
			meter.Reset()
			require.NoError(t, way.feed(t.Context(), engine, sample))
			used := meter.Operations()
			n := float64(said.Events)
			// What is put by itself are states.
			writes := (used["TransactWriteItems"].WriteUnits + used["UpdateItem"].WriteUnits + used["BatchWriteItem"].WriteUnits) / n
			t.Logf("%s, %s: said %.3f and %.3f units an event, counted %.3f and %.3f", c.Name(), way.name,
				said.Consumers[i].WriteUnits, said.Consumers[i].ReadUnits, writes, used["BatchGetItem"].ReadUnits/n)
			assert.InEpsilon(t, said.Consumers[i].WriteUnits, writes, 0.02)
			assert.InEpsilon(t, said.Consumers[i].ReadUnits, used["BatchGetItem"].ReadUnits/n, 0.02)
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

var (
	explainedEvents = regexp.MustCompile(`with ([\d,]+) events`)
	explainedRow    = regexp.MustCompile(`(?m)^(\S+)  +(as it happens|swept)  +([\d.]+)`)
	explainedWhy    = regexp.MustCompile(`(?m)^(\S+), (as it happens|swept): ([\d,]+) write units in [\d,]+ slices?: (.*)$`)
	explainedPart   = regexp.MustCompile(`([\d,]+) for `)
)

// requireSums computes the table from the lines that explain it: the parts of each add up
// to its units, and those, by event, are the table's.
func (s *shop) requireSums(said string) {
	s.Helper()
	events, err := strconv.ParseFloat(strings.ReplaceAll(explainedEvents.FindStringSubmatch(said)[1], ",", ""), 64)
	require.NoError(s, err)
	rows := explainedRow.FindAllStringSubmatch(said, -1)
	whys := explainedWhy.FindAllStringSubmatch(said, -1)
	require.Len(s, rows, 2*len(explainedConsumers()))
	require.Len(s, whys, len(rows))
	for i, why := range whys {
		require.Equal(s, rows[i][1:3], why[1:3])
		sum := 0
		for _, part := range explainedPart.FindAllStringSubmatch(why[4], -1) {
			n, err := strconv.Atoi(strings.ReplaceAll(part[1], ",", ""))
			require.NoError(s, err)
			sum += n
		}
		assert.Equal(s, why[3], thousands(sum), why[0])
		assert.Equal(s, rows[i][3], fmt.Sprintf("%.3f", float64(sum)/events), why[0])
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
	s.requireSums(said)
	for line := range strings.SplitSeq(said, "\n") {
		assert.LessOrEqual(t, len(line), 160)
	}
	a := s.run("explain", "--commits", "0")
	assert.Equal(t, exitUsage, a.code)
	assert.Contains(t, a.stderr, "it takes at least 1")
}
