package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/memstore"
)

// AddressChanged: a member has another e-mail address. It tells the old one too, since an
// event alone decides which keys it takes and releases.
type AddressChanged struct {
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// Member is what commands need to know of a member.
type Member struct{ Email string }

var Members = aggregate.Decider[Member, AddressChanged]{
	Category: "member",
	Events:   eventstore.MustRegistry(eventstore.Type[AddressChanged]("ADDRESS_CHANGED", 1)),
	Evolve:   func(_ Member, e AddressChanged) Member { return Member{Email: e.To} },
	Claims:   func(e AddressChanged) (takes, releases []eventstore.Claim) { return address(e.To), address(e.From) },
}

// address is the claim on an e-mail address. Keys that differ in case differ, so it is
// brought into one form here, and nowhere else.
func address(email string) []eventstore.Claim {
	if email == "" {
		return nil
	}
	return []eventstore.Claim{{Scope: "email", Key: strings.ToLower(email)}}
}

// ChangeAddress is the command.
func ChangeAddress(email string) aggregate.Decision[Member, AddressChanged] {
	return func(m Member) ([]AddressChanged, error) {
		if m.Email == email {
			return nil, nil
		}
		return []AddressChanged{{From: m.Email, To: email}}, nil
	}
}

// The address of one member is nobody else's, until it is given up.
func ExampleDecider_claims() {
	ctx := context.Background()
	members := aggregate.NewRepository(memstore.New(), Members, aggregate.Options{})
	change := func(id, email string) {
		commit, err := members.Execute(ctx, id, ChangeAddress(email))
		if taken, ok := errors.AsType[*eventstore.ClaimError](err); ok {
			fmt.Println(id, "can not have it: taken by", taken.Holder)
			return
		}
		fmt.Println(commit.EventID(0), err)
	}
	change("ada", "ada@example.com")
	change("bob", "Ada@Example.com")
	change("ada", "countess@example.com")
	change("bob", "Ada@Example.com")

	// Output:
	// member-ada@1 <nil>
	// bob can not have it: taken by member-ada@1
	// member-ada@2 <nil>
	// member-bob@1 <nil>
}
