package dynamotest

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
)

// NewClient returns a client of the server at an endpoint. Its connections are its own,
// and are closed when the test is over.
func NewClient(t testing.TB, endpoint string, options ...func(*dynamodb.Options)) *dynamodb.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       "eu-central-1",
		Credentials:  aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("test", "test", "")),
		HTTPClient:   &http.Client{Transport: transport},
	}, options...)
}

// NewPrefix returns a prefix of tables that nobody else has.
func NewPrefix() string { return "t" + uuid.NewString() }
