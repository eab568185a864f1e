package dynamoviews_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/projection/dynamoviews"
)

func timeToLive(t *testing.T, client *dynamodb.Client, prefix string) types.TimeToLiveDescription {
	out, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: new(prefix + "-views")})
	require.NoError(t, err)
	return *out.TimeToLiveDescription
}

// PK and SK are what many programs call their keys. Their items must not begin to expire.
func TestATableOfAnotherProgramIsRefusedAndNotTouched(t *testing.T) {
	t.Parallel()
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: new(prefix + "-views"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: new("PK"), KeyType: types.KeyTypeHash}, {AttributeName: new("SK"), KeyType: types.KeyTypeRange}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("PK"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: new("SK"), AttributeType: types.ScalarAttributeTypeS}}})
	require.NoError(t, err)
	provisioning := dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{})
	_, opening := dynamoviews.Open(t.Context(), client, prefix, dynamoviews.Options{})
	for _, err := range []error{provisioning, opening} {
		assert.ErrorIs(t, err, dynamotable.ErrForeign)
		assert.Equal(t, "choose another prefix", eventstore.Hint(err))
	}
	assert.Equal(t, types.TimeToLiveStatusDisabled, timeToLive(t, client, prefix).TimeToLiveStatus)
}

func TestProvisionMayBeRepeatedAndRunByManyAtOnce(t *testing.T) {
	t.Parallel()
	client, prefix := dynamotest.NewClient(t, server.Endpoint(t)), dynamotest.NewPrefix()
	done := make(chan error, 4) // one for each, so that none waits
	for range cap(done) {
		go func() { done <- dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{}) }()
	}
	for range cap(done) {
		assert.NoError(t, <-done)
	}
	require.NoError(t, dynamoviews.Provision(t.Context(), client, prefix, dynamoviews.ProvisionOptions{}))
	assert.Equal(t, "expires", *timeToLive(t, client, prefix).AttributeName)
	openViews(t, server.Endpoint(t), prefix)
}
