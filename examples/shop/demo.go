package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "demo",
		DisableFlagsInUseLine: true,
		Short:                 "A day of trade on a temporary store, with a crash in the middle (also without any command)",
		RunE:                  func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

// demo lets a child process trade, kills it, lets another one finish the day, and
// proves that nothing was lost or doubled.
func (a *app) demo(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "leftfold-shop-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	a.store = "sqlite:" + filepath.Join(dir, "shop.db")

	orders := simulateDay()
	fmt.Fprintf(a.stdout(), "A day of trade: %s orders of %d customers, on %s\n", terminal.Thousands(len(orders)), countUsers(orders), a.store)
	acknowledged, err := a.tradeUntilKilled(ctx, orders)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout(), "Another process opens the store and sends the whole day again, since no till knows how far it got.")
	if _, err := a.runTrade(ctx, len(orders), len(orders)); err != nil {
		return err
	}
	return a.with(ctx, func(s *Service) error {
		if err := a.prove(ctx, s, orders, acknowledged); err != nil {
			return err
		}
		return a.showDay(ctx, s, orders)
	})
}

func countUsers(orders []order) int {
	users := map[string]bool{}
	for _, o := range orders {
		users[o.User] = true
	}
	return len(users)
}

// tradeUntilKilled kills the trading process somewhere in the middle.
func (a *app) tradeUntilKilled(ctx context.Context, orders []order) ([]string, error) {
	killAt := len(orders)*3/10 + rand.IntN(len(orders)*4/10)
	acknowledged, err := a.runTrade(ctx, len(orders), killAt)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(a.stdout(), "SIGKILL at %s, after %s acknowledged orders.\n",
		orders[min(killAt, len(orders)-1)].At.Format("15:04"), terminal.Thousands(len(acknowledged)))
	return acknowledged, nil
}

// runTrade runs this program as a child that trades, and kills it when so many
// orders are acknowledged; all of them means that it may end by itself.
func (a *app) runTrade(ctx context.Context, total, killAt int) ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var talk bytes.Buffer
	child := exec.CommandContext(ctx, program, "trade", "--store", a.store)
	child.Stderr = &talk
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(); err != nil {
		return nil, err
	}
	p := a.out.Progress()
	began := time.Now()
	var acknowledged []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acknowledged = append(acknowledged, lines.Text())
		p.Show("trading: %s of %s orders, %s", terminal.Thousands(len(acknowledged)), terminal.Thousands(total), terminal.PerSecond(len(acknowledged), time.Since(began)))
		if killAt < total && len(acknowledged) == killAt {
			if err := child.Process.Kill(); err != nil {
				return nil, errors.Join(err, child.Wait())
			}
		}
	}
	p.End()
	err = child.Wait()
	if killAt < total {
		if len(acknowledged) < killAt || err == nil {
			return nil, fmt.Errorf("trading ended before it was killed: %v\n%s", child.ProcessState, talk.String())
		}
		return acknowledged, nil
	}
	if err != nil {
		return nil, fmt.Errorf("trading: %w\n%s", err, talk.String())
	}
	return acknowledged, nil
}

// prove compares the store with the orders, and the views with a plain fold.
func (a *app) prove(ctx context.Context, s *Service, orders []order, acknowledged []string) error {
	stored := map[string]int{}
	var log []eventstore.Commit
	for scanned, err := range s.Store.ReadAll(ctx, eventstore.Cursor{}) {
		if err != nil {
			return err
		}
		stored[scanned.Commit.ID]++
		log = append(log, scanned.Commit)
	}
	for _, id := range acknowledged {
		if stored[id] == 0 {
			return fmt.Errorf("%s was acknowledged and is lost", id)
		}
	}
	events := 0
	for _, o := range orders {
		if stored[o.ID] != 1 {
			return fmt.Errorf("%s is stored %d times", o.ID, stored[o.ID])
		}
		events += o.events()
	}
	o, err := operator.New(s.operated())
	if err != nil {
		return err
	}
	report, err := o.Verify(ctx, operator.VerifyOptions{})
	if err != nil {
		return err
	}
	if report.Events != events || len(report.Faults) > 0 {
		return fmt.Errorf("the store has %d events instead of %d, faults: %v", report.Events, events, report.Faults)
	}
	rows, err := compareViews(ctx, s, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout(), "  ✔ every acknowledged order is there, %s of %s\n", terminal.Thousands(len(acknowledged)), terminal.Thousands(len(acknowledged)))
	fmt.Fprintf(a.stdout(), "  ✔ every order took effect once: %s events, no gap, none doubled\n", terminal.Thousands(events))
	fmt.Fprintf(a.stdout(), "  ✔ the views equal a plain fold of the events: %s rows\n\n", terminal.Thousands(rows))
	return nil
}

