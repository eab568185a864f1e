package dynamoviews_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/dynamoviews"
	"github.com/leftfold/leftfold/projection/viewstest"
)

var server dynamotest.Server

func TestMain(m *testing.M) {
	if os.Getenv("LEFTFOLD_SOAK") == "" {
		// Each call of a model is a request here, or many: a few of its sequences are enough for a day.
		for name, value := range map[string]string{"rapid.checks": "4", "rapid.steps": "15"} {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	server.Main(m)
}

// provisioned returns the prefix of a new table.
func provisioned(t testing.TB) string {
	t.Helper()
	prefix := dynamotest.NewPrefix()
	require.NoError(t, dynamoviews.Provision(t.Context(), dynamotest.NewClient(t, server.Endpoint(t)), prefix, dynamoviews.ProvisionOptions{Unprotected: true}))
	return prefix
}

func openViews(t testing.TB, endpoint, prefix string) *dynamoviews.Views {
	t.Helper()
	v, err := dynamoviews.Open(t.Context(), dynamotest.NewClient(t, endpoint), prefix, dynamoviews.Options{})
	require.NoError(t, err)
	return v
}

// atEndpoint lets a program of its own use the server of these tests.
func atEndpoint(t *testing.T) string { return "AWS_ENDPOINT_URL_DYNAMODB=" + server.Endpoint(t) }

func TestViews(t *testing.T) {
	if plaintest.Run(t, atEndpoint(t)) {
		return
	}
	prefix := provisioned(t)
	viewstest.Run(t, func(t testing.TB) projection.ViewStore { return openViews(t, server.Endpoint(t), prefix) })
}
