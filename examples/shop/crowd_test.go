package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/operator"
)

const (
	crowdUsers = 50
	crowdHands = 8 // of each process, which send at once
	crowdPairs = 2 // of processes; the second works on what the first left
	// crowdStore makes the test program a process of the crowd, and crowdSeed says which.
	crowdStore = "SHOP_TEST_CROWD_STORE"
	crowdSeed  = "SHOP_TEST_CROWD_SEED"
)

// crowdCommands is how many each process sends: in a soak more than a thousand take effect.
func crowdCommands() int {
	if soak() {
		return 640
	}
	return 60
}

// runCrowd sends commands at random, the same for the same seed, and prints the ID of each
// purchase that was acknowledged. Without a seed it examines what is there.
func runCrowd(ctx context.Context) error {
	s, err := openService(ctx, os.Getenv(crowdStore), true, firstEdition)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if os.Getenv(crowdSeed) == "" {
		return examine(ctx, s)
	}
	var seed uint64
	if _, err := fmt.Sscan(os.Getenv(crowdSeed), &seed); err != nil {
		return err
	}
	var group sync.WaitGroup
	var errs [crowdHands]error
	for i := range errs {
		hand := hand{s, rand.New(rand.NewPCG(seed, uint64(i))), seed, i}
		group.Go(func() { errs[i] = hand.send(ctx, crowdCommands()/crowdHands) })
	}
	group.Wait()
	return errors.Join(errs[:]...)
}

// hand sends one command after the other.
type hand struct {
	*Service
	random *rand.Rand
	seed   uint64
	num    int
}

func (h *hand) send(ctx context.Context, commands int) error {
	for i := range commands {
		id := fmt.Sprintf("%d-%d-%d", h.seed, h.num, i)
		if err := h.command(ctx, id, i); err != nil && !isRefusal(err) {
			return fmt.Errorf("command %s: %w", id, err)
		}
	}
	return nil
}

// command sends a merge, a purchase, a return or a change of an address. Guests come one
// after the other, for every hand the same ones: so several want to merge one at once.
func (h *hand) command(ctx context.Context, id string, i int) error {
	guest := fmt.Sprintf("g%d-%d", (h.seed-1)/2, i/2+h.random.IntN(3))
	user, n := fmt.Sprint("u", h.random.IntN(crowdUsers)), h.random.IntN(30)
	who := user
	if h.random.IntN(3) == 0 {
		who = guest
	}
	var err error
	switch h.random.IntN(10) {
	case 0, 1:
		_, err = h.Merge(ctx, guest, user)
	case 2, 3:
		_, err = h.Customers.Execute(ctx, who, SetEmail(fmt.Sprintf("%d@example.com", h.random.IntN(2*crowdUsers))), aggregate.CommandID(id))
	case 4, 5:
		_, err = h.Customers.Execute(ctx, who, returnAny(n), aggregate.CommandID(id))
	default:
		line := assortment[n%len(assortment)]
		line.Quantity = int64(1 + n%4)
		if _, err = h.Customers.Execute(ctx, who, Purchase(id, opening, []Line{line}), aggregate.CommandID(id), aggregate.Strict()); err == nil {
			fmt.Println(id)
		}
	}
	return err
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
	return slices.ContainsFunc([]error{ErrMerged, ErrUnknownPurchase, ErrTooManyReturned, operator.ErrNotFound, eventstore.ErrClaimTaken, eventstore.ErrConflict},
		func(refusal error) bool { return errors.Is(err, refusal) })
}

// lineKiller keeps what a process prints, and kills it at a line.
type lineKiller struct {
	at   int // 0 for never
	kill func()

	mu   sync.Mutex
	text bytes.Buffer
}

func (k *lineKiller) Write(text []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.text.Write(text)
	if k.at > 0 && bytes.Count(k.text.Bytes(), []byte("\n")) >= k.at {
		k.kill()
	}
	return len(text), nil
}

// lines returns the whole ones: one that was cut says nothing.
func (k *lineKiller) lines() []string {
	lines := strings.Split(k.text.String(), "\n")
	return lines[:len(lines)-1]
}

// join starts a process of the crowd, which is killed when it has printed so many lines.
func (s *shop) join(seed string, killAt int) (*process, *lineKiller) {
	s.Helper()
	store := s.store
	if store == "" {
		store = defaultStore
	}
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Dir, p.Env = s.dir, append(append(os.Environ(), s.env...), crowdStore+"="+store, crowdSeed+"="+seed)
	printed := &lineKiller{at: killAt, kill: func() { _ = p.Process.Kill() }}
	p.Stdout, p.Stderr = printed, &p.stderr
	require.NoError(s, p.Start())
	s.Cleanup(func() { _ = p.Process.Kill() })
	return p, printed
}

func TestNoPurchaseIsLostOrDoubledWhenGuestsMergeAndProcessesAreKilled(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T) *shop{
		"in a file": sample,
		"on DynamoDB behind a network that lies": func(t *testing.T) *shop {
			return onDynamoDB(t, dynamotest.NewProxy(t, server.Endpoint(t), lies()).URL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, random := begin(t), newRandom(t)
			acknowledged, killed := map[string]bool{}, 0
			for pair := range crowdPairs {
				for round := 0; ; round++ {
					alive := 0
					type member struct {
						*process
						*lineKiller
					}
					var members []member
					for seed := 2*pair + 1; seed <= 2*pair+2; seed++ {
						killAt := 0
						if round < 2 {
							killAt = 1 + random.IntN(crowdCommands()/4)
						}
						p, printed := s.join(fmt.Sprint(seed), killAt)
						members = append(members, member{p, printed})
					}
					for _, m := range members {
						a := m.wait()
						require.Contains(t, []int{0, -1}, a.code, a.stderr)
						if a.code == 0 {
							alive++
						}
						for _, id := range m.lines() {
							acknowledged[id] = true
						}
					}
					killed += len(members) - alive
					if alive == len(members) {
						break
					}
				}
			}
			assert.Greater(t, killed, crowdPairs)
			require.Contains(t, s.run("verify").stdout, ", 0 faults")
			s.must("project")
			s.requireNothingLost(acknowledged)
			t.Logf("%d processes killed, %d purchases acknowledged", killed, len(acknowledged))
		})
	}
}

// requireNothingLost lets a process of the crowd examine the store, and compares.
func (s *shop) requireNothingLost(acknowledged map[string]bool) {
	s.Helper()
	p, printed := s.join("", 0)
	a := p.wait()
	require.Equal(s, 0, a.code, a.stderr)
	found := parse[examined](s, printed.text.String())
	s.Logf("%d merges, %d purchases, %d returns, %d changes of addresses took effect", found.Merges, found.Purchases, found.Returns, found.Emails)
	assert.Empty(s, found.Faults)
	for id := range acknowledged {
		require.Equal(s, 1, found.Orders[id], "an order that was acknowledged")
	}
	for id, n := range found.Orders {
		require.Equal(s, 1, n, "order %s", id)
	}
	assert.Equal(s, found.Purchases, found.InStates, "by the customers' states")
	assert.Equal(s, found.Purchases, found.InView, "by the view")
	for what, n := range map[string]int{"merges": found.Merges, "returns": found.Returns, "addresses": found.Emails, "holders of a claim": found.Claims} {
		assert.Positive(s, n, what)
	}
	if soak() {
		assert.Greater(s, found.Merges+found.Purchases+found.Returns+found.Emails, 1000)
	}
}
