package dynamotest

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/google/uuid"
)

// NewClient returns a client of the server at an endpoint. Its connections are its own,
// and are closed when the test is over.
func NewClient(t testing.TB, endpoint string, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{BaseEndpoint: &endpoint, Region: region, Credentials: anybody(), HTTPClient: newHTTPClient(t)}, options...)
}

// NewStreamsClient returns a client of the server's DynamoDB Streams, as [NewClient] does.
func NewStreamsClient(t testing.TB, endpoint string) *dynamodbstreams.Client {
	return dynamodbstreams.New(dynamodbstreams.Options{BaseEndpoint: &endpoint, Region: region, Credentials: anybody(), HTTPClient: newHTTPClient(t)})
}

const region = "eu-central-1"

func anybody() aws.CredentialsProvider {
	return aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("test", "test", ""))
}

func newHTTPClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// NewPrefix returns a prefix of tables that nobody else has.
func NewPrefix() string { return "t" + uuid.NewString() }
