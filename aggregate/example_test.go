package aggregate_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// AccountEvent is sealed: these are the facts about an account.
type AccountEvent interface{ accountEvent() }

type Deposited struct {
	Cents int `json:"cents"`
}

type Withdrawn struct {
	Cents int `json:"cents"`
}

func (Deposited) accountEvent() {}
func (Withdrawn) accountEvent() {}

type Account struct{ Cents int }

var Accounts = aggregate.Decider[Account, AccountEvent]{
	Category: "account",
	Events: eventstore.MustRegistry(
		eventstore.Type[Deposited]("DEPOSITED", 1),
		eventstore.Type[Withdrawn]("WITHDRAWN", 1),
	),
	Evolve: func(a Account, e AccountEvent) Account {
		switch e := e.(type) {
		case Deposited:
			a.Cents += e.Cents
		case Withdrawn:
			a.Cents -= e.Cents
		}
		return a
	},
}

var ErrTooLittle = errors.New("too little money")

// A command is a function from state to facts.

func Deposit(cents int) aggregate.Decision[Account, AccountEvent] {
	return func(Account) ([]AccountEvent, error) { return []AccountEvent{Deposited{cents}}, nil }
}

func Withdraw(cents int) aggregate.Decision[Account, AccountEvent] {
	return func(a Account) ([]AccountEvent, error) {
		if a.Cents < cents {
			return nil, fmt.Errorf("withdraw %d of %d cents: %w", cents, a.Cents, ErrTooLittle)
		}
		return []AccountEvent{Withdrawn{cents}}, nil
	}
}

func Example() {
	ctx := context.Background()
	accounts := aggregate.NewRepository(memstore.New(), Accounts, aggregate.Options{CacheStreams: 1000})

	if _, err := accounts.Execute(ctx, "ada", Deposit(3000), aggregate.CommandID("salary-may")); err != nil {
		fmt.Println(err)
	}
	commit, err := accounts.Execute(ctx, "ada", Withdraw(1000))
	fmt.Println(commit.Revision, err)

	_, err = accounts.Execute(ctx, "ada", Withdraw(5000))
	fmt.Println(err, errors.Is(err, ErrTooLittle))

	now, err := accounts.Load(ctx, "ada")
	fmt.Println(now.State.Cents, err)
	before, err := accounts.LoadVersion(ctx, "ada", 1)
	fmt.Println(before.State.Cents, err)

	// Output:
	// account-ada@2 <nil>
	// withdraw 5000 of 2000 cents: too little money true
	// 2000 <nil>
	// 3000 <nil>
}
