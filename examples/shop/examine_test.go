package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// examined is what a crowd has left.
type examined struct {
	// Orders is how often each order was stored.
	Orders map[string]int
	// Merges, Purchases, Returns and Emails count what took effect.
	Merges, Purchases, Returns, Emails int
	// InStates and InView count the purchases once more.
	InStates, InView int
	// Claims counts the addresses that somebody has.
	Claims int
	Faults []string

	left  map[string]int64    // units of each purchase that have not come back, by the events
	used  map[string]bool     // each address that there was
	held  map[string]string   // who has it, by the states
	owner map[string][]string // who can return a purchase, by the states
}

// examine looks at each customer of the crowd, and prints what it found.
func examine(ctx context.Context, s *Service) error {
	x := examined{Orders: map[string]int{}, Faults: []string{}, left: map[string]int64{}, used: map[string]bool{}, held: map[string]string{}, owner: map[string][]string{}}
	uncached := aggregate.NewRepository(s.Store, Customers, aggregate.Options{})
	for stream, err := range s.Store.Streams(ctx, customerCategory, eventstore.StreamID{}) {
		if err != nil {
			return err
		}
		if !strings.ContainsAny(stream.ID()[:1], "ug") {
			continue // it was there before
		}
		if err := errors.Join(x.events(ctx, s, stream), x.state(ctx, uncached, stream), x.view(ctx, s, stream)); err != nil {
			return err
		}
	}
	x.returns()
	if err := x.claims(ctx, s); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(x)
}

func (x *examined) fault(format string, args ...any) {
	x.Faults = append(x.Faults, fmt.Sprintf(format, args...))
}

// events counts what a stream says has happened. No command is in it twice.
func (x *examined) events(ctx context.Context, s *Service, stream eventstore.StreamID) error {
	commands := map[string]bool{}
	for c, err := range s.Store.Read(ctx, stream, 0) {
		if err != nil {
			return err
		}
		if commands[c.ID] {
			x.fault("%s holds command %s twice", stream, c.ID)
		}
		commands[c.ID] = true
		for i := range c.Events {
			e, err := Events.Decode(&c, i)
			if err != nil {
				return err
			}
			x.event(e)
		}
	}
	return nil
}

func (x *examined) event(e any) {
	switch e := e.(type) {
	case PurchaseMade:
		x.Purchases++
		x.Orders[e.InvoiceID]++
		x.left[e.PurchaseID] += e.Quantity
	case PurchaseReturned:
		x.Returns++
		x.left[e.Returns] -= e.Quantity
	case EmailChanged:
		if e.Email != "" {
			x.Emails++
			x.used[e.Email] = true
		}
	case GuestMerged:
		x.Merges++
	}
}

// state notes what a customer has.
func (x *examined) state(ctx context.Context, customers *aggregate.Repository[Customer, CustomerEvent], stream eventstore.StreamID) error {
	loaded, err := customers.Load(ctx, stream.ID())
	if err != nil {
		return err
	}
	c := loaded.State
	x.InStates += c.PurchaseCount
	if c.Email != "" {
		if other, taken := x.held[c.Email]; taken {
			x.fault("%s is the address of %s and of %s", c.Email, other, stream)
		}
		x.held[c.Email] = stream.String()
	}
	for id, left := range c.Left {
		x.owner[id] = append(x.owner[id], fmt.Sprintf("%s %d", stream, left))
	}
	return nil
}

func (x *examined) view(ctx context.Context, s *Service, stream eventstore.StreamID) error {
	row, err := History.Get(ctx, s.Views, projection.KeyOfStream(stream))
	if errors.Is(err, projection.ErrNotFound) {
		return nil
	}
	x.InView += row.PurchaseCount
	return err
}

// returns says that what is left of each purchase is one customer's.
func (x *examined) returns() {
	for id, left := range x.left {
		switch owners := x.owner[id]; {
		case left < 0:
			x.fault("more of %s was returned than bought", id)
		case left == 0 && len(owners) > 0, left > 0 && len(owners) != 1, left > 0 && !strings.HasSuffix(owners[0], fmt.Sprint(" ", left)):
			x.fault("of %s are left %d units, but %q have it", id, left, owners)
		}
	}
}

// claims says that the store knows who has each address.
func (x *examined) claims(ctx context.Context, s *Service) error {
	for address := range x.used {
		holder, err := s.Store.Claimed(ctx, eventstore.Claim{Scope: "email", Key: address})
		if err != nil {
			return err
		}
		name := ""
		if holder.Version > 0 {
			name = holder.Stream.String()
			x.Claims++
		}
		if name != x.held[address] {
			x.fault("%s is claimed by %q, and is the address of %q", address, name, x.held[address])
		}
	}
	return nil
}
