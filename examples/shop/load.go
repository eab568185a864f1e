package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/examples/shop/retail"
	"github.com/leftfold/leftfold/operator/terminal"
)

func (a *app) loadCommand() *cobra.Command {
	var rejects string
	c := &cobra.Command{
		Use:   "load FILE",
		Short: "Load the online-retail CSV, plain or gzipped; loading it again changes nothing",
		RunE:  func(cmd *cobra.Command, args []string) error { return a.load(cmd.Context(), args[0], rejects) },
	}
	c.Flags().StringVar(&rejects, "rejects", "", "write the rows that were not loaded to this file, as CSV")
	return c
}

func (a *app) load(ctx context.Context, path, rejects string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return terminal.WithHint(err, "give the path of a CSV that this user may read")
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("shop load: %s is a directory, not a CSV", path),
			Fix: "give the path of one CSV file, plain or gzipped"}
	}
	// What can be refused is, before there is a store.
	sales, err := retail.Open(file)
	if err != nil {
		return fmt.Errorf("load %s: %w", path, err)
	}
	out, err := a.openRejects(rejects, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	s, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := empty(out); err != nil {
		return err
	}

	l := newLoader(s, out, a.out.Progress())
	err = l.run(ctx, sales)
	l.progress.End()
	if err != nil {
		fmt.Fprintf(a.stderr(), "stopped: %s known to be in the store\n",
			terminal.Counted(l.report.Events+l.report.Known, "event of "+path+" is", "events of "+path+" are"))
		err = fmt.Errorf("load %s: %w", path, err)
		if a.hintFor(err) == "" {
			return terminal.WithHint(err, "load it again when the cause is gone; nothing is stored twice")
		}
		return err
	}
	return a.printLoad(l.report)
}

// openRejects opens the file for the rejects, and leaves what is in it. It refuses to
// write over what the command reads.
func (a *app) openRejects(path, input string) (*os.File, error) {
	if path == "" {
		path = os.DevNull
	}
	for _, precious := range []string{input, strings.TrimPrefix(a.store, "sqlite:")} {
		if sameFile(path, precious) {
			return nil, usageErrorf("--rejects %s: that would write over %s", path, precious)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, &terminal.Error{Text: fmt.Sprintf("--rejects: %v", err), Fix: "name a file that can be written"}
	}
	return f, nil
}

// empty drops what is in a file; devices and pipes keep nothing.
func empty(f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return f.Truncate(0)
}

// sameFile also holds for two names of a file that does not exist yet.
func sameFile(one, other string) bool {
	absolute, err := filepath.Abs(one)
	if err != nil {
		return false
	}
	if another, err := filepath.Abs(other); err == nil && another == absolute {
		return true
	}
	x, err := os.Stat(one)
	if err != nil {
		return false
	}
	y, err := os.Stat(other)
	return err == nil && os.SameFile(x, y)
}

// loadReport is what a load did.
type loadReport struct {
	Parts    int            `json:"parts"`
	Events   int            `json:"events"`
	Known    int            `json:"known"`
	Rejected int            `json:"rejected"`
	Reasons  map[string]int `json:"reasons"`
	Seconds  float64        `json:"seconds"`
}

func (a *app) printLoad(r loadReport) error {
	if a.out.JSON {
		return printJSON(a.stdout(), r)
	}
	took := time.Duration(r.Seconds * float64(time.Second))
	parts := terminal.Counted(r.Parts, "part")
	if r.Parts > 1 {
		parts += ", each a commit"
	}
	fmt.Fprintf(a.stdout(), "loaded %s in %s, %s; %s there already; %s rejected\n", terminal.Counted(r.Events, "event"), parts,
		terminal.PerSecond(r.Events, took), terminal.Counted(r.Known, "event"), terminal.Counted(r.Rejected, "row"))
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		fmt.Fprintf(a.stdout(), "  %6s  %s\n", terminal.Thousands(r.Reasons[reason]), reason)
	}
	a.out.Next(a.command("project"))
	return nil
}
