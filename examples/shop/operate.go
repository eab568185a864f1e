package main

import (
	"context"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/dynamocost"
	"github.com/leftfold/leftfold/projection"
)

// operated opens the shop for whoever operates it.
func (a *app) operated(ctx context.Context) (operator.Service, error) {
	s, err := a.open(ctx)
	if err != nil {
		return operator.Service{}, err
	}
	return s.operated(), nil
}

func (s *Service) operated() operator.Service {
	return operator.Service{
		Name: "shop", Build: build(), Events: Events, Consumers: allConsumers(),
		Store: s.Store, Views: s.Views, States: []operator.Folder{operator.StateOf(s.Customers)},
		Costs: dynamocost.Model{}, Usage: s.Usage, Close: s.Close,
	}
}

// allConsumers are what the commands of the shop feed: the projections, and the reactions by
// their names, since nothing is sent while one looks.
func allConsumers() []projection.Consumer {
	nothing := projection.ReactAny(func(context.Context, projection.Event[eventstore.Event]) error { return nil })
	consumers := viewConsumers()
	for _, name := range []string{mailsReaction, busReaction} {
		consumers = append(consumers, projection.MustNewReaction(name, Events, projection.Follow(customerCategory), nothing))
	}
	return consumers
}

// findCustomer is the hint for a command on a customer who is not there.
func (a *app) findCustomer(command, user string) string {
	if stream, err := eventstore.ParseStreamID(user); err == nil && stream.Category() == customerCategory {
		return "leave out " + customerCategory + "-, which is of the stream's name: " + a.command(command, stream.ID())
	}
	return a.command("streams") + " lists the customers, as user-ID"
}

// loadCustomer is the state of a customer now.
func (s *Service) loadCustomer(ctx context.Context, user string) (aggregate.Loaded[Customer], error) {
	return s.Customers.Load(ctx, user)
}
