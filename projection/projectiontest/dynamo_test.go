package projectiontest_test

import (
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/projectiontest"
)

var server dynamotest.Server

func TestMain(m *testing.M) {
	code := m.Run()
	if err := server.Close(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

func TestDynamoViewsKeepThePromisesOfTheEngine(t *testing.T) {
	endpoint := server.Endpoint(t) // outside of the schedules' own time
	projectiontest.Run(t, projectiontest.Options{
		Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(40),
		Views: func(t testing.TB, _ projection.Limits) projection.ViewStore {
			client, prefix := dynamotest.NewClient(t, endpoint), "t"+uuid.NewString()
			require.NoError(t, dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{Unprotected: true}))
			views, err := dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
			require.NoError(t, err)
			return views
		},
	})
}
