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
// an attempt that hangs, unless config names one.
func WithHTTPClient(config aws.Config) aws.Config {
	if config.HTTPClient == nil {
		config.HTTPClient = awshttp.NewBuildableClient().WithTimeout(attemptTimeout).
			WithTransportOptions(func(t *http.Transport) { t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections })
	}
	return config
}
