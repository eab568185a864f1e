package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// Merge is the command that makes a guest a user: what the guest bought is the user's, in
// one step, and can be returned by the user alone. It does nothing where that was done.
func (s *Service) Merge(ctx context.Context, guest, user string, opts ...aggregate.CommandOption) ([]eventstore.Commit, error) {
	if guest == user {
		return nil, fmt.Errorf("%w: merge of %s into %s: that is the same customer", eventstore.ErrInvalid, guest, user)
	}
	return aggregate.Transact(ctx, s.Store, func(tx *aggregate.Tx) error {
		from, err := s.Customers.In(tx, guest)
		if err != nil {
			return err
		}
		to, err := s.Customers.In(tx, user)
		if err != nil {
			return err
		}
		switch g, u := from.State, to.State; {
		case g.MergedInto == user:
			return nil
		case !from.Exists():
			return notFoundf("", "there is no customer %q", guest)
		case g.MergedInto != "":
			return fmt.Errorf("merge of %s, who is %s: %w", guest, g.MergedInto, ErrMerged)
		case u.MergedInto != "":
			return fmt.Errorf("merge into %s, who is %s: %w", user, u.MergedInto, ErrMerged)
		}
		for _, id := range slices.Sorted(maps.Keys(from.State.Left)) {
			from.Append(PurchaseGiven{PurchaseID: id, To: user})
			to.Append(PurchaseTaken{Line: from.State.Sold[id], Left: from.State.Left[id]})
		}
		if from.State.Email != "" {
			from.Append(EmailChanged{Before: from.State.Email})
		}
		g := from.State
		from.Append(GuestMerged{Into: user})
		to.Append(GuestTaken{Guest: guest, TotalSpent: g.TotalSpent, TotalReturned: g.TotalReturned, PurchaseCount: g.PurchaseCount, ReturnCount: g.ReturnCount})
		return nil
	}, opts...)
}
