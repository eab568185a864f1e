package dynamostore

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

// NewClient returns a client of DynamoDB whose connections are kept, and whose attempts
// end when a connection hangs. A program makes one, at start, and passes it to the store
// and to the views. An HTTP client of the program's own that config names is used as it is.
func NewClient(config aws.Config, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.NewFromConfig(dynamotable.WithHTTPClient(config), options...)
}
