package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// historyAnswer is a customer's history with a page of purchases, newest first.
type historyAnswer struct {
	PurchaseHistory
	Purchases []PurchaseEntry `json:"purchases"`
	// Next is the cursor of the next page, empty on the last one.
	Next string `json:"next"`
}

func (a *app) historyCommand() *cobra.Command {
	var opts projection.PageOptions
	c := &cobra.Command{
		Use:   "history USER",
		Short: "Show what a customer bought, newest first",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Backward = true
			return a.with(cmd.Context(), func(s *Service) error {
				answer, err := history(cmd.Context(), s, args[0], opts)
				if err != nil {
					return err
				}
				return a.printHistory(answer)
			})
		},
	}
	c.Flags().IntVar(&opts.Limit, "limit", 20, "purchases on a page")
	c.Flags().StringVar(&opts.After, "after", "", "the cursor of the page before")
	return c
}

func history(ctx context.Context, s *Service, user string, opts projection.PageOptions) (historyAnswer, error) {
	summary, err := History.Get(ctx, s.Views, projection.KeyOf(user))
	if err != nil {
		return historyAnswer{}, err
	}
	page, err := Purchases.Page(ctx, s.Views, user, opts)
	if err != nil {
		return historyAnswer{}, err
	}
	answer := historyAnswer{PurchaseHistory: summary, Purchases: page.Rows, Next: page.Next}
	if answer.Purchases == nil {
		answer.Purchases = []PurchaseEntry{}
	}
	return answer, nil
}

func (a *app) printHistory(h historyAnswer) error {
	if a.json {
		return printJSON(a.stdout, h)
	}
	fmt.Fprintf(a.stdout, "customer %s: spent %s in %s purchases, returned %s in %s returns\n\n", h.UserID,
		h.TotalSpent, thousands(h.PurchaseCount), h.TotalReturned, thousands(h.ReturnCount))
	rows := [][]string{{"DATE", "PURCHASE", "PRODUCT", "QUANTITY", "AMOUNT", "RETURNED"}}
	for _, p := range h.Purchases {
		rows = append(rows, []string{p.Date.Format("2006-01-02 15:04"), p.PurchaseID, p.ProductID,
			thousands(p.Quantity), p.Amount.String(), thousands(p.Returned)})
	}
	if err := table(a.stdout, rows); err != nil {
		return err
	}
	if h.Next != "" {
		fmt.Fprintf(a.stderr, "next: shop history %s --after %s\n", h.UserID, h.Next)
	}
	return nil
}

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stats PRODUCT",
		Short: "Show how a product sells",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *Service) error {
				stats, err := Stats.Get(cmd.Context(), s.Views, projection.KeyOf(args[0]))
				if err != nil {
					return err
				}
				return a.printProducts([]ProductStats{stats}, true)
			})
		},
	}
}

func (a *app) topCommand() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "top",
		Short: "Show the best sellers",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return usageErrorf("--limit %d: at least 1", limit)
			}
			return a.with(cmd.Context(), func(s *Service) error {
				best, err := bestSellers(cmd.Context(), s, limit)
				if err != nil {
					return err
				}
				return a.printProducts(best, false)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 10, "how many")
	return c
}

// bestSellers reads the whole view, which has a row a product: a shop with millions
// of them would keep a ranking as a view of its own.
func bestSellers(ctx context.Context, s *Service, limit int) ([]ProductStats, error) {
	var all []ProductStats
	for stats, err := range Stats.All(ctx, s.Views) {
		if err != nil {
			return nil, err
		}
		all = append(all, stats)
	}
	slices.SortFunc(all, func(x, y ProductStats) int {
		return cmp.Or(y.TotalSales.Cmp(x.TotalSales), cmp.Compare(x.ProductID, y.ProductID))
	})
	return all[:min(limit, len(all))], nil
}

func (a *app) printProducts(products []ProductStats, single bool) error {
	rows := [][]string{{"PRODUCT", "SALES", "PURCHASES", "UNITS", "RETURNED", "RETURNS", "UNITS BACK", "LAST"}}
	for _, p := range products {
		if a.json {
			if err := printJSON(a.stdout, p); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{p.ProductID, p.TotalSales.String(), thousands(p.PurchaseCount), thousands(p.UnitsSold),
			p.TotalReturned.String(), thousands(p.ReturnCount), thousands(p.UnitsReturned), p.LastUpdated.Format(time.RFC3339)})
	}
	if a.json {
		return nil
	}
	if !single && len(products) == 0 {
		fmt.Fprintln(a.stderr, "no product has been sold yet")
		return nil
	}
	return table(a.stdout, rows)
}

func (a *app) stateCommand() *cobra.Command {
	var version uint64
	var at string
	c := &cobra.Command{
		Use:   "state USER",
		Short: "Show a customer's state, now or in the past",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("version") && (at != "" || version == 0) {
				return usageErrorf("shop state: --version counts from 1 and excludes --at")
			}
			moment, err := parseMoment(at)
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(s *Service) error {
				loaded, err := loadState(cmd.Context(), s, args[0], eventstore.Version(version), moment)
				if err != nil {
					return err
				}
				return a.printState(loaded)
			})
		},
	}
	c.Flags().Uint64Var(&version, "version", 0, "right after this event")
	c.Flags().StringVar(&at, "at", "", "at this time, as 2011-01-31 or 2011-01-31T12:00:00Z")
	return c
}

func parseMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageErrorf("--at %q: give a time as 2011-01-31 or 2011-01-31T12:00:00Z", text)
}

func loadState(ctx context.Context, s *Service, user string, version eventstore.Version, at time.Time) (aggregate.Loaded[Customer], error) {
	switch {
	case version > 0:
		return s.Customers.LoadVersion(ctx, user, version)
	case !at.IsZero():
		return s.Customers.LoadAt(ctx, user, at)
	}
	return s.Customers.Load(ctx, user)
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
		{"spent", fmt.Sprintf("%s in %s purchases", c.TotalSpent, thousands(c.PurchaseCount))},
		{"returned", fmt.Sprintf("%s in %s returns", c.TotalReturned, thousands(c.ReturnCount))},
	})
}

func (a *app) dumpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dump product-stats|purchase-history|purchases",
		Short: "Print every row of a view, one JSON object a line, sorted by key",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *Service) error { return a.dump(cmd.Context(), s, args[0]) })
		},
	}
}

func (a *app) dump(ctx context.Context, s *Service, view string) error {
	switch view {
	case Stats.Name():
		return printAll(a, Stats.All(ctx, s.Views))
	case History.Name():
		return printAll(a, History.All(ctx, s.Views))
	case Purchases.Name():
		return printAll(a, Purchases.All(ctx, s.Views))
	}
	return usageErrorf("there is no view %q; there are %s, %s and %s", view, Stats.Name(), History.Name(), Purchases.Name())
}

func printAll[R any](a *app, rows iter.Seq2[R, error]) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := printJSON(a.stdout, row); err != nil {
			return err
		}
	}
	return nil
}
