package dynamotest

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

var server Server

// network is a table, a client that sends each request once through a proxy, and one
// that is connected to the server itself.
type network struct {
	t      *testing.T
	table  string
	proxy  *Proxy
	client *dynamodb.Client
	honest *dynamodb.Client
}

func newNetwork(t *testing.T, plan Plan) *network {
	endpoint := server.Endpoint(t)
	n := &network{t: t, table: NewPrefix(), proxy: NewProxy(t, endpoint, plan), honest: NewClient(t, endpoint)}
	n.client = NewClient(t, n.proxy.URL, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	require.NoError(t, dynamotable.Provision(t.Context(), n.honest,
		dynamotable.Spec{Name: n.table, SortKey: types.ScalarAttributeTypeS, Index: "index", IndexSort: dynamotable.SK}))
	return n
}

func key(sk string) dynamotable.Item {
	return dynamotable.Item{dynamotable.PK: dynamotable.S("p"), dynamotable.SK: dynamotable.S(sk)}
}

// The requests that tests send, each of the items that it names.

func (n *network) put(sk string) error {
	_, err := n.client.PutItem(n.t.Context(), &dynamodb.PutItemInput{TableName: &n.table, Item: key(sk)})
	return err
}

func (n *network) transact(sks ...string) error {
	in := &dynamodb.TransactWriteItemsInput{}
	for _, sk := range sks {
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{TableName: &n.table, Item: key(sk)}})
	}
	_, err := n.client.TransactWriteItems(n.t.Context(), in)
	return err
}

func (n *network) batchPut(sks ...string) (left []types.WriteRequest, err error) {
	var writes []types.WriteRequest
	for _, sk := range sks {
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: key(sk)}})
	}
	out, err := n.client.BatchWriteItem(n.t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{n.table: writes}})
	if err != nil {
		return nil, err
	}
	return out.UnprocessedItems[n.table], nil
}

func (n *network) batchGet(sks ...string) (found, left []dynamotable.Item, err error) {
	var keys []dynamotable.Item
	for _, sk := range sks {
		keys = append(keys, key(sk))
	}
	out, err := n.client.BatchGetItem(n.t.Context(), &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{n.table: {Keys: keys, ConsistentRead: new(true)}}})
	if err != nil {
		return nil, nil, err
	}
	return out.Responses[n.table], out.UnprocessedKeys[n.table].Keys, nil
}

func (n *network) query(client *dynamodb.Client) (found []string, err error) {
	out, err := client.Query(n.t.Context(), &dynamodb.QueryInput{TableName: &n.table, ConsistentRead: new(true), KeyConditionExpression: new("PK = :pk"),
		ExpressionAttributeValues: dynamotable.Item{":pk": dynamotable.S("p")}})
	if err != nil {
		return nil, err
	}
	return names(out.Items), nil
}

// stored returns what the table holds.
func (n *network) stored() []string {
	n.t.Helper()
	found, err := n.query(n.honest)
	require.NoError(n.t, err)
	return found
}

func names(items []dynamotable.Item) (found []string) {
	for _, item := range items {
		r := dynamotable.Reader{Item: item}
		found = append(found, r.String(dynamotable.SK))
	}
	return found
}

// codeOf returns the code that the server has answered with, or "" if it has not.
func codeOf(err error) string {
	if answer, ok := errors.AsType[smithy.APIError](err); ok {
		return answer.ErrorCode()
	}
	return ""
}

func always(fault Fault) Plan { return func(Call) Fault { return fault } }
