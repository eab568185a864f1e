package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/aggregate/aggregatetest"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/operator"
)

// talk is a conversation with the shop, of a guest and of two users.
type talk struct {
	*aggregatetest.Conversation
	guest, ada, bob *aggregatetest.Participant[Customer, CustomerEvent]
}

func atTheCounter(t *testing.T) talk {
	c := aggregatetest.Talk(t)
	return talk{c, aggregatetest.With(c, Customers, "guest"), aggregatetest.With(c, Customers, "ada"), aggregatetest.With(c, Customers, "bob")}
}

// whenMerged is the turn in which a guest turns out to be a user.
func (c talk) whenMerged(guest, user string) *aggregatetest.Turn[aggregatetest.Records] {
	s := &Service{Store: c.Store(), Customers: aggregate.NewRepository(c.Store(), Customers, aggregate.Options{CacheStreams: cachedCustomers})}
	return c.When(func(ctx context.Context) ([]eventstore.Commit, error) { return s.Merge(ctx, guest, user) })
}

func taken(p PurchaseMade, left int64) PurchaseTaken { return PurchaseTaken{Line: p.Line, Left: left} }

func TestAGuestIsMergedIntoAUserWithEverythingThatIsLeft(t *testing.T) {
	t.Parallel()
	c := atTheCounter(t)
	mug, tea, cup := bought("user-guest@1", "MUG", 6, 1), bought("user-guest@2", "TEA", 2, 1), bought("user-guest@3", "CUP", 1, 1)
	c.guest.Given(mug, tea, cup, EmailChanged{Email: "Ada@example.com"},
		returned("user-guest@5", "MUG", 4, 2, "user-guest@1"), returned("user-guest@6", "CUP", 1, 2, "user-guest@3"))
	c.ada.Given(bought("user-ada@1", "MUG", 1, 1))

	c.ada.When(SetEmail("ada@example.com")).ThenRefused(eventstore.ErrClaimTaken)
	c.whenMerged("guest", "ada").Then(
		c.guest.Records(PurchaseGiven{PurchaseID: "user-guest@1", To: "ada"}, PurchaseGiven{PurchaseID: "user-guest@2", To: "ada"},
			EmailChanged{Before: "Ada@example.com"}, GuestMerged{Into: "ada"}),
		c.ada.Records(taken(mug, 2), taken(tea, 2),
			GuestTaken{Guest: "guest", TotalSpent: money.MustParse("22.95"), TotalReturned: money.MustParse("12.75"), PurchaseCount: 3, ReturnCount: 2}),
	)
	c.ada.When(SetEmail("ada@example.com")).Then(EmailChanged{Email: "ada@example.com"})
	c.ada.ThenState(func(t testing.TB, ada Customer) {
		assert.Equal(t, "25.50", ada.TotalSpent.String())
		assert.Equal(t, 4, ada.PurchaseCount)
	})
	assert.Equal(t, Customer{UserID: "guest", MergedInto: "ada", Left: map[string]int64{}, Sold: map[string]Line{}, Version: 10}, c.guest.State())
}

func TestWhatAGuestBoughtIsReturnedByTheUserAlone(t *testing.T) {
	t.Parallel()
	c := atTheCounter(t)
	c.guest.Given(bought("user-guest@1", "MUG", 6, 1))
	give := func(quantity int64) aggregate.Decision[Customer, CustomerEvent] {
		return Return("user-guest@1", quantity, december(2))
	}
	c.ada.When(give(1)).ThenRefused(ErrUnknownPurchase)
	c.guest.When(give(1)).Then(returned("user-guest@2", "MUG", 1, 2, "user-guest@1"))
	c.whenMerged("guest", "ada")
	c.guest.When(give(1)).ThenRefused(ErrUnknownPurchase)
	c.ada.When(give(6)).ThenRefused(ErrTooManyReturned).ThenRefusedSaying("5 are left")
	c.ada.When(give(5), aggregate.CommandID("return"), aggregate.Strict()).
		Then(returned("user-ada@3", "MUG", 5, 2, "user-guest@1")).
		Again().ThenRecognised()
	c.ada.When(give(1)).ThenRefused(ErrUnknownPurchase)
}

func TestAGuestIsMergedOnce(t *testing.T) {
	t.Parallel()
	c := atTheCounter(t)
	c.whenMerged("guest", "ada").ThenRefused(operator.ErrNotFound)
	mug := bought("user-guest@1", "MUG", 6, 1)
	c.guest.Given(mug)
	c.whenMerged("ada", "ada").ThenRefused(eventstore.ErrInvalid)
	c.whenMerged("guest", "ada").Again().ThenNothing()
	c.whenMerged("guest", "bob").ThenRefused(ErrMerged)
	c.whenMerged("bob", "guest").ThenRefused(operator.ErrNotFound)
	c.bob.Given(bought("user-bob@1", "MUG", 1, 1))
	c.whenMerged("bob", "guest").ThenRefused(ErrMerged).ThenRefusedSaying("who is ada")
	c.guest.When(Purchase("536365", december(3), []Line{mugs(1)})).ThenRefused(ErrMerged)
	c.whenMerged("ada", "bob").Then(
		c.ada.Records(PurchaseGiven{PurchaseID: "user-guest@1", To: "bob"}, GuestMerged{Into: "bob"}),
		c.bob.Records(taken(mug, 6), GuestTaken{Guest: "ada", TotalSpent: money.MustParse("15.30"), PurchaseCount: 1}),
	)
}

func TestAnAddressIsOneCustomers(t *testing.T) {
	t.Parallel()
	c := atTheCounter(t)
	c.ada.When(SetEmail("ada@example.com")).Then(EmailChanged{Email: "ada@example.com"})
	c.ada.When(SetEmail("ada@example.com")).ThenNothing()
	c.bob.When(SetEmail("ADA@example.com")).ThenRefused(eventstore.ErrClaimTaken).
		ThenRefusedSaying(`claim "email:ada@example.com" is taken by user-ada@1`)
	c.ada.When(SetEmail("Ada@example.com")).Then(EmailChanged{Email: "Ada@example.com", Before: "ada@example.com"})
	c.bob.When(SetEmail("ada@example.com")).ThenRefused(eventstore.ErrClaimTaken)
	c.ada.When(SetEmail("lovelace@example.com")).Then(EmailChanged{Email: "lovelace@example.com", Before: "Ada@example.com"})
	c.bob.When(SetEmail("ada@example.com")).Then(EmailChanged{Email: "ada@example.com"})
	for _, nowhere := range []string{"", "nowhere", "@example.com", "ada@", "ada lovelace@example.com"} {
		c.bob.When(SetEmail(nowhere)).ThenRefused(ErrNoAddress)
	}
}
