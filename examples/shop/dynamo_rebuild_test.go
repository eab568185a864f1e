package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

// fixedReads are those of states, heartbeats and empty buckets, however much is stored.
const fixedReads = 60

// rebuildPlan is the answer of a dry run.
type rebuildPlan struct {
	Details operator.RebuildPlan `json:"details"`
}

func TestOnDynamoDBARebuildCostsWhatItsDryRunSays(t *testing.T) {
	t.Parallel()
	s := onDynamoDB(t, server.Endpoint(t))
	next := s.next()
	data := dynamoData(t)
	want := expect(t, data)
	s.must("load", data.Path)
	s.must("project")
	plan := parse[rebuildPlan](t, next.must("rebuild", "start", "product-stats", "--dry-run", "--json")).Details
	report := decode[rebuilt](t, next.act("start", "--json"))
	var used operator.Usage
	for _, phase := range report.Phases {
		if phase.Phase != projection.PhaseCompare {
			used.ReadUnits += phase.Used.ReadUnits
			used.WriteUnits += phase.Used.WriteUnits
		}
		t.Logf("%s: %.1f read units, %.1f write units", phase.Phase, phase.Used.ReadUnits, phase.Used.WriteUnits)
	}
	events := float64(want.Events)
	t.Logf("%d events in %d streams: %.4f read and %.4f write units for each; the dry run says %.4f and %.4f, $%.6f; with the comparison it is $%.6f",
		want.Events, report.Streams, used.ReadUnits/events, used.WriteUnits/events, plan.Units.Read/events, plan.Units.Write/events, *plan.Dollars, *report.Dollars)
	assert.InEpsilon(t, used.ReadUnits+used.WriteUnits, plan.Units.Read+plan.Units.Write, 0.2)
	assert.InEpsilon(t, used.WriteUnits, plan.Units.Write, 0.2)
	assert.InDelta(t, used.ReadUnits, plan.Units.Read, 0.2*used.ReadUnits+fixedReads)
	dollars := (used.ReadUnits*0.125 + used.WriteUnits*0.625) / 1e6
	assert.InEpsilon(t, dollars, *plan.Dollars, 0.2)
	compared := report.Used.ReadUnits - used.ReadUnits
	t.Logf("comparison: %.1f read units, the dry run says %.1f; it has used %.1f itself", compared, plan.CompareReadUnits, plan.Used.ReadUnits)
	assert.InDelta(t, compared, plan.CompareReadUnits, 0.3*compared+fixedReads)
	next.act("switch")
	requireSame(t, "version 2", want.net, next.must("dump", "product-stats"))
	require.Zero(t, report.Diff.Wrong)
}

// Somebody writes, a worker feeds both versions, every request may be cut or throttled, and the
// coordinators are killed: in the end all is there.
func TestOnDynamoDBARebuildIsRightUnderLoadWhateverHappens(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	s := onDynamoDB(t, endpoint)
	data := dynamoData(t)
	want := expect(t, data)
	s.must("load", fewData(t).Path)
	s.must("project")
	proxy := dynamotest.NewProxy(t, endpoint, lies())
	s.env = append(s.env, "AWS_ENDPOINT_URL_DYNAMODB="+proxy.URL) // the last one holds
	next := s.next()
	worker, writer := next.start("worker"), s.start("load", data.Path)
	killed, verb := 0, "start"
	for round := range 4 {
		p := next.start("rebuild", verb, "product-stats", "--yes", "--reason", "a test", "--ranges", "4", "--take-over")
		kill := time.AfterFunc(time.Duration(500+700*round)*time.Millisecond, func() { _ = p.Process.Kill() })
		a := p.wait()
		kill.Stop()
		if a.code == -1 {
			killed++
		}
		if strings.Contains(next.must("rebuild", "status", "product-stats", "--json"), `"rebuild":`) {
			verb = "resume"
		}
	}
	report := decode[rebuilt](t, next.act(verb, "--take-over", "--compare", "full", "--json"))
	require.Zero(t, report.Diff.Wrong)
	next.act("switch")
	a := writer.wait()
	require.Equal(t, 0, a.code, a.stderr)
	a = interrupted(worker)
	require.Equal(t, 0, a.code, a.stderr)
	next.must("project")
	t.Logf("killed %d of 4; %d streams were behind; %d of %d calls were cut after the write", killed, report.Behind, proxy.Count(dynamotest.CutAfter), proxy.Calls())
	require.Positive(t, killed)
	requireSame(t, "version 2", want.net, next.must("dump", "product-stats"))
	requireSame(t, "version 1 beside it", want.stats, s.must("dump", "product-stats"))
	next.act("rollback")
	requireSame(t, "version 1", want.stats, s.must("dump", "product-stats"))
}
