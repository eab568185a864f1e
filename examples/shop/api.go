package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/httpapi"
	"github.com/leftfold/leftfold/handlers/query"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/projection"
)

// MakePurchase asks for the command [Purchase]: all lines are one commit.
type MakePurchase struct {
	User    string      `json:"user" example:"17850"`
	Country string      `json:"country,omitempty" example:"United Kingdom"`
	Lines   []OrderLine `json:"lines"`
}

// OrderLine is some of one product.
type OrderLine struct {
	Product     string `json:"product" example:"85123A"`
	Description string `json:"description,omitempty"`
	Quantity    int64  `json:"quantity" example:"6"`
	Price       price  `json:"price" example:"2.55"`
}

// price is an amount that JSON has as a string, so that no client makes a float of it.
type price struct{ money.Money }

// UnmarshalJSON takes a string of digits, such as "2.55".
func (p *price) UnmarshalJSON(text []byte) (err error) {
	if len(text) < 2 || text[0] != '"' {
		return fmt.Errorf("a price is a string such as %q", "2.55")
	}
	p.Money, err = money.Parse(string(text[1 : len(text)-1]))
	return err
}

// MarshalJSON returns what UnmarshalJSON takes.
func (p price) MarshalJSON() ([]byte, error) { return []byte(`"` + p.String() + `"`), nil }

// ReturnPurchase asks for the command [Return].
type ReturnPurchase struct {
	User     string `json:"user" example:"17850"`
	Purchase string `json:"purchase" example:"user-17850@1"`
	Quantity int64  `json:"quantity" example:"2"`
}

// MergeGuest asks for the command [Service.Merge].
type MergeGuest struct {
	Guest string `json:"guest" example:"guest-1"`
	User  string `json:"user" example:"17850"`
}

// ChangeEmail asks for the command [SetEmail].
type ChangeEmail struct {
	User  string `json:"user" example:"17850"`
	Email string `json:"email" example:"ada@example.org"`
}

// commands are what can be done in the shop, by name. They take requests without an ID, so
// that the shop can be tried by hand; who has one can send a request again.
func (s *Service) commands(opts dispatch.Options) *command.Bus {
	bus := command.NewBus(opts)
	command.Register(bus, "purchase", "Buys some lines, in one commit",
		func(ctx context.Context, call command.Call[MakePurchase]) ([]eventstore.Commit, error) {
			decide := Purchase(call.ID, time.Now().UTC(), call.Command.lines()) // the ID is the number of the invoice
			commit, err := s.Customers.Execute(ctx, call.Command.User, decide, call.Options()...)
			return []eventstore.Commit{commit}, err
		}, command.OptionalID())
	command.Register(bus, "return", "Gives back some units of a purchase", command.On(s.Customers,
		func(c ReturnPurchase) (string, aggregate.Decision[Customer, CustomerEvent]) {
			return c.User, Return(c.Purchase, c.Quantity, time.Now().UTC())
		}), command.OptionalID())
	command.Register(bus, "set-email", "Sets a customer's e-mail address, which no other may have", command.On(s.Customers,
		func(c ChangeEmail) (string, aggregate.Decision[Customer, CustomerEvent]) {
			return c.User, SetEmail(c.Email)
		}), command.OptionalID())
	command.Register(bus, "merge", "Gives a user what a guest bought, in one step",
		func(ctx context.Context, call command.Call[MergeGuest]) ([]eventstore.Commit, error) {
			return s.Merge(ctx, call.Command.Guest, call.Command.User, call.Options()...)
		}, command.OptionalID())
	return bus
}

func (c MakePurchase) lines() []Line {
	lines := make([]Line, len(c.Lines))
	for i, l := range c.Lines {
		lines[i] = Line{ProductID: l.Product, Description: l.Description, Quantity: l.Quantity, UnitPrice: l.Price.Money, Country: c.Country}
	}
	return lines
}

// ShowStats asks how a product sells.
type ShowStats struct {
	Product string `json:"product" example:"85123A"`
}

// ShowHistory asks what a customer bought.
type ShowHistory struct {
	User  string `json:"user" example:"17850"`
	Limit int    `json:"limit,omitempty" example:"20"`
	After string `json:"after,omitempty"`
}

// ShowTop asks for the best sellers.
type ShowTop struct {
	Limit int `json:"limit,omitempty" example:"10"`
}

// Validate bounds the answer.
func (q ShowTop) Validate() error {
	if q.Limit < 0 || q.Limit > 100 {
		return fmt.Errorf("%w: %d best sellers; allowed are 1 to 100", eventstore.ErrInvalid, q.Limit)
	}
	return nil
}

// queries are what can be asked of the shop, by name.
func (s *Service) queries(opts dispatch.Options) *query.Bus {
	bus := query.NewBus(opts)
	query.Register(bus, "stats", "Shows how a product sells",
		func(ctx context.Context, call query.Call[ShowStats]) (ProductStats, error) {
			return s.Edition.stats.Get(ctx, s.Views, projection.KeyOf(call.Query.Product), call.Options()...)
		})
	query.Register(bus, "history", "Shows what a customer bought, newest first",
		func(ctx context.Context, call query.Call[ShowHistory]) (historyAnswer, error) {
			page := projection.PageOptions{Limit: call.Query.Limit, After: call.Query.After, Backward: true}
			return s.history(ctx, call.Query.User, page, call.Options()...)
		})
	query.Register(bus, "top", "Shows the best sellers",
		func(ctx context.Context, call query.Call[ShowTop]) ([]ProductStats, error) {
			limit := call.Query.Limit
			if limit == 0 {
				limit = 10
			}
			best, err := bestSellers(ctx, s, limit)
			return append([]ProductStats{}, best...), err
		})
	return bus
}

// refusals are the errors that callers are told of.
var refusals = []dispatch.Refusal{
	{Err: ErrNothingToBuy, Class: dispatch.Invalid},
	{Err: ErrNoAddress, Class: dispatch.Invalid},
	{Err: ErrUnknownPurchase, Code: "unknown-purchase"},
	{Err: ErrTooManyReturned, Code: "too-many-returned"},
	{Err: ErrMerged, Code: "merged"},
	{Err: eventstore.ErrClaimTaken, Class: dispatch.ClaimTaken, Code: "email-taken", Text: "another customer has this address"},
	{Err: operator.ErrNotFound, Class: dispatch.NotFound},
}

// api answers over HTTP. The shop knows no passwords, so everybody may do everything: what
// stands before it has to say who comes in.
func (s *Service) api(logger *slog.Logger) http.Handler {
	opts := dispatch.Options{Logger: logger, Refusals: refusals}
	return httpapi.New(s.commands(opts), s.queries(opts), httpapi.Options{
		Authenticate: httpapi.Public,
		Logger:       logger,
		Routes: []httpapi.Route{
			{Pattern: "POST /purchases", Name: "purchase"},
			{Pattern: "POST /returns", Name: "return"},
			{Pattern: "POST /customers/{user}/merge", Name: "merge"},
			{Pattern: "PUT /customers/{user}/email", Name: "set-email"},
			{Pattern: "GET /products", Name: "top"},
			{Pattern: "GET /products/{product}", Name: "stats"},
			{Pattern: "GET /customers/{user}/history", Name: "history"},
		},
	})
}
