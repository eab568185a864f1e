package dynamostore

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

const (
	// attemptTimeout is for one attempt with its answer of up to 16 MB. DynamoDB answers
	// in milliseconds; what takes longer is better sent again.
	attemptTimeout = 10 * time.Second
	// idleConnections are kept for each host; the SDK keeps 10, and makes new ones, with
	// their handshakes, for everything that happens at once beyond that.
	idleConnections = 256
)

// NewClient returns a client of DynamoDB whose connections are kept, and whose attempts
// end when a connection hangs. A program makes one, at start, and passes it to the store
// and to the views. An HTTP client that config names is used instead.
func NewClient(config aws.Config, options ...func(*dynamodb.Options)) *dynamodb.Client {
	if config.HTTPClient == nil {
		config.HTTPClient = awshttp.NewBuildableClient().WithTimeout(attemptTimeout).
			WithTransportOptions(func(t *http.Transport) { t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections })
	}
	return dynamodb.NewFromConfig(config, options...)
}
