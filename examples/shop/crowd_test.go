package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/operator"
)

const (
	crowdUsers = 50
	// crowdStore makes the test program a process of the crowd, and crowdSeed says which.
	crowdStore = "SHOP_TEST_CROWD_STORE"
	crowdSeed  = "SHOP_TEST_CROWD_SEED"
)

// crowdCommands is how many each process sends: with those that are killed, a soak sends more
// than a thousand.
func crowdCommands() int {
	if soak() {
		return 400
	}
	return 120
}

// runCrowd sends merges, purchases, returns and changes of addresses at random, the same for
// the same seed, and prints the ID of each purchase that was acknowledged.
func runCrowd(ctx context.Context) error {
	var seed uint64
	if _, err := fmt.Sscan(os.Getenv(crowdSeed), &seed); err != nil {
		return err
	}
	s, err := openService(ctx, os.Getenv(crowdStore), true)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range crowdCommands() {
		user, other, n := fmt.Sprint("u", random.IntN(crowdUsers)), fmt.Sprint("u", random.IntN(crowdUsers)), random.IntN(30)
		id := fmt.Sprintf("%d-%d", seed, i)
		var err error
		switch random.IntN(10) {
		case 0:
			_, err = s.Merge(ctx, other, user)
		case 1, 2:
			_, err = s.Customers.Execute(ctx, user, SetEmail(fmt.Sprintf("%d@example.com", n)), aggregate.CommandID(id))
		case 3, 4:
			_, err = s.Customers.Execute(ctx, user, returnAny(n), aggregate.CommandID(id))
		default:
			line := assortment[n%len(assortment)]
			line.Quantity = int64(1 + n%4)
			if _, err = s.Customers.Execute(ctx, user, Purchase(id, opening, []Line{line}), aggregate.CommandID(id), aggregate.Strict()); err == nil {
				fmt.Println(id)
			}
		}
		if err != nil && !isRefusal(err) {
			return fmt.Errorf("command %s: %w", id, err)
		}
	}
	return nil
}

// returnAny gives one unit of some purchase back.
func returnAny(n int) aggregate.Decision[Customer, CustomerEvent] {
	return func(c Customer) ([]CustomerEvent, error) {
		left := slices.Sorted(maps.Keys(c.Left))
		if len(left) == 0 {
			return nil, ErrUnknownPurchase
		}
		return Return(left[n%len(left)], 1, opening)(c)
	}
}

func isRefusal(err error) bool {
	return slices.ContainsFunc([]error{ErrMerged, ErrUnknownPurchase, ErrTooManyReturned, operator.ErrNotFound, eventstore.ErrClaimTaken, eventstore.ErrInvalid, eventstore.ErrConflict},
		func(refusal error) bool { return errors.Is(err, refusal) })
}

// join starts a process of the crowd.
func (s *shop) join(seed int) *process {
	s.Helper()
	store := s.store
	if store == "" {
		store = defaultStore
	}
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Dir, p.Env = s.dir, append(append(os.Environ(), s.env...), crowdStore+"="+store, fmt.Sprint(crowdSeed, "=", seed))
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	require.NoError(s, p.Start())
	s.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

func TestNoPurchaseIsLostOrDoubledWhenGuestsMergeAndProcessesAreKilled(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T) *shop{
		"in a file": func(t *testing.T) *shop { return sample(t) },
		"on DynamoDB behind a network that lies": func(t *testing.T) *shop {
			s := onDynamoDB(t, dynamotest.NewProxy(t, server.Endpoint(t), lies()).URL)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			acknowledged := map[string]bool{}
			killed := 0
			for seed := 1; seed <= 4; seed += 2 { // a pair at once
				for round := 0; ; round++ {
					pair := []*process{s.join(seed), s.join(seed + 1)}
					if round < 2 {
						stop := time.AfterFunc(time.Duration(300+400*round)*time.Millisecond, func() { _, _ = pair[0].Process.Kill(), pair[1].Process.Kill() })
						t.Cleanup(func() { stop.Stop() })
					}
					done := true
					for _, p := range pair {
						a := p.wait()
						require.Contains(t, []int{0, -1}, a.code, a.stderr)
						if a.code != 0 {
							done = false
							killed++
						}
						for lines := bufio.NewScanner(strings.NewReader(a.stdout)); lines.Scan(); {
							if strings.HasSuffix(a.stdout, "\n") { // a line that was cut says nothing
								acknowledged[lines.Text()] = true
							}
						}
					}
					if done {
						break
					}
				}
			}
			assert.Positive(t, killed)
			s.requireNothingLost(acknowledged)
			t.Logf("%d processes killed, %d purchases", killed, len(acknowledged))
		})
	}
}

// requireNothingLost compares the events, the states that they fold to, and the views.
func (s *shop) requireNothingLost(acknowledged map[string]bool) {
	s.Helper()
	require.Contains(s, s.run("verify").stdout, ", 0 faults")
	s.must("project")
	orders, made, merged, counted, seen := map[string]int{}, 0, 0, 0, 0
	for stream := range strings.FieldsSeq(s.must("streams")) {
		user, ok := strings.CutPrefix(stream, "user-u")
		if !ok {
			continue
		}
		for line := range strings.Lines(s.must("events", stream, "--json")) {
			e := parse[struct {
				Type    string
				Payload Line
			}](s, line)
			switch e.Type {
			case "PURCHASE_MADE":
				orders[e.Payload.InvoiceID]++
				made++
			case "GUEST_MERGED":
				merged++
			}
		}
		counted += parse[stateAnswer](s, s.must("state", "user-u"+user, "--json")).PurchaseCount
		if a := s.run("history", "u"+user, "--json"); a.code == 0 {
			seen += parse[historyAnswer](s, a.stdout).PurchaseCount
		}
	}
	for id, n := range orders {
		require.Equal(s, 1, n, "order %s was stored %d times", id, n)
	}
	for id := range acknowledged {
		require.Contains(s, orders, id, "an order that was acknowledged")
	}
	assert.Positive(s, merged)
	assert.Equal(s, made, counted, "by the customers' states")
	assert.Equal(s, made, seen, "by the view")
}
