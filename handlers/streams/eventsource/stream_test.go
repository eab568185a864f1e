package eventsource_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/handlers/streams/eventsource"
)

var server dynamotest.Server

func TestMain(m *testing.M) { server.Main(m) }

// table makes a table whose stream shows both images of an item.
func table(t *testing.T, client *dynamodb.Client, stream bool) string {
	name := "t" + uuid.NewString()
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: new("PK"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("PK"), AttributeType: types.ScalarAttributeTypeS}}}
	if stream {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: new(true), StreamViewType: types.StreamViewTypeNewAndOldImages}
	}
	_, err := client.CreateTable(t.Context(), in)
	require.NoError(t, err)
	return name
}

func TestTheRecordsOfATableAreThoseThatLambdaSends(t *testing.T) {
	endpoint := server.Endpoint(t)
	client := dynamotest.NewClient(t, endpoint)
	name := table(t, client, true)
	streams := dynamotest.NewStreamsClient(t, endpoint)
	key := map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "a"}}
	item := map[string]types.AttributeValue{"PK": key["PK"],
		"n": &types.AttributeValueMemberN{Value: "1.5"}, "b": &types.AttributeValueMemberB{Value: []byte{0, 255}}, "yes": &types.AttributeValueMemberBOOL{Value: true},
		"null": &types.AttributeValueMemberNULL{Value: true}, "ss": &types.AttributeValueMemberSS{Value: []string{"x"}},
		"ns": &types.AttributeValueMemberNS{Value: []string{"2"}}, "bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}}},
		"m": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{key["PK"]}}}}}
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item})
	require.NoError(t, err)
	_, err = client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &name, Key: key, UpdateExpression: new("REMOVE m, bs, ns, ss, b, n")})
	require.NoError(t, err)
	_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &name, Key: key})
	require.NoError(t, err)

	stream, err := eventsource.OpenStream(t.Context(), client, streams, name)
	require.NoError(t, err)
	shards, err := stream.Shards(t.Context())
	require.NoError(t, err)
	require.Len(t, shards, 1)
	records := read(t, stream, shards[0].ID, "", 3)
	assert.Equal(t, records[1:], read(t, stream, shards[0].ID, records[0].Change.SequenceNumber, 2), "behind the first one")

	text, err := json.Marshal(events.DynamoDBEvent{Records: records})
	require.NoError(t, err)
	var sent struct {
		Records []struct {
			EventID, EventName, EventVersion, EventSource, AWSRegion, EventSourceARN string
			Dynamodb                                                                 struct {
				ApproximateCreationDateTime    float64
				Keys, NewImage, OldImage       map[string]map[string]any
				SequenceNumber, StreamViewType string
				SizeBytes                      int
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &sent))
	put, change, removal := sent.Records[0], sent.Records[1], sent.Records[2]
	assert.Equal(t, []string{"INSERT", "MODIFY", "REMOVE"}, []string{put.EventName, change.EventName, removal.EventName})
	assert.Equal(t, "aws:dynamodb", put.EventSource)
	assert.NotEmpty(t, put.EventID)
	assert.NotEmpty(t, put.EventVersion)
	assert.NotEmpty(t, put.AWSRegion)
	assert.True(t, strings.Contains(put.EventSourceARN, ":table/"+name+"/stream/"), put.EventSourceARN)
	assert.InDelta(t, time.Now().Unix(), put.Dynamodb.ApproximateCreationDateTime, 300)
	assert.Equal(t, "NEW_AND_OLD_IMAGES", put.Dynamodb.StreamViewType)
	assert.Positive(t, put.Dynamodb.SizeBytes)
	assert.Equal(t, map[string]map[string]any{"PK": {"S": "a"}}, put.Dynamodb.Keys)
	assert.Equal(t, map[string]map[string]any{"PK": {"S": "a"}, "n": {"N": "1.5"}, "b": {"B": "AP8="}, "yes": {"BOOL": true}, "null": {"NULL": true},
		"ss": {"SS": []any{"x"}}, "ns": {"NS": []any{"2"}}, "bs": {"BS": []any{"AQ=="}},
		"m": {"M": map[string]any{"l": map[string]any{"L": []any{map[string]any{"S": "a"}}}}}}, put.Dynamodb.NewImage)
	assert.Empty(t, put.Dynamodb.OldImage)
	assert.Equal(t, put.Dynamodb.NewImage, change.Dynamodb.OldImage)
	assert.Equal(t, map[string]map[string]any{"PK": {"S": "a"}, "yes": {"BOOL": true}, "null": {"NULL": true}}, change.Dynamodb.NewImage)
	assert.Empty(t, removal.Dynamodb.NewImage)

	_, err = eventsource.OpenStream(t.Context(), client, streams, table(t, client, false))
	assert.ErrorContains(t, err, "has no stream")
	_, err = eventsource.OpenStream(t.Context(), client, streams, "nowhere")
	assert.ErrorAs(t, err, new(*types.ResourceNotFoundException))
}

// read returns the first records of a shard behind a place, as many as are asked for.
func read(t *testing.T, stream *eventsource.Stream, shard, after string, n int) (records []eventsource.Record) {
	t.Helper()
	for page, err := range stream.Read(t.Context(), shard, after) {
		require.NoError(t, err)
		if records = append(records, page...); len(records) >= n {
			break
		}
	}
	return records
}
