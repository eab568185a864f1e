package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

const initScript = "../../localstack/init/10-tables.sh"

func TestTheInitScriptOfLocalStackMakesTheTables(t *testing.T) {
	t.Parallel()
	endpoint := server.Endpoint(t)
	program, err := binary()
	require.NoError(t, err)
	s := newShop(t)
	s.store = "dynamodb:" + dynamotest.NewPrefix()
	for range 2 { // LocalStack may be started again
		script := exec.Command(initScript)
		script.Env = append(os.Environ(), "SHOP="+program, "STORE="+s.store, "AWS_ENDPOINT_URL="+endpoint)
		out, err := script.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Equal(t, "the tables of "+s.store+" are ready\n", string(out))
	}
	s.env = []string{"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	assert.Equal(t, "0 events in 0 commits of 0 streams, 0 faults\n", s.must("verify"))
}

func TestTheInitScriptSaysThatTheShopIsNotBuilt(t *testing.T) {
	t.Parallel()
	script := exec.Command(initScript)
	script.Env = append(os.Environ(), "SHOP=/nowhere/shop")
	out, err := script.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, "/nowhere/shop is missing: start with \"make localstack\", which builds it\n", string(out))
}
