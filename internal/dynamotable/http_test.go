package dynamotable_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

func TestAnAttemptThatHangsEndsWhateverCertificatesAreTrusted(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	bundle := t.TempDir() + "/bundle.pem"
	require.NoError(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600))
	for _, path := range []string{"", bundle} {
		t.Setenv("AWS_CA_BUNDLE", path)
		settings, err := config.LoadDefaultConfig(t.Context())
		require.NoError(t, err)
		client, ok := dynamotable.WithHTTPClient(settings).HTTPClient.(*awshttp.BuildableClient)
		require.True(t, ok)
		assert.Equal(t, 10*time.Second, client.GetTimeout(), path)
		transport := client.GetTransport()
		assert.Equal(t, 256, transport.MaxIdleConnsPerHost, path)
		assert.Equal(t, path != "", transport.TLSClientConfig.RootCAs != nil, "the certificates stay")
	}
}

func TestAnHTTPClientOfTheProgramsOwnStaysAsItIs(t *testing.T) {
	t.Parallel()
	own := &http.Client{}
	assert.Same(t, own, dynamotable.WithHTTPClient(aws.Config{HTTPClient: own}).HTTPClient)
	patient := awshttp.NewBuildableClient().WithTimeout(time.Minute).WithTransportOptions(func(tr *http.Transport) {
		tr.TLSClientConfig = &tls.Config{ServerName: "x"}
		tr.MaxIdleConnsPerHost = 1000
	})
	client := dynamotable.WithHTTPClient(aws.Config{HTTPClient: patient}).HTTPClient.(*awshttp.BuildableClient)
	assert.Equal(t, time.Minute, client.GetTimeout())
	assert.Equal(t, "x", client.GetTransport().TLSClientConfig.ServerName)
	assert.Equal(t, 1000, client.GetTransport().MaxIdleConnsPerHost)
}
