package dynamostore_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/storetest"
	"github.com/leftfold/leftfold/internal/plaintest"
)

// lies is a network in which every 7th write is cut after it was carried out, every
// 11th before, and one call in twenty suffers something else.
func lies(seed uint64) dynamotest.Plan {
	return dynamotest.Plans(dynamotest.Every(7, dynamotest.CutAfter), dynamotest.Every(11, dynamotest.CutBefore),
		dynamotest.Seeded(seed, 0.05, dynamotest.Throttled, dynamotest.Conflicted, dynamotest.Failed, dynamotest.FailedAfter, dynamotest.Slow, dynamotest.CutInside),
		dynamotest.Every(2, dynamotest.HalfVisible), dynamotest.Seeded(seed+1, 0.5, dynamotest.Partial, dynamotest.Unprocessed))
}

func TestTheContractHoldsBehindANetworkThatLies(t *testing.T) {
	if plaintest.Run(t, atEndpoint(t)) {
		return
	}
	endpoint := server.Endpoint(t)
	var mu sync.Mutex
	var proxies []*dynamotest.Proxy
	storetest.Run(t, func(t testing.TB) storetest.Backend {
		mu.Lock()
		defer mu.Unlock()
		proxy := dynamotest.NewProxy(t, endpoint, lies(uint64(len(proxies))))
		proxies = append(proxies, proxy)
		_, prefix := provisioned(t)
		return backend(t, dynamotest.NewClient(t, proxy.URL), prefix)
	})
	calls := 0
	suffered := map[dynamotest.Fault]int{}
	for _, proxy := range proxies {
		calls += proxy.Calls()
		for fault := dynamotest.Throttled; fault <= dynamotest.CutInside; fault++ {
			suffered[fault] += proxy.Count(fault)
		}
	}
	t.Logf("of %d calls: %v", calls, suffered)
	for fault, n := range suffered {
		assert.Positive(t, n, fault)
	}
}
