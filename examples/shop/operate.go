package main

import (
	"context"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/dynamocost"
	"github.com/leftfold/leftfold/projection"
)

// operated opens the shop for whoever operates it.
func (a *app) operated(ctx context.Context, impact commands.Impact) (operator.Service, error) {
	open := openStores
	if impact == commands.Looks {
		open = openToLook
	}
	s, err := a.open(ctx, open)
	if err != nil {
		return operator.Service{}, err
	}
	return s.operated(), nil
}

func (s *Service) operated() operator.Service {
	o := told(s)
	o.Build, o.Store, o.Views, o.States = build(), s.Store, s.Views, []operator.Folder{operator.StateOf(s.Customers)}
	o.Costs, o.Tailer, o.Usage, o.Close = dynamocost.Model{}, s.Tailer, s.Usage, s.Close
	return o
}

// told is what an operator may know of a shop that is not open.
func told(s *Service) operator.Service {
	opts := dispatch.Options{Refusals: refusals}
	return operator.Service{
		Name: "shop", Events: Events, Consumers: s.Edition.all(), Commands: s.commands(opts), Queries: s.queries(opts),
	}
}

// all are the projections, and the reactions, to be told of: these have no mailbox and no bus.
func (e edition) all() []projection.Consumer {
	return append(e.consumers(), new(mailbox).reaction(), publishing(new(eventbridge.Publisher)))
}

// findCustomer is the hint for a command on a customer who is not there.
func (a *app) findCustomer(command, user string) string {
	if stream, err := eventstore.ParseStreamID(user); err == nil && stream.Category() == customerCategory {
		return "leave out " + customerCategory + "-, which is of the stream's name: " + a.command(command, stream.ID())
	}
	return a.command("streams") + " lists the customers, as user-ID"
}
