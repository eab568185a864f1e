package aggregatetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/aggregate/aggregatetest"
	"github.com/leftfold/leftfold/eventstore"
)

// club is a conversation of two members and an account.
type club struct {
	*aggregatetest.Conversation
	ada, bob *aggregatetest.Participant[member, memberEvent]
	account  *aggregatetest.Participant[account, accountEvent]
}

func meet(tb testing.TB) club {
	talk := aggregatetest.Talk(tb)
	return club{talk, aggregatetest.With(talk, members, "ada"), aggregatetest.With(talk, members, "bob"),
		aggregatetest.With(talk, accounts, "7")}
}

// join lets a member in, who pays an amount.
func (c club) join(name string, amount json.Number) func(*aggregate.Tx) error {
	return func(tx *aggregate.Tx) error {
		bob, err := c.bob.In(tx)
		if err != nil {
			return err
		}
		account, err := c.account.In(tx)
		if err != nil {
			return err
		}
		if account.State.closed {
			return errClosed
		}
		bob.Append(named{Name: name, Before: bob.State.Name})
		account.Append(deposited{Amount: amount})
		return nil
	}
}

func TestAConversationThatHoldsSaysNothing(t *testing.T) {
	t.Parallel()
	c := meet(t)
	c.ada.Given(named{Name: "Ada"})
	c.account.Given(opened{Owner: "Ada"})

	c.bob.When(rename("Ada")).ThenRefused(eventstore.ErrClaimTaken).ThenRefusedSaying("member-ada@1")
	c.ada.When(rename("Lovelace")).Then(named{Name: "Lovelace", Before: "Ada"})
	c.ada.When(rename("Lovelace")).ThenNothing()
	joins := c.Transact(c.join("Ada", "15.30"), aggregate.CommandID("join"), aggregate.Strict()).
		Then(c.account.Records(deposited{Amount: "15.30"}), c.bob.Records(named{Name: "Ada"}))
	c.account.When(record(closed{})).Then(closed{})
	joins.Again().ThenRecognised()
	c.Transact(c.join("Bob", "1")).ThenRefused(errClosed).ThenRefusedSaying("is closed")
	c.bob.When(leave, aggregate.CommandID("leave")).Then(left{Name: "Ada"}).Again().ThenRecognised()
	c.ada.When(rename("Ada")).Then(named{Name: "Ada", Before: "Lovelace"})

	assert.Equal(t, member{Name: "Ada"}, c.ada.State())
	c.account.ThenState(func(t testing.TB, a account) {
		assert.Equal(t, account{ID: "7", owner: "Ada", counts: map[string]int{"15.30": 1}, closed: true}, a)
	})
}

func TestAServiceWithRepositoriesOfItsOwnTakesPart(t *testing.T) {
	t.Parallel()
	c := meet(t)
	cached := aggregate.NewRepository(c.Store(), members, aggregate.Options{CacheStreams: 1})
	service := func(decide memberDecision) aggregatetest.Command {
		return func(ctx context.Context) ([]eventstore.Commit, error) {
			commit, err := cached.Execute(ctx, "bob", decide, aggregate.CommandID("1"))
			if err != nil {
				return nil, fmt.Errorf("the service: %w", err)
			}
			return []eventstore.Commit{commit}, nil
		}
	}
	c.When(service(leave)).ThenRefused(errNoMember).ThenRefusedSaying("the service: ")
	c.When(service(rename("Bob"))).Then(c.bob.Records(named{Name: "Bob"})).Again().ThenRecognised()
	for _, err := range c.Store().Streams(t.Context(), "member", eventstore.StreamID{}) {
		require.NoError(t, err)
	}
	assert.Equal(t, "Bob", c.bob.State().Name)
}

