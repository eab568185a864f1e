package aggregatetest_test

import (
	"encoding/json"
	"errors"
	"fmt"

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

type invoiced struct {
	Lines []invoiceLine  `json:"lines"`
	Paid  bool           `json:"paid"`
	By    map[string]int `json:"by"`
}

type invoiceLine struct {
	Product string `json:"product"`
	Units   int    `json:"units"`
}

type closed struct{}

// forgotten is an event of accounts that nobody registered.
type forgotten struct{}

func (opened) accountEvent()    {}
func (deposited) accountEvent() {}
func (invoiced) accountEvent()  {}
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
		eventstore.Type[invoiced]("INVOICED", 1),
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
