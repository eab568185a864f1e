package dynamotest

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asChild makes this test binary start a server, print its endpoint and wait.
const asChild = "LEFTFOLD_DYNAMOTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		endpoint, _, err := serve()
		fmt.Println(endpoint, err)
		select {}
	}
	server.Main(m)
}

func TestNobodyIsLeftToKillAServerThatHasEndedByItself(t *testing.T) {
	name := fmt.Sprintf("guarded-%d", os.Getpid())
	shells := func() int { // that still run the script
		all, err := exec.Command("ps", "-A", "-o", "args").Output()
		require.NoError(t, err)
		return strings.Count(string(all), name)
	}
	cmd := exec.Command("sh", "-c", guard, "sh", "true", name)
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer input.Close()
	_, err = cmd.Process.Wait() // and not cmd.Wait, which closes the input
	require.NoError(t, err)
	require.Eventually(t, func() bool { return shells() == 0 }, 5*time.Second, 20*time.Millisecond)
}

func TestTheServerEndsWithAProcessThatIsKilled(t *testing.T) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), asChild+"=1", "AWS_ENDPOINT_URL_DYNAMODB=", "AWS_ENDPOINT_URL=")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	endpoint, said, _ := strings.Cut(strings.TrimSpace(line), " ")
	require.Equal(t, "<nil>", said)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answers := func() bool {
		answer, err := client.Get(endpoint)
		if err != nil {
			return false
		}
		return assert.NoError(t, answer.Body.Close())
	}
	require.True(t, answers())
	require.NoError(t, child.Process.Kill())
	_ = child.Wait() // it says that it was killed
	require.Eventually(t, func() bool { return !answers() }, 10*time.Second, 50*time.Millisecond)
}
