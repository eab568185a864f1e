package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
	"github.com/leftfold/leftfold/internal/retailtest"
	"github.com/leftfold/leftfold/projection"
)

// mails returns the IDs of the mails in a directory of the shop, each of which must be whole.
func (s *shop) mails(dir string) (ids []string) {
	s.Helper()
	files, err := filepath.Glob(s.path(filepath.Join(dir, "*.txt")))
	require.NoError(s, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(s, err)
		id, _ := strings.CutPrefix(strings.SplitN(string(text), "\n", 2)[0], "ID: ")
		require.True(s, strings.HasSuffix(string(text), ".\n"), string(text))
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// big returns the IDs of the purchases that a mail is written for.
func (s *shop) big() (ids []string) {
	s.Helper()
	for line := range strings.Lines(s.must("dump", "purchases")) {
		var p struct {
			PurchaseID string
			Amount     money.Money
		}
		require.NoError(s, json.Unmarshal([]byte(line), &p))
		if p.Amount.Cmp(money.MustParse("500")) >= 0 {
			ids = append(ids, p.PurchaseID)
		}
	}
	require.NotEmpty(s, ids)
	slices.Sort(ids)
	return ids
}

func TestAWorkerWritesAMailForEachBigPurchaseWhileTheyAreMade(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t).First(t, 600)
	s := newShop(t)
	s.must("mails", "--dir", "mails") // fixes the start: the store is empty
	worker := s.start("worker", "--mails", "mails")
	s.must("load", data.Path)
	s.must("project")
	want := s.big()
	assert.Eventually(t, func() bool { return slices.Equal(want, s.mails("mails")) }, time.Minute, 20*time.Millisecond)
	require.NoError(t, worker.Process.Signal(os.Interrupt))
	a := worker.wait()
	assert.Equal(t, 0, a.code)
	assert.Contains(t, a.stderr, " feeds 2 projections, and the reaction mails, from sqlite:shop.db; interrupt it to stop\n")
	for _, consumer := range []string{"worker", "mails"} {
		assert.Contains(t, a.stderr, `msg="sweep ended" consumer=`+consumer+" ", "whose it is")
	}
	s.must("mails", "--dir", "mails") // what it had not come to has no big purchases
	assert.Equal(t, want, s.mails("mails"))
}

func TestTheFirstMailsInAnOldStoreAreThoseOfNewPurchases(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t).First(t, 300)
	s := newShop(t)
	s.must("load", data.Path)
	s.must("project")
	old := s.big()
	const hint = "hint: the start of the mails is fixed once, and is now; earlier purchases get no mail\n"
	assert.Contains(t, s.run("mails", "--dir", "mails").stderr, hint)
	assert.Empty(t, s.mails("mails"))
	assert.NotContains(t, s.run("mails", "--dir", "mails").stderr, hint, "it is said once")

	user, _, _ := strings.Cut(strings.TrimPrefix(old[0], customerCategory+"-"), "@")
	c := s.append(user, "PURCHASE_MADE", `{"purchaseId":"new","productId":"p","description":"MUG","quantity":1000,"unitPrice":1,"amount":1000,"date":"2026-01-31T10:00:00Z"}`)
	s.must("mails", "--dir", "mails")
	assert.Equal(t, []string{c.EventID(0).String()}, s.mails("mails"))

	again := s.run("mails", "--dir", "mails", "--mails-from", "beginning")
	assert.Equal(t, 2, again.code)
	assert.Contains(t, again.stderr, `reaction "mails": changed meanwhile: it has started already, from 20`)
	assert.Equal(t, 2, s.run("mails").code)
	assert.Equal(t, 2, s.run("worker", "--mails-from", "beginning").code)
}

func TestMailsOfAnOldStoreCanBeAskedFor(t *testing.T) {
	t.Parallel()
	data := retailtest.Open(t).First(t, 300)
	s := newShop(t)
	s.must("load", data.Path)
	s.must("project")
	assert.Equal(t, 2, s.run("mails", "--dir", "mails", "--mails-from", "yesterday").code)
	n := len(s.big())
	a := s.run("mails", "--dir", "mails", "--mails-from", "beginning")
	assert.Contains(t, a.stdout, fmt.Sprintf("wrote %d mails to mails; ", n))
	assert.NotContains(t, a.stderr, "hint: ", "nothing is left out")
	assert.Equal(t, s.big(), s.mails("mails"))
	assert.Contains(t, s.must("mails", "--dir", "mails", "--json"), `{"mails":0,"streams":`)
}

// Workers are killed again and again while purchases are made.
func TestNoMailIsLostOrWrittenTwiceWhenWorkersAreKilled(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	trials, killed := 2, 0
	if soak() {
		trials = 20
	}
	want := k.undisturbed.big()
	for range trials {
		s := newShop(t)
		s.must("mails", "--dir", "mails")
		load := s.start("load", k.data.Path)
		loaded := make(chan answer, 1)
		go func() { loaded <- load.wait() }()
		for round := range 8 {
			worker := s.start("worker", "--mails", "mails")
			atLeast := k.random.IntN(len(want)) * round / 8
			require.Eventually(t, func() bool { return len(s.mails("mails")) >= atLeast || len(loaded) == 1 }, time.Minute, 5*time.Millisecond)
			require.NoError(t, worker.Process.Kill())
			if worker.wait().code == -1 {
				killed++
			}
		}
		require.Equal(t, 0, (<-loaded).code)
		s.must("mails", "--dir", "mails")
		assert.Equal(t, want, s.mails("mails"))
		// What was thanked for is behind the checkpoints: nothing is done again.
		assert.Equal(t, "wrote 0 mails to mails; 0 streams were behind; looked at 0 events\n", s.must("mails", "--dir", "mails"))
	}
	t.Logf("killed %d workers; %d mails", killed, len(want))
	require.Greater(t, killed, 4*trials)
}

// The longest ID of a customer, of characters that a file name has to spell out.
func TestAMailHasANameThatAFileCanHaveHoweverLongTheCustomersIDIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := &mailbox{dir: dir, logger: slog.New(slog.DiscardHandler)}
	stream, err := eventstore.NewStreamID(customerCategory, strings.Repeat("ä", eventstore.MaxIDBytes/2))
	require.NoError(t, err)
	for range 2 {
		for version := eventstore.Version(1); version <= 2; version++ {
			require.NoError(t, box.thank(t.Context(), projection.Event[PurchaseMade]{Stream: stream, Version: version,
				Data: PurchaseMade{Line{Amount: bigPurchase}}}))
		}
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 2)
}