// compareViews compares every row with what a plain fold of the log makes of it.
func compareViews(ctx context.Context, s *Service, log []eventstore.Commit) (rows int, err error) {
	commits := iter.Seq2[eventstore.Commit, error](func(yield func(eventstore.Commit, error) bool) {
		for _, c := range log {
			if !yield(c, nil) {
				return
			}
		}
	})
	for _, p := range s.Edition.projections {
		expected, err := projection.Replay(p, commits)
		if err != nil {
			return 0, err
		}
		var actual []projection.Row
		for _, view := range p.Views() {
			for row, err := range s.Views.ScanRows(ctx, projection.GenerationID{Projection: p.Name(), Number: 1}, view) {
				if err != nil {
					return 0, err
				}
				actual = append(actual, row)
			}
		}
		if len(actual) != len(expected) {
			return 0, fmt.Errorf("projection %s has %d rows instead of %d", p.Name(), len(actual), len(expected))
		}
		for i := range expected {
			if actual[i].ID != expected[i].ID || !bytes.Equal(actual[i].Content, expected[i].Content) {
				return 0, fmt.Errorf("row %v is %s, a plain fold says %s", actual[i].ID, actual[i].Content, expected[i].Content)
			}
		}
		rows += len(actual)
	}
	return rows, nil
}

// showDay shows the views, and a customer now and in the past.
func (a *app) showDay(ctx context.Context, s *Service, orders []order) error {
	best, err := bestSellers(ctx, s, 5)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout(), "Best sellers")
	if err := a.printProducts(best, false); err != nil {
		return err
	}
	user := orders[0].User
	answer, err := a.history(ctx, s, user, projection.PageOptions{Limit: 5, Backward: true})
	if err != nil {
		return err
	}
	answer.Next = ""
	fmt.Fprintln(a.stdout())
	if err := a.printHistory(answer, 5); err != nil {
		return err
	}
	noon := opening.Add(3 * time.Hour)
	then, err := s.Customers.LoadAt(ctx, user, noon)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout(), "\nThe same customer at noon, folded from the events up to then: version %d, spent %s, returned %s\n\n",
		then.Version, then.State.TotalSpent, then.State.TotalReturned)
	fmt.Fprint(a.stdout(), strings.ReplaceAll(tryNext, goRun, programName()))
	return nil
}

// goRun is how the program is run where it is not installed.
const goRun = "go run ./examples/shop"

const tryNext = `Try next, in the folder of the clone, on a store of your own, shop.db:
  ` + goRun + ` load examples/shop/sample.csv
  ` + goRun + ` project
  ` + goRun + ` top
  ` + goRun + ` history 20001
  ` + goRun + ` state user-20001 --at 2026-03-04
`

// programName is what is typed to run this program: its name, where a shell finds it by that.
func programName() string {
	const name = "shop"
	found, err := exec.LookPath(name)
	if err != nil {
		return goRun
	}
	self, err := os.Executable()
	if err != nil {
		return goRun
	}
	a, errFound := os.Stat(found)
	b, errSelf := os.Stat(self)
	if errFound != nil || errSelf != nil || !os.SameFile(a, b) {
		return goRun
	}
	return name
}
