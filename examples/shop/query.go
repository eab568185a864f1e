package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator/commands"
	"github.com/leftfold/leftfold/operator/terminal"
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
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.Limit < 1 || opts.Limit > projection.MaxPage {
				return commands.Wrong(cmd, "--limit %d: a page has 1 to %s purchases", opts.Limit, terminal.Thousands(projection.MaxPage))
			}
			opts.Backward = true
			return a.with(cmd.Context(), func(s *Service) error {
				answer, err := a.history(cmd.Context(), s, args[0], opts)
				if err != nil {
					return err
				}
				return a.printHistory(answer, opts.Limit)
			})
		},
	}
	c.Flags().IntVar(&opts.Limit, "limit", 20, "purchases on a page")
	c.Flags().StringVar(&opts.After, "after", "", "the cursor of the page before")
	return c
}

func (a *app) history(ctx context.Context, s *Service, user string, opts projection.PageOptions) (historyAnswer, error) {
	answer, err := s.history(ctx, user, opts)
	if errors.Is(err, projection.ErrNotFound) {
		return answer, notFoundf(fmt.Sprintf("%s; %s brings the views up to date", a.findCustomer("history", user), a.command("project")),
			"no purchase or return of a customer %q is known", user)
	}
	return answer, err
}

func (s *Service) history(ctx context.Context, user string, opts projection.PageOptions, more ...projection.ReadOption) (historyAnswer, error) {
	customer, err := eventstore.NewStreamID(customerCategory, user)
	if err != nil {
		return historyAnswer{}, err
	}
	summary, err := History.Get(ctx, s.Views, projection.KeyOfStream(customer), more...)
	if err != nil {
		return historyAnswer{}, err
	}
	page, err := Purchases.Page(ctx, s.Views, user, opts, more...)
	if err != nil {
		return historyAnswer{}, err
	}
	answer := historyAnswer{PurchaseHistory: summary, Purchases: page.Rows, Next: page.Next}
	if answer.Purchases == nil {
		answer.Purchases = []PurchaseEntry{}
	}
	return answer, nil
}

func (a *app) printHistory(h historyAnswer, limit int) error {
	if a.out.JSON {
		return printJSON(a.stdout(), h)
	}
	fmt.Fprintf(a.stdout(), "customer %s: spent %s in %s, returned %s in %s\n\n", h.UserID,
		h.TotalSpent, terminal.Counted(h.PurchaseCount, "purchase"), h.TotalReturned, terminal.Counted(h.ReturnCount, "return"))
	table := a.out.Table(terminal.Column{Name: "DATE"}, terminal.Column{Name: "PURCHASE"}, terminal.Column{Name: "PRODUCT"},
		terminal.Column{Name: "QUANTITY", Right: true}, terminal.Column{Name: "AMOUNT", Right: true}, terminal.Column{Name: "RETURNED", Right: true})
	for _, p := range h.Purchases {
		if err := table.Row(p.Date.Format("2006-01-02 15:04"), p.PurchaseID, p.ProductID, p.Quantity, p.Amount.String(), p.Returned); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if h.Next != "" {
		a.out.Next(a.command("history", h.UserID, "--limit", strconv.Itoa(limit), "--after", h.Next))
	}
	return nil
}

func (a *app) statsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stats PRODUCT",
		Short: "Show how a product sells",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *Service) error {
				stats, err := s.Edition.stats.Get(cmd.Context(), s.Views, projection.KeyOf(args[0]))
				if errors.Is(err, projection.ErrNotFound) {
					return notFoundf(fmt.Sprintf("%s lists products, whose case counts; %s brings the views up to date", a.command("top"), a.command("project")),
						"no sale or return of a product %q is known", args[0])
				}
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
				return commands.Wrong(cmd, "--limit %d: at least 1", limit)
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
	for stats, err := range s.Edition.stats.All(ctx, s.Views) {
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
	table := a.out.Table(terminal.Column{Name: "PRODUCT"}, terminal.Column{Name: "SALES", Right: true}, terminal.Column{Name: "PURCHASES", Right: true},
		terminal.Column{Name: "UNITS", Right: true}, terminal.Column{Name: "RETURNED", Right: true}, terminal.Column{Name: "RETURNS", Right: true},
		terminal.Column{Name: "UNITS BACK", Right: true}, terminal.Column{Name: "LAST"})
	for _, p := range products {
		var err error
		if a.out.JSON {
			err = printJSON(a.stdout(), p)
		} else {
			err = table.Row(p.ProductID, p.TotalSales.String(), p.PurchaseCount, p.UnitsSold, p.TotalReturned.String(), p.ReturnCount, p.UnitsReturned, p.LastUpdated)
		}
		if err != nil {
			return err
		}
	}
	if !single && len(products) == 0 && !a.out.JSON {
		a.out.Say("no product has been sold yet")
	}
	if err := table.Flush(); err != nil || !single || a.out.JSON || len(products[0].Days) == 0 {
		return err
	}
	fmt.Fprintln(a.stdout())
	return a.printDays(products[0].Days)
}

// printDays prints the last days on which a product was sold.
func (a *app) printDays(days []DaySales) error {
	table := a.out.Table(terminal.Column{Name: "DAY"}, terminal.Column{Name: "SALES", Right: true}, terminal.Column{Name: "UNITS", Right: true})
	for _, d := range days {
		if err := table.Row(d.Day, d.Sales.String(), d.Units); err != nil {
			return err
		}
	}
	return table.Flush()
}

func (a *app) dumpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dump VIEW",
		Short: "Print every row of product-stats, purchase-history or purchases, one JSON object a line, sorted by key",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *Service) error { return a.dump(cmd.Context(), s, args[0]) })
		},
	}
}

func (a *app) dump(ctx context.Context, s *Service, view string) error {
	switch view {
	case Stats.Name():
		return printAll(a, s.Edition.stats.All(ctx, s.Views))
	case History.Name():
		return printAll(a, History.All(ctx, s.Views))
	case Purchases.Name():
		return printAll(a, Purchases.All(ctx, s.Views))
	}
	return notFoundf("shop dump --help explains it", "there is no view %q; there are %s, %s and %s", view, Stats.Name(), History.Name(), Purchases.Name())
}

func printAll[R any](a *app, rows iter.Seq2[R, error]) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := printJSON(a.stdout(), row); err != nil {
			return err
		}
	}
	return nil
}
