package docstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// compose is what we use of a compose file.
type compose struct {
	Services map[string]struct {
		Image       string
		Ports       []string
		Environment map[string]string
		Volumes     []string
		Healthcheck struct {
			Test     []string
			Interval string
			Retries  int
		}
	}
}

func readCompose(t *testing.T) compose {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	var c compose
	require.NoError(t, decoder.Decode(&c))
	return c
}

func TestTheComposeFileStartsWhatTheDocumentsSay(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	require.Len(t, c.Services, 1)
	s := c.Services["localstack"]
	assert.Equal(t, "localstack/localstack:4.14.0", s.Image, "later ones need an account")
	assert.Equal(t, []string{"127.0.0.1:4566:4566"}, s.Ports, "of this machine only")
	for _, service := range []string{"dynamodb", "dynamodbstreams", "events", "lambda", "secretsmanager"} {
		assert.Contains(t, strings.Split(s.Environment["SERVICES"], ","), service)
	}
	assertHealthy(t, s.Healthcheck.Test)
	mounted := map[string]string{}
	for _, volume := range s.Volumes {
		parts := strings.Split(volume, ":")
		require.GreaterOrEqual(t, len(parts), 2, volume)
		mounted[parts[1]] = parts[0]
	}
	assert.Equal(t, "./localstack/init", mounted["/etc/localstack/init/ready.d"], "where LocalStack looks for scripts")
	assert.Equal(t, "./localstack/bin", mounted["/opt/leftfold"], "where the scripts look for the shop")
	text, err := os.ReadFile(filepath.Join(root, "localstack/README.md"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "http://localhost:4566", "the port that is published")
	assert.Contains(t, string(text), "4.14.0")
}

// assertHealthy runs the health check on what LocalStack says of the init scripts: tables
// are there when they have ended, not when it answers.
func assertHealthy(t *testing.T, check []string) {
	t.Helper()
	require.Len(t, check, 2)
	assert.Equal(t, "CMD-SHELL", check[0])
	const asks = "curl --fail --silent http://localhost:4566/_localstack/init/ready |"
	read, found := strings.CutPrefix(check[1], asks)
	require.True(t, found, check[1])
	for state, healthy := range map[string]bool{
		`{"completed": true, "scripts": [{"stage": "READY", "name": "10-tables.sh", "state": "SUCCESSFUL"}]}`: true,
		`{"completed": true, "scripts": [{"stage": "READY", "name": "10-tables.sh", "state": "ERROR"}]}`:      false,
		`{"completed": false, "scripts": [{"stage": "READY", "name": "10-tables.sh", "state": "RUNNING"}]}`:   false,
		`{"completed": false, "scripts": []}`: false,
		``:                                    false,
	} {
		shell := exec.Command("sh", "-c", read)
		shell.Stdin = strings.NewReader(state)
		assert.Equal(t, healthy, shell.Run() == nil, state)
	}
}

// command is a line of a script that runs a program.
var command = regexp.MustCompile(`(?m)^"?\$shop"? .*$`)

func TestTheInitScriptsOnlyCallCommandsOfTheShop(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join(root, "localstack/init/*"))
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, script := range scripts {
		info, err := os.Stat(script)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o111, "%s is not executable", script)
		out, err := exec.Command("sh", "-n", script).CombinedOutput()
		assert.NoError(t, err, string(out))
		text, err := os.ReadFile(script)
		require.NoError(t, err)
		assert.Equal(t, []string{`"$shop" provision --store "$store"`}, command.FindAllString(string(text), -1))
		assert.NotRegexp(t, `(?m)^\s*(aws|awslocal|curl|python)\b`, string(text))
	}
}
