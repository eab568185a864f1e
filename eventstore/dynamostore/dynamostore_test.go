package dynamostore_test

import (
	"flag"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/eventstore/storetest"
	"github.com/leftfold/leftfold/internal/plaintest"
)

var server dynamotest.Server

func TestMain(m *testing.M) {
	if os.Getenv("LEFTFOLD_SOAK") == "" {
		// Each call of a model is a request here: a tenth of its sequences is enough for a day.
		if err := flag.Set("rapid.checks", "10"); err != nil {
			panic(err)
		}
	}
	server.Main(m)
}

// bare is how tests make tables: streams make a server slower with every table.
var bare = dynamostore.ProvisionOptions{NoStream: true, Unprotected: true}

// provisioned returns a client and the prefix of a table of the test's own.
func provisioned(t testing.TB) (*dynamodb.Client, string) {
	t.Helper()
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, bare))
	return client, prefix
}

func openStore(t testing.TB, client *dynamodb.Client, prefix string) *dynamostore.Store {
	t.Helper()
	s, err := dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
	require.NoError(t, err)
	return s
}

func backend(t testing.TB, client *dynamodb.Client, prefix string) storetest.Backend {
	s := openStore(t, client, prefix)
	return storetest.Backend{Store: s, Directory: s, Scanner: s, Transactor: s, Snapshots: s,
		Reopen: func(t testing.TB) storetest.Backend { return backend(t, client, prefix) }}
}

// atEndpoint lets a program of its own use the server of these tests.
func atEndpoint(t *testing.T) string { return "AWS_ENDPOINT_URL_DYNAMODB=" + server.Endpoint(t) }

func TestStore(t *testing.T) {
	if plaintest.Run(t, atEndpoint(t)) {
		return
	}
	server.Endpoint(t) // it outlives the suite, which looks for what was left behind
	storetest.Run(t, func(t testing.TB) storetest.Backend {
		client, prefix := provisioned(t)
		return backend(t, client, prefix)
	})
}
