package dynamotable

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	// attemptTimeout is for one attempt with its answer of up to 16 MB. DynamoDB answers
	// in milliseconds; what takes longer is better sent again.
	attemptTimeout = 10 * time.Second
	// idleConnections are kept for each host; the SDK keeps 10, and makes new ones, with
	// their handshakes, for everything that happens at once beyond that.
	idleConnections = 256
)

// WithHTTPClient returns config with a client that keeps its connections and gives up
// an attempt that hangs, unless config names one that is not the SDK's own. Of that one
// the rest stays as it is: the SDK makes it for the certificates of AWS_CA_BUNDLE.
func WithHTTPClient(config aws.Config) aws.Config {
	client, own := config.HTTPClient.(*awshttp.BuildableClient)
	if config.HTTPClient == nil {
		client, own = awshttp.NewBuildableClient(), true
	}
	if !own {
		return config
	}
	if client.GetTimeout() == 0 {
		client = client.WithTimeout(attemptTimeout)
	}
	config.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = max(t.MaxIdleConns, idleConnections), max(t.MaxIdleConnsPerHost, idleConnections)
	})
	return config
}
