package dynamotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a DynamoDB that the tests of a package share. The zero value is ready.
//
// Where AWS_ENDPOINT_URL_DYNAMODB or AWS_ENDPOINT_URL is set, that endpoint is used.
// Otherwise the first call of Endpoint starts DynamoDB Local in memory, on a free
// port; it is downloaded once for each user of the machine, see [Install]. The
// process ends with Close, and also when the process of the tests ends without it.
type Server struct {
	once     sync.Once
	endpoint string
	err      error
	stop     func() error
}

// Embedded is the variable that, if set, leaves out the tests that need the server: for
// machines that have Go alone.
const Embedded = "LEFTFOLD_EMBEDDED"

// Endpoint returns the URL of the server, which it starts if need be. If that is
// impossible it fails the test and says what is missing.
func (s *Server) Endpoint(t testing.TB) string {
	t.Helper()
	if os.Getenv(Embedded) != "" {
		t.Skip(Embedded + " is set, and this test needs DynamoDB")
	}
	s.once.Do(func() { s.endpoint, s.stop, s.err = serve() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.endpoint
}

// Main runs the tests of a package, and ends the server after the last.
func (s *Server) Main(m *testing.M) {
	m.Run() // which keeps the exit code
	if err := s.Close(); err != nil {
		panic(err)
	}
}

// Close ends the server, if it was started, and waits for its end.
func (s *Server) Close() error {
	if s.stop == nil {
		return nil
	}
	return s.stop()
}

func serve() (endpoint string, stop func() error, err error) {
	for _, name := range []string{"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"} {
		if url := os.Getenv(name); url != "" {
			return url, func() error { return nil }, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	java, err := findJava(ctx)
	if err != nil {
		return "", nil, err
	}
	dir, err := Install(ctx)
	if err != nil {
		return "", nil, err
	}
	// The port may be taken between the look and the start: then the next one is tried.
	for range 5 {
		endpoint, stop, err = start(ctx, java, dir)
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return endpoint, stop, err
}

// withoutServer is what someone can do who can not run the server.
const withoutServer = "or run only the tests that need no server: make test-embedded"

// javaVersion is the oldest that runs DynamoDB Local 3.
const javaVersion = 17

func findJava(ctx context.Context) (string, error) {
	missing := func(found string) error {
		return fmt.Errorf("dynamotest: DynamoDB Local needs Java %d or later, and %s: install it, "+
			"for example with apt-get install openjdk-17-jre-headless, %s", javaVersion, found, withoutServer)
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", missing("there is no java on the PATH")
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", missing(fmt.Sprintf("java -version says %q", out))
	}
	// openjdk version "17.0.15" 2025-04-15
	_, rest, _ := strings.Cut(string(out), `"`)
	number, _, _ := strings.Cut(rest, `"`)
	major, _, _ := strings.Cut(number, ".")
	if n, err := strconv.Atoi(strings.TrimSuffix(major, "-ea")); err != nil || n < javaVersion {
		return "", missing("this one is " + number)
	}
	return java, nil
}

// errEnded: the process ended before it answered.
var errEnded = errors.New("it ended at once")

// guard runs a program under a shell that kills it when its own input ends: so it never
// outlives the process that has started it, however that ends. When the program ends by
// itself nobody is left to kill what has its number later.
const guard = `exec 3<&0; "$@" </dev/null 3<&- & server=$!; (cat <&3; kill -9 $server) >/dev/null 2>&1 & guard=$!
wait $server; kill $guard 2>/dev/null`

// fast are options of Java for a process that lives for minutes: its better compiler would
// take more time than the code that it makes saves, and twice of what the server needs. It makes
// exceptions for each transaction, in case it needs one: without their traces it is a tenth faster.
var fast = []string{"-Xmx1g", "-Xmn256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-StackTraceInThrowable"}

// start runs the server.
func start(ctx context.Context, java, dir string) (endpoint string, stop func() error, err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	command := slices.Concat([]string{"-c", guard, "sh", java}, fast, []string{"-Djava.library.path=" + filepath.Join(dir, "DynamoDBLocal_lib"),
		"-jar", filepath.Join(dir, jarName), "-port", strconv.Itoa(port), "-inMemory", "-sharedDb", "-disableTelemetry"})
	cmd := exec.Command("sh", command...)
	cmd.Dir = dir
	output := &opening{}
	cmd.Stdout, cmd.Stderr = output, output
	input, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("dynamotest: start DynamoDB Local: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed, which is no error
	}()
	stop = func() error {
		err := input.Close()
		<-ended
		return err
	}
	endpoint = fmt.Sprintf("http://127.0.0.1:%d", port)
	if err := awaitAnswer(ctx, endpoint, ended); err != nil {
		_ = stop() // the cause is err
		return "", nil, fmt.Errorf("dynamotest: start DynamoDB Local: %w: %s", err, output)
	}
	return endpoint, stop, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("dynamotest: find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// awaitAnswer asks until the server answers a request, rightly or wrongly.
func awaitAnswer(ctx context.Context, endpoint string, ended <-chan struct{}) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			return nil
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// opening keeps the beginning of what a process says, for an error.
type opening struct {
	mu   sync.Mutex
	text []byte
}

func (o *opening) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b[:min(len(b), 4096-len(o.text))]...)
	return len(b), nil
}

func (o *opening) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
