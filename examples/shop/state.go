package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

func (a *app) stateCommand() *cobra.Command {
	var version uint64
	var at string
	c := &cobra.Command{
		Use:   "state USER",
		Short: "Show a customer's state, now or in the past",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("version") && (at != "" || version == 0) {
				return wrongUse(cmd, "shop state: --version counts from 1, and goes without --at")
			}
			moment, err := parseMoment(at)
			if err != nil {
				return wrongUse(cmd, "shop state: --at: %v", err)
			}
			return a.with(cmd.Context(), func(s *Service) error {
				loaded, err := a.loadState(cmd.Context(), s, args[0], eventstore.Version(version), moment)
				if err != nil {
					return err
				}
				return a.printState(loaded)
			})
		},
	}
	c.Flags().Uint64Var(&version, "version", 0, "right after this event")
	c.Flags().StringVar(&at, "at", "", "at this time, in UTC if it names no zone; 2011-01-31 is 00:00, when that day starts")
	return c
}

// moments are the forms of a time: how it is parsed, and an example.
var moments = []struct{ layout, example string }{
	{time.DateOnly, "2011-01-31 (00:00 UTC)"},
	{"2006-01-02 15:04", `"2011-01-31 12:00"`},
	{time.DateTime, `"2011-01-31 12:00:00"`},
	{time.RFC3339, "2011-01-31T12:00:00Z"},
	{time.RFC3339, "2011-01-31T12:00:00+01:00"},
}

func parseMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	var examples []string
	for _, m := range moments {
		if t, err := time.Parse(m.layout, text); err == nil {
			return t, nil
		}
		examples = append(examples, m.example)
	}
	return time.Time{}, fmt.Errorf("%q is no time such as %s", text, strings.Join(examples, ", "))
}

func (a *app) loadState(ctx context.Context, s *Service, user string, version eventstore.Version, at time.Time) (loaded aggregate.Loaded[Customer], err error) {
	switch {
	case version > 0:
		loaded, err = s.Customers.LoadVersion(ctx, user, version)
	case !at.IsZero():
		loaded, err = s.Customers.LoadAt(ctx, user, at)
	default:
		loaded, err = s.Customers.Load(ctx, user)
	}
	if errors.Is(err, aggregate.ErrNotFound) {
		return loaded, a.noState(ctx, s, user, version, at)
	}
	return loaded, err
}

// noState says what there is instead of the state that was asked for.
func (a *app) noState(ctx context.Context, s *Service, user string, version eventstore.Version, at time.Time) error {
	now, err := s.Customers.Load(ctx, user)
	switch {
	case errors.Is(err, aggregate.ErrNotFound):
		return notFoundf(a.findCustomer("state", user), "there is no customer %q", user)
	case err != nil:
		return err
	case version > 0:
		return notFoundf("", "customer %s has no event %d, the last one is %d", user, version, now.Version)
	}
	return notFoundf("", "customer %s had no event yet at %s", user, at.Format(time.RFC3339))
}

// findCustomer is the hint for a command on a customer who is not there.
func (a *app) findCustomer(command, user string) string {
	if id, isStream := strings.CutPrefix(user, customerCategory+"-"); isStream && id != "" {
		return fmt.Sprintf("leave out %s-, which is of the stream's name: %s", customerCategory, a.command(command, id))
	}
	return a.command("streams") + " lists the customers, as user-ID"
}

// stateAnswer is a customer's state and where it stands.
type stateAnswer struct {
	Customer
	Version eventstore.Version `json:"version"`
	Time    time.Time          `json:"time"`
}

func (a *app) printState(loaded aggregate.Loaded[Customer]) error {
	if a.json {
		return printJSON(a.stdout, stateAnswer{loaded.State, loaded.Version, loaded.Time})
	}
	c := loaded.State
	return table(a.stdout, [][]string{
		{"customer", c.UserID},
		{"version", strconv.FormatUint(uint64(loaded.Version), 10)},
		{"time", loaded.Time.Format(time.RFC3339)},
		{"spent", fmt.Sprintf("%s in %s", c.TotalSpent, counted(c.PurchaseCount, "purchase"))},
		{"returned", fmt.Sprintf("%s in %s", c.TotalReturned, counted(c.ReturnCount, "return"))},
	})
}