// Each turn that goes wrong says which it is, what went before, and what is likely wrong.
func TestTurnsExplainThemselves(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(club){
		"talk, another field": func(c club) {
			c.ada.When(rename("Lovelace")).Then(named{Name: "Lovelace"})
		},
		"talk, a claim is in the way": func(c club) {
			c.ada.When(rename("Lovelace"))
			c.bob.When(rename("Lovelace")).Then(named{Name: "Lovelace"})
		},
		"talk, no claim is in the way": func(c club) {
			c.bob.When(rename("ADA")).ThenRefused(eventstore.ErrClaimTaken)
		},
		"talk, another refusal": func(c club) {
			c.bob.When(leave).ThenRefused(eventstore.ErrClaimTaken)
		},
		"talk, refused saying something else": func(c club) {
			c.bob.When(leave).ThenRefusedSaying("taken")
		},
		"talk, several recorded otherwise": func(c club) {
			c.Transact(c.join("Bob", "2")).Then(c.bob.Records(named{Name: "Bob"}), c.account.Records(deposited{Amount: "1"}))
		},
		"talk, one too many recorded": func(c club) {
			c.Transact(c.join("Bob", "2")).Then(c.account.Records(deposited{Amount: "2"}))
		},
		"talk, several refused": func(c club) {
			c.account.When(record(closed{}))
			c.Transact(c.join("Bob", "2")).Then(c.account.Records(deposited{Amount: "2"}))
		},
		"talk, carried out again": func(c club) {
			c.account.When(deposit("1")).Then(deposited{Amount: "1"}).Again().ThenRecognised()
		},
		"talk, refused again": func(c club) {
			c.ada.When(leave).Again().ThenRecognised()
		},
		"talk, nothing to do again": func(c club) {
			c.ada.When(rename("Lovelace")).Again().ThenRecognised()
		},
		"talk, not nothing": func(c club) {
			c.account.When(deposit("1", "2", "3", "4", "5", "6")).ThenNothing().Again().ThenNothing()
		},
		"talk, the state is changed": func(c club) {
			c.account.When(func(a account) ([]accountEvent, error) {
				a.counts["1"]++
				return nil, nil
			})
		},
		"talk, another order": func(c club) {
			c.account.When(byTurns(deposit("1", "2"), deposit("2", "1")))
		},
		"talk, several by turns": func(c club) {
			n := 0
			c.Transact(func(tx *aggregate.Tx) error {
				n++
				return c.join("Bob", json.Number(fmt.Sprint(n)))(tx)
			})
		},
		"talk, refused once": func(c club) {
			c.account.When(byTurns(deposit("1"), refuse(errClosed)))
		},
		"talk, given what can not be": func(c club) {
			c.bob.Given(named{Name: "Ada"})
		},
		"talk, nobody": func(c club) {
			aggregatetest.With(c.Conversation, members, "")
		},
		"talk, an event of somebody else": func(c club) {
			eve := aggregate.NewRepository(c.Store(), members, aggregate.Options{})
			c.When(func(ctx context.Context) ([]eventstore.Commit, error) {
				commit, err := eve.Execute(ctx, "eve", rename("Eve"))
				return []eventstore.Commit{commit}, err
			}).Then(c.ada.Records(named{Name: "Eve"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, told(t, func(tb testing.TB) {
				c := meet(tb)
				c.ada.Given(named{Name: "Ada"})
				c.account.Given(opened{Owner: "Ada"})
				play(c)
			}))
		})
	}
}

func TestTheFirstTurnSaysThatNothingIsGiven(t *testing.T) {
	t.Parallel()
	golden(t, told(t, func(tb testing.TB) {
		aggregatetest.With(aggregatetest.Talk(tb), accounts, "7").When(deposit("1")).Then(deposited{Amount: "1"})
	}))
}

func TestAnEvolveThatIsImpureOrCanNotFoldFailsATurn(t *testing.T) {
	t.Parallel()
	folds := 0
	impure := accounts
	impure.Evolve = func(a account, _ accountEvent) account {
		folds++
		a.counts["folds"] = folds
		return a
	}
	noMap := accounts
	noMap.Initial = nil
	for name, decider := range map[string]aggregate.Decider[account, accountEvent]{"talk, an impure evolve": impure, "talk, a nil map": noMap} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, told(t, func(tb testing.TB) {
				aggregatetest.With(aggregatetest.Talk(tb), decider, "7").When(record(deposited{Amount: "1"}))
			}))
		})
	}
}

func TestEventsOfSeveralThatAreNotJSONAreShownAsWhatTheyDecodeTo(t *testing.T) {
	t.Parallel()
	decider := accounts
	decider.Events = eventstore.MustRegistry(eventstore.WithCodec(hexCodec{}), eventstore.Type[deposited]("DEPOSITED", 1))
	golden(t, told(t, func(tb testing.TB) {
		talk := aggregatetest.Talk(tb)
		a := aggregatetest.With(talk, decider, "7")
		strangers := aggregate.NewRepository(talk.Store(), decider, aggregate.Options{})
		a.When(record(deposited{Amount: "1"})).Then(deposited{Amount: "2"})
		talk.When(func(ctx context.Context) ([]eventstore.Commit, error) {
			commit, err := strangers.Execute(ctx, "8", record(deposited{Amount: "1"}))
			return []eventstore.Commit{commit}, err
		}).Then(a.Records(deposited{Amount: "1"}))
	}))
}
