package dynamometer_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// nobody listens there.
const nobody = "http://127.0.0.1:1"

// unanswered returns what one attempt of a request counts that gets no answer.
func unanswered(t *testing.T, endpoint string, request func(*dynamodb.Client) error) dynamometer.Usage {
	var meter dynamometer.Meter
	client := dynamotest.NewClient(t, endpoint, meter.Attach, func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	assert.Error(t, request(client))
	return meter.Total()
}

func TestAWriteWithoutAnAnswerCountsAsCarriedOutUnlessItWasNeverSent(t *testing.T) {
	t.Parallel()
	proxy := dynamotest.NewProxy(t, nobody, func(dynamotest.Call) dynamotest.Fault { return dynamotest.CutBefore })
	small := dynamotable.Item{"PK": dynamotable.S("x"), "SK": dynamotable.N(1)}
	large := dynamotable.Item{"PK": dynamotable.S("x"), "SK": dynamotable.N(2), "b": dynamotable.B(make([]byte, 3000)), dynamotable.DirectoryKey: dynamotable.S("y")}
	for name, test := range map[string]struct {
		units   float64
		request func(*dynamodb.Client) error
	}{
		"PutItem": {4, func(c *dynamodb.Client) error {
			_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("t"), Item: large})
			return err
		}},
		"BatchWriteItem": {1 + 4 + 1, func(c *dynamodb.Client) error {
			_, err := c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"t": {
				{PutRequest: &types.PutRequest{Item: small}}, {PutRequest: &types.PutRequest{Item: large}}, {DeleteRequest: &types.DeleteRequest{Key: small}}}}})
			return err
		}},
		"UpdateItem": {4, func(c *dynamodb.Client) error {
			_, err := c.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: new("t"), Key: small, UpdateExpression: new("SET b = :b"),
				ExpressionAttributeValues: dynamotable.Item{":b": dynamotable.B(make([]byte, 3100))}})
			return err
		}},
		"TransactWriteItems": {2 + 7 + 2 + 8, func(c *dynamodb.Client) error {
			_, err := c.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: new("t"), Item: small}}, {Put: &types.Put{TableName: new("t"), Item: large}}, {Delete: &types.Delete{TableName: new("t"), Key: small}},
				{Update: &types.Update{TableName: new("t"), Key: small, UpdateExpression: new("SET b = :b"), ExpressionAttributeValues: dynamotable.Item{":b": dynamotable.B(make([]byte, 3100))}}}}})
			return err
		}},
		"GetItem": {0, func(c *dynamodb.Client) error {
			_, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: new("t"), Key: small})
			return err
		}},
	} {
		assert.Equal(t, dynamometer.Usage{Requests: 1, WriteUnits: test.units}, unanswered(t, proxy.URL, test.request), name)
		assert.Equal(t, dynamometer.Usage{Requests: 1}, unanswered(t, nobody, test.request), name)
	}
}
