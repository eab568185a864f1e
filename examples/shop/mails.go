package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

// bigPurchase is the amount from which on the shop thanks by mail.
var bigPurchase = money.MustParse("500")

// mailbox writes each mail to a file of its own, named by the event that it is about. So
// a mail that is sent again is known again: here by the file, elsewhere by the ID that
// goes with the mail.
type mailbox struct {
	dir     string
	logger  *slog.Logger
	written atomic.Int64 // mails, by this process
}

const mailsReaction = "mails"

// reaction writes a mail for each big purchase.
func (m *mailbox) reaction() *projection.Reaction {
	return projection.MustNewReaction(mailsReaction, Events, projection.Follow(customerCategory), projection.React(m.thank))
}

func (m *mailbox) thank(ctx context.Context, e projection.Event[PurchaseMade]) error {
	if e.Data.Amount.Cmp(bigPurchase) < 0 {
		return nil
	}
	text := fmt.Sprintf("ID: %s\nTo: %s\nDate: %s\n\nThank you for %d of %q, at %s.\n",
		e.ID(), e.Stream.ID(), e.Data.Date.Format(time.RFC3339), e.Data.Quantity, e.Data.Description, e.Data.Amount)
	err := writeOnce(filepath.Join(m.dir, fileName(e.ID())), text)
	if errors.Is(err, fs.ErrExist) {
		m.logger.InfoContext(ctx, "the mail has been written before", "event", e.ID().String())
		return nil
	}
	if err != nil {
		return projection.Transient(err) // a full disk, a directory that is gone
	}
	m.written.Add(1)
	return nil
}

// longestName is what file systems allow, 255 bytes, less the extension.
const longestName = 250

// fileName is that of an event's mail: another one for each event, always the same.
func fileName(id eventstore.EventID) string {
	name := url.PathEscape(id.String())
	if len(name) > longestName {
		sum := sha256.Sum256([]byte(id.String()))
		name = hex.EncodeToString(sum[:])
	}
	return name + ".txt"
}

// writeOnce writes a file whole or not at all. One that is there is an fs.ErrExist.
func writeOnce(name, text string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".mail-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), name)
}

// mailOptions say where mails go and from when on they are written.
type mailOptions struct{ dir, from string }

func (o *mailOptions) flags(c *cobra.Command, dir, more string) {
	c.Flags().StringVar(&o.dir, dir, "", "write a mail for each purchase of "+bigPurchase.String()+" or more, a file each, into this directory"+more)
	c.Flags().StringVar(&o.from, "mails-from", "", "where the first mails begin: 'beginning', or a time as in 2026-01-31T00:00:00Z.\n"+
		"Without it, with what is purchased from now on; in a new store, with everything")
}

// open makes the directory, and names the start of the reaction where one is asked for.
func (o mailOptions) open(ctx context.Context, s *Service, logger *slog.Logger) (*mailbox, error) {
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		return nil, err
	}
	m := &mailbox{dir: o.dir, logger: logger}
	if o.from == "" {
		return m, nil
	}
	return m, startFrom(ctx, s, m.reaction(), "--mails-from", o.from)
}

// startFrom names the start of a reaction, as a flag gives it.
func startFrom(ctx context.Context, s *Service, reaction *projection.Reaction, flag, from string) error {
	var start time.Time
	switch from {
	case "beginning":
	case "now":
		start = time.Now()
	default:
		var err error
		if start, err = time.Parse(time.RFC3339, from); err != nil {
			return &terminal.Error{Class: terminal.ErrUsage, Text: fmt.Sprintf("%s %q is neither 'beginning' nor 'now' nor a time", flag, from), Fix: "write it as in 2026-01-31T00:00:00Z"}
		}
	}
	err := reaction.Start(ctx, s.Views, start)
	if errors.Is(err, projection.ErrChanged) {
		return &terminal.Error{Class: terminal.ErrUsage, Text: err.Error(), Fix: "leave out " + flag + ": what was due has been done"}
	}
	return err
}

func (a *app) mailsCommand() *cobra.Command {
	var opts mailOptions
	c := &cobra.Command{
		Use:   "mails",
		Short: "Write the mails that are due, then exit; shop worker --mails does so while it runs",
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.mails(cmd.Context(), opts) },
	}
	opts.flags(c, "dir", "")
	return c
}

func (a *app) mails(ctx context.Context, opts mailOptions) (err error) {
	if opts.dir == "" {
		return &terminal.Error{Class: terminal.ErrUsage, Text: "shop mails: --dir is missing", Fix: "name the directory of the mails: " + a.command("mails", "--dir", "mails")}
	}
	s, err := a.create(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	logger := a.logger(mailsReaction)
	box, err := opts.open(ctx, s, logger)
	if err != nil {
		return err
	}
	before, err := s.Views.State(ctx, mailsReaction)
	if err != nil {
		return err
	}
	report, err := a.sweep(ctx, s, logger, box.reaction())
	if err != nil {
		return err
	}
	if err := a.printMails(opts.dir, int(box.written.Load()), report); err != nil {
		return err
	}
	if before.Revision == 0 {
		if err := a.hintStart(ctx, s); err != nil {
			return err
		}
	}
	return a.hintParked(ctx, s)
}

// hintStart says what the first mails have fixed, unless that is the beginning.
func (a *app) hintStart(ctx context.Context, s *Service) error {
	state, err := s.Views.State(ctx, mailsReaction)
	if err != nil || len(state.Generations) == 0 || state.Generations[0].Start.IsZero() {
		return err
	}
	_, err = fmt.Fprintln(a.stderr(), "hint: the start of the mails is fixed once, and is now; earlier purchases get no mail")
	return err
}

// mailsAnswer is what a sweep did, and how many mails came of it.
type mailsAnswer struct {
	Mails int `json:"mails"`
	projectAnswer
}

func (a *app) printMails(dir string, written int, r projection.SweepReport) error {
	if a.out.JSON {
		return printJSON(a.stdout(), mailsAnswer{written, projectAnswer{Streams: r.Streams, Behind: r.Behind, Events: r.Events, Seconds: r.Took.Seconds()}})
	}
	_, err := fmt.Fprintf(a.stdout(), "wrote %s to %s; %s behind; looked at %s\n", terminal.Counted(written, "mail"), dir,
		terminal.Counted(r.Behind, "stream was", "streams were"), terminal.Counted(r.Events, "event"))
	return err
}
