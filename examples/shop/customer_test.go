package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/aggregate/aggregatetest"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/examples/shop/retail"
)

func customer(t *testing.T) aggregatetest.Scenario[Customer, CustomerEvent] {
	return aggregatetest.For(t, Customers).WithID("1")
}

// mugs is a line of an order: what a till knows.
func mugs(quantity int64) Line {
	return Line{ProductID: "MUG", Quantity: quantity, UnitPrice: money.Pence(255), Country: "France"}
}

func TestAPurchaseRecordsEachLineWithItsAmountAndAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	two := Purchase("536365", december(1), []Line{mugs(6), {ProductID: "TEA", Quantity: 2, UnitPrice: money.Pence(255), Country: "France"}})
	customer(t).When(two).
		Then(bought("user-1@1", "MUG", 6, 1), bought("user-1@2", "TEA", 2, 1)).
		ThenState(func(t testing.TB, c Customer) {
			assert.Equal(t, "20.40", c.TotalSpent.String())
			assert.Equal(t, 2, c.PurchaseCount)
		})
	customer(t).Given(bought("user-1@1", "MUG", 6, 1)).When(two).Then(bought("user-1@2", "MUG", 6, 1), bought("user-1@3", "TEA", 2, 1))
}

func TestAPurchaseOfNothingOrForNothingIsRefused(t *testing.T) {
	t.Parallel()
	free := mugs(1)
	free.UnitPrice = money.Money{}
	for _, lines := range [][]Line{nil, {mugs(0)}, {mugs(6), mugs(-1)}, {free}} {
		customer(t).When(Purchase("536365", december(1), lines)).ThenRefused(ErrNothingToBuy)
	}
}

func TestAReturnMayNotExceedWhatIsLeft(t *testing.T) {
	t.Parallel()
	six := customer(t).Given(bought("user-1@1", "MUG", 6, 1))
	give := func(quantity int64) func(Customer) ([]CustomerEvent, error) {
		return Return("user-1@1", quantity, december(2))
	}
	six.When(give(6)).Then(returned("user-1@2", "MUG", 6, 2, "user-1@1"))
	six.When(give(7)).ThenRefused(ErrTooManyReturned).ThenRefusedSaying("return of 7 units of user-1@1, 6 are left")
	six.When(give(0)).ThenRefused(ErrTooManyReturned)
	six.When(give(-1)).ThenRefused(ErrTooManyReturned)

	two := six.Given(returned("user-1@2", "MUG", 4, 2, "user-1@1"))
	two.When(give(3)).ThenRefused(ErrTooManyReturned).ThenRefusedSaying("2 are left")
	two.When(give(2)).Then(returned("user-1@3", "MUG", 2, 2, "user-1@1")).ThenState(func(t testing.TB, c Customer) {
		assert.Empty(t, c.Left)
		assert.Empty(t, c.Sold)
		assert.Equal(t, "15.30", c.TotalReturned.String())
	})
	none := two.Given(returned("user-1@3", "MUG", 2, 2, "user-1@1"))
	none.When(give(1)).ThenRefused(ErrUnknownPurchase)
	none.Given(bought("user-1@4", "MUG", 1, 3)).When(give(1)).ThenRefused(ErrUnknownPurchase) // another purchase
}

func TestAReturnOfWhatWasNeverBoughtIsRefused(t *testing.T) {
	t.Parallel()
	for _, purchase := range []string{"", "user-1@2", "user-2@1", "nonsense"} {
		customer(t).Given(bought("user-1@1", "MUG", 6, 1)).When(Return(purchase, 1, december(2))).ThenRefused(ErrUnknownPurchase)
	}
}

// What the file says has happened, whatever the rules of today are.
func TestAnImportRecordsFactsAsTheyAre(t *testing.T) {
	t.Parallel()
	line := retail.Line{ProductID: "MUG", Quantity: 6, UnitPrice: money.Pence(255), Date: december(1), Country: "France"}
	back := line
	back.Quantity, back.Returned = 100, true
	customer(t).When(Import(&retail.Part{Invoice: "536365", Number: 1, User: "1", Lines: []retail.Line{back, line}})).
		Then(returned("user-1@1", "MUG", 100, 1, ""), bought("user-1@2", "MUG", 6, 1)).
		ThenState(func(t testing.TB, c Customer) {
			assert.Equal(t, "255.00", c.TotalReturned.String())
			assert.Equal(t, map[string]int64{"user-1@2": 6}, c.Left, "an import does not say what it gives back")
		})
}
