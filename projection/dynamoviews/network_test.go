package dynamoviews_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/viewstest"
)

func TestTheContractHoldsBehindANetworkThatLies(t *testing.T) {
	if plaintest.Run(t, atEndpoint(t)) {
		return
	}
	endpoint, prefix := server.Endpoint(t), provisioned(t)
	var mu sync.Mutex
	var proxies []*dynamotest.Proxy
	t.Cleanup(func() { // the suite runs in parallel, when this function has ended
		calls := 0
		suffered := map[dynamotest.Fault]int{}
		for _, proxy := range proxies {
			calls += proxy.Calls()
			for fault := dynamotest.Throttled; fault <= dynamotest.CutInside; fault++ {
				if fault == dynamotest.HalfVisible {
					continue // not in the plan
				}
				suffered[fault] += proxy.Count(fault)
			}
		}
		t.Logf("of %d calls: %v", calls, suffered)
		for fault, n := range suffered {
			assert.Positive(t, n, fault)
		}
	})
	viewstest.Run(t, func(t testing.TB) projection.ViewStore {
		mu.Lock()
		defer mu.Unlock()
		seed := uint64(len(proxies))
		proxy := dynamotest.NewProxy(t, endpoint, dynamotest.Plans(dynamotest.Every(7, dynamotest.CutAfter), dynamotest.Every(11, dynamotest.CutBefore),
			dynamotest.Seeded(seed, 0.05, dynamotest.Throttled, dynamotest.Conflicted, dynamotest.Failed, dynamotest.FailedAfter, dynamotest.Slow, dynamotest.CutInside),
			dynamotest.Seeded(seed+1, 0.3, dynamotest.Partial, dynamotest.Unprocessed)))
		proxies = append(proxies, proxy)
		return openViews(t, proxy.URL, prefix)
	})
}
