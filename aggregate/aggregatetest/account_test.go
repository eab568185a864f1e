package aggregatetest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// An account, as the scenarios of these tests know it.

type accountEvent interface{ accountEvent() }

type opened struct {
	Owner string `json:"owner"`
}

type deposited struct {
	Amount json.Number `json:"amount"`
	Note   string      `json:"note,omitempty"`
}

type closed struct{}

// forgotten is an event of accounts that nobody registered.
type forgotten struct{}

func (opened) accountEvent()    {}
func (deposited) accountEvent() {}
func (closed) accountEvent()    {}
func (forgotten) accountEvent() {}

type account struct {
	ID     string
	owner  string
	counts map[string]int
	closed bool
}

var accounts = aggregate.Decider[account, accountEvent]{
	Category: "account",
	Events: eventstore.MustRegistry(
		eventstore.Type[opened]("OPENED", 1),
		eventstore.Type[deposited]("DEPOSITED", 1),
		eventstore.Type[closed]("CLOSED", 1),
	),
	Initial: func(id string) account { return account{ID: id, counts: map[string]int{}} },
	Evolve: func(a account, e accountEvent) account {
		switch e := e.(type) {
		case opened:
			a.owner = e.Owner
		case deposited:
			a.counts[e.Amount.String()]++
		case closed:
			a.closed = true
		}
		return a
	},
}

var (
	errClosed  = errors.New("the account is closed")
	errUnknown = errors.New("there is no such account")
)

type decision = aggregate.Decision[account, accountEvent]

// deposit decides as a real command would.
func deposit(amounts ...json.Number) decision {
	return func(a account) ([]accountEvent, error) {
		switch {
		case a.closed:
			return nil, fmt.Errorf("deposit by %s: %w", a.owner, errClosed)
		case a.owner == "":
			return nil, errUnknown
		}
		var events []accountEvent
		for _, amount := range amounts {
			events = append(events, deposited{Amount: amount})
		}
		return events, nil
	}
}

// record decides on these events whatever the state is.
func record(events ...accountEvent) decision {
	return func(account) ([]accountEvent, error) { return events, nil }
}

func refuse(err error) decision {
	return func(account) ([]accountEvent, error) { return nil, err }
}

// byTurns decides otherwise each time.
func byTurns(decisions ...decision) decision {
	calls := -1
	return func(a account) ([]accountEvent, error) {
		calls++
		return decisions[calls%len(decisions)](a)
	}
}

// recorder is a test that remembers what it was told, and goes on.
type recorder struct {
	testing.TB
	text   string
	failed bool
}

func (r *recorder) Helper() {}

func (r *recorder) Error(args ...any) {
	r.failed = true
	r.text += fmt.Sprintln(args...)
}

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

// stopped is what ends a recorded scenario where a test would end.
type stopped struct{}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	panic(stopped{})
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// told plays a scenario and returns what a test would be told.
func told(t *testing.T, play func(testing.TB)) (text string) {
	t.Helper()
	r := &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != (any)(stopped{}) {
			panic(p)
		}
		text = r.text
	}()
	play(r)
	return r.text
}
