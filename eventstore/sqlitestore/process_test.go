package sqlitestore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/sqlitestore"
)

// A second process is this test binary once more. The variables tell it which
// file to append to, under which name, and how many commits; 0 is until killed.
const (
	childFile  = "LEFTFOLD_TEST_CHILD_FILE"
	childName  = "LEFTFOLD_TEST_CHILD_NAME"
	childCount = "LEFTFOLD_TEST_CHILD_COUNT"
)

const childStreams = 3

// child appends with several writers, and prints each commit after the store has
// acknowledged it: ID and event ID on a line.
func child(path string) {
	s, err := sqlitestore.Open(context.Background(), path, sqlitestore.Options{})
	if err != nil {
		fmt.Println("child:", err)
		os.Exit(1)
	}
	count, _ := strconv.Atoi(os.Getenv(childCount))
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for n := 0; count == 0 || n < count/4; n++ {
				ack, err := appendAnywhere(s, fmt.Sprintf("%s-%d-%d", os.Getenv(childName), i, n), n)
				if err != nil {
					ack = "child: " + err.Error()
				}
				fmt.Println(ack)
			}
		})
	}
	writers.Wait()
	if err := s.Close(); err != nil {
		fmt.Println("child:", err)
	}
}

// appendAnywhere appends two events at the head it has just read, as a service
// does, and returns what there is to acknowledge.
func appendAnywhere(s *sqlitestore.Store, id string, n int) (string, error) {
	ctx := context.Background()
	target, err := eventstore.NewStreamID("user", fmt.Sprint(n%childStreams))
	if err != nil {
		return "", err
	}
	for {
		head, err := s.Head(ctx, target)
		if err != nil {
			return "", err
		}
		w := write(head, target, id, "1")
		w.Events = append(w.Events, w.Events[0])
		c, err := s.Append(ctx, w)
		switch _, moved := err.(*eventstore.ConflictError); {
		case err == nil:
			return c.ID + " " + c.EventID(0).String(), nil
		case !moved:
			return "", err
		}
	}
}

// startChild starts a second process and returns it with its output.
func startChild(t *testing.T, path, name string, count int) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path, childName+"="+name, childCount+"="+strconv.Itoa(count))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, out
}

// acknowledged adds what a line of a child says.
func acknowledged(t *testing.T, acks map[string]string, line string) {
	t.Helper()
	id, event, ok := strings.Cut(line, " ")
	require.True(t, ok && !strings.HasPrefix(line, "child:"), line)
	acks[id] = event
}

// assertStored says that all that was acknowledged is stored, and that nothing of
// the streams is missing or there twice.
func assertStored(t *testing.T, s *sqlitestore.Store, acks map[string]string) (commits int) {
	t.Helper()
	stored := map[string]string{}
	for i := range childStreams {
		next := eventstore.Version(1)
		for c, err := range s.Read(context.Background(), stream(t, i), 0) {
			require.NoError(t, err)
			require.Equal(t, next, c.First)
			next = c.Last() + 1
			require.NotContains(t, stored, c.ID, "stored twice")
			stored[c.ID] = c.EventID(0).String()
		}
	}
	for id, event := range acks {
		require.Equal(t, event, stored[id], "%s was acknowledged", id)
	}
	return len(stored)
}

func TestTwoProcessesAppendToOneFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	acks := map[string]string{}
	cmd, out := startChild(t, path, "theirs", 200)
	s := openStore(t, path) // both create it at once
	for n := range 100 {
		ack, err := appendAnywhere(s, fmt.Sprintf("ours-%d", n), n)
		require.NoError(t, err)
		acknowledged(t, acks, ack)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acknowledged(t, acks, lines.Text())
	}
	require.NoError(t, cmd.Wait())
	assert.Equal(t, 300, assertStored(t, s, acks))
}

func TestFourProcessesCreateOneFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	acks := map[string]string{}
	var children []*exec.Cmd
	var outs []io.Reader
	for i := range 4 {
		cmd, out := startChild(t, path, fmt.Sprint(i), 4)
		children, outs = append(children, cmd), append(outs, out)
	}
	for i, out := range outs {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			acknowledged(t, acks, lines.Text())
		}
		require.NoError(t, children[i].Wait())
	}
	assert.Equal(t, 16, assertStored(t, openStore(t, path), acks))
}

func TestAFeedNoticesTheCommitsOfAnotherProcess(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	announced, ended := make(chan string, 100), make(chan error, 1)
	go func() {
		ended <- s.Feed("consumer").Run(ctx, func(_ context.Context, b eventstore.Batch) []eventstore.Announcement {
			for _, a := range b.Announcements {
				announced <- a.Commit.ID
			}
			return nil
		})
	}()
	must(t, s, write(eventstore.NoStream, stream(t, "own"), "own", "1"))
	assert.Equal(t, "own", <-announced) // and now it waits
	acks := map[string]string{}
	cmd, out := startChild(t, path, "theirs", 20)
	for range 20 {
		acks[<-announced] = ""
	}
	_, err := io.Copy(io.Discard, out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
	assert.Len(t, acks, 20)
	cancel()
	assert.NoError(t, <-ended)
}
