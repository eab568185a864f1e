package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator/terminal"
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

func (a *app) mergeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "merge GUEST USER",
		Short: "Give a user what a guest bought, in one step",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *Service) error {
				commits, err := s.Merge(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				return a.printWritten(commits, fmt.Sprintf("%s was merged into %s before", args[0], args[1]))
			})
		},
	}
}

func (a *app) emailCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "email USER ADDRESS",
		Short: "Set a customer's e-mail address, which no other may have",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *Service) error {
				commit, err := s.Customers.Execute(cmd.Context(), args[0], SetEmail(args[1]))
				if err != nil {
					return err
				}
				var commits []eventstore.Commit
				if len(commit.Events) > 0 {
					commits = append(commits, commit)
				}
				return a.printWritten(commits, fmt.Sprintf("%s had this address before", args[0]))
			})
		},
	}
}

// writtenAnswer is where a command wrote.
type writtenAnswer struct {
	Events []string `json:"events"`
}

// printWritten says where a command wrote, or why it wrote nothing.
func (a *app) printWritten(commits []eventstore.Commit, nothing string) error {
	answer := writtenAnswer{Events: []string{}}
	for _, c := range commits {
		answer.Events = append(answer.Events, c.EventID(len(c.Events)-1).String())
	}
	if a.out.JSON {
		return printJSON(a.stdout(), answer)
	}
	if len(commits) == 0 {
		_, err := fmt.Fprintln(a.stdout(), nothing)
		return err
	}
	for i, c := range commits {
		if _, err := fmt.Fprintf(a.stdout(), "wrote %s up to %s\n", terminal.Counted(len(c.Events), "event"), answer.Events[i]); err != nil {
			return err
		}
	}
	return nil
}
