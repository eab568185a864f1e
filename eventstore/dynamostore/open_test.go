package dynamostore_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

func TestOpenSaysWhatIsWrongWithATable(t *testing.T) {
	t.Parallel()
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
	_, err := dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
	assert.ErrorIs(t, err, dynamotable.ErrMissing)
	assert.ErrorContains(t, err, "dynamostore: open the table "+prefix+"-events: DescribeTable: the table does not exist")
	assert.Contains(t, eventstore.Hint(err), "Provision")

	_, err = client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: new(prefix + "-events"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: new("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("id"), AttributeType: types.ScalarAttributeTypeS}}})
	require.NoError(t, err)
	_, err = dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
	assert.ErrorIs(t, err, dynamotable.ErrForeign)
	assert.Equal(t, "choose another prefix", eventstore.Hint(err))
	assert.ErrorIs(t, dynamostore.Provision(t.Context(), client, prefix, bare), dynamotable.ErrForeign)

	// PK and SK are what many programs call their keys.
	key := []types.KeySchemaElement{{AttributeName: new("PK"), KeyType: types.KeyTypeHash}, {AttributeName: new("SK"), KeyType: types.KeyTypeRange}}
	usual := dynamotest.NewPrefix()
	_, err = client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: new(usual + "-events"), BillingMode: types.BillingModePayPerRequest, KeySchema: key,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("PK"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: new("SK"), AttributeType: types.ScalarAttributeTypeN}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: new("streams-16"), KeySchema: []types.KeySchemaElement{{AttributeName: new("SK"), KeyType: types.KeyTypeHash}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}}})
	require.NoError(t, err)
	for _, err := range []error{dynamostore.Provision(t.Context(), client, usual, dynamostore.ProvisionOptions{}), second(dynamostore.Open(t.Context(), client, usual, dynamostore.Options{}))} {
		assert.ErrorIs(t, err, dynamotable.ErrForeign)
		assert.Equal(t, "choose another prefix", eventstore.Hint(err))
	}
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: new(usual + "-events")})
	require.NoError(t, err)
	assert.False(t, *out.Table.DeletionProtectionEnabled, "it was not touched")

	for _, prefix := range []string{"", "a b", "ä", strings.Repeat("x", 241)} {
		_, err = dynamostore.Open(t.Context(), client, prefix, dynamostore.Options{})
		assert.ErrorIs(t, err, eventstore.ErrInvalid, prefix)
		assert.ErrorIs(t, dynamostore.Provision(t.Context(), client, prefix, bare), eventstore.ErrInvalid, prefix)
	}
	assert.ErrorIs(t, dynamostore.Provision(t.Context(), client, "x", dynamostore.ProvisionOptions{DirectorySlices: 257}), eventstore.ErrInvalid)
}

func second[T any](_ T, err error) error { return err }

func TestATableThatExistsKeepsItsSlices(t *testing.T) {
	t.Parallel()
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
	few := bare
	few.DirectorySlices = 3
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, few))
	s := openStore(t, client, prefix)
	_, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(1, 100)})
	require.NoError(t, err)
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, bare))
	for name, err := range openStore(t, client, prefix).Streams(t.Context(), "user", eventstore.StreamID{}) {
		require.NoError(t, err)
		assert.Equal(t, stream(t, "1"), name)
	}
}

func TestProvisionMayBeRepeatedAndRunByManyAtOnce(t *testing.T) {
	t.Parallel()
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
	done := make(chan error, 4)
	for range cap(done) {
		go func() { done <- dynamostore.Provision(t.Context(), client, prefix, bare) }()
	}
	for range cap(done) {
		assert.NoError(t, <-done)
	}
	s := openStore(t, client, prefix)
	c, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(1, 100)})
	require.NoError(t, err)
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, bare))
	assert.Equal(t, []eventstore.Commit{c}, readAll(t, s, "1"))
}

func TestProvisionForProductionHasAStreamAndIsProtected(t *testing.T) {
	t.Parallel()
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{DirectorySlices: 3}))
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: new(prefix + "-events")})
	require.NoError(t, err)
	assert.Equal(t, types.StreamViewTypeNewImage, out.Table.StreamSpecification.StreamViewType)
	assert.True(t, *out.Table.DeletionProtectionEnabled)
	assert.Equal(t, types.BillingModePayPerRequest, out.Table.BillingModeSummary.BillingMode)
	assert.Equal(t, "streams-3", *out.Table.GlobalSecondaryIndexes[0].IndexName)
}
