package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const csvHeader = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// Four rows of trade and one that is none; invoice 3 is a return.
const csvRows = csvHeader +
	"1,MUG,STONEWARE MUG,6,2010-12-01 08:26:00,2.55,17850.0,France\n" +
	"1,TEA,EARL GREY,2,2010-12-01 08:26:00,6.95,17850.0,France\n" +
	"2,MUG,STONEWARE MUG,1,2010-12-02 09:00:00,2.55,,France\n" +
	"C3,MUG,STONEWARE MUG,-1,2010-12-03 09:00:00,2.55,17850.0,France\n" +
	"4,MUG,,-20,2010-12-04 09:00:00,0,,France\n"

func zipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(tb, errors.Join(err, z.Close()))
	return b.String()
}

// The tests of this file are what a new user does wrong, and what the shop answers.

func TestWrongUseIsAnsweredWithHowToDoIt(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	for _, line := range []string{
		"lod", "histroy 17850", "frobnicate", "help frobnicate", "load", "load a.csv b.csv", "demo now", "dump",
		"history 17850 --limit", "history 17850 --limit ten", "history 17850 --limit 0", "history 17850 --limit 1001", "top --limit 0",
		"streams --limit -1", "streams --after 17850", "events 17850", "events user-1 --color blue", "state user-17850 --version -1", "state user-17850 --version 0",
		"state user-17850 --version 1 --at 2011-01-01", "state user-17850 --at yesterday", "parked lst", "parked show purchases", "status --max-oldest soon", "status --max-oldest 5s",
		"top --store dynamodb:shop", "top --store shop.db", "top --store sqlite:",
	} {
		s.types(line)
	}
	s.compare("usage")
}

// No flag is passed over in silence: a command takes it, or says what it takes.
func TestAFlagThatACommandDoesNotTakeIsRefused(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	for _, line := range []string{
		"--json", "--store sqlite:shop.db", "--store sqlite:shop.db --json", "demo --json", "demo --store sqlite:shop.db", "--json demo", "help --json", "help top --store sqlite:shop.db",
		"trade --json", "worker --json", "load --rejectz x", "top --jsn", "--jsn", "-x", "top -x",
	} {
		s.types(line)
	}
	assert.NoFileExists(t, s.path("shop.db"))
	s.note("flags that a command takes may stand before its name")
	for _, line := range []string{"--store sqlite:other.db load sales.csv", "--json streams --store sqlite:other.db"} {
		s.types(line)
	}
	s.compare("flags")
}

func TestHelpNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	for _, line := range []string{"help", "help load", "history --help", "state --help", "dump --help", "worker --help", "receive --help", "demo --help"} {
		s.types(line)
	}
	s.compare("help")
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	s.types("top")
	s.types("load sales.csv")
	s.note("the views are not built yet")
	for _, line := range []string{"top", "stats MUG", "history 17850", "dump product-stats", "parked", "project"} {
		s.types(line)
	}
	for _, line := range []string{
		"stats mug", "history 1", "history user-17850", "history user-", "history 17850 --after 42", "dump best-sellers", "state user-1", "state 17850", "state product-MUG", "state user-17850 --version 4",
		"state user-17850 --at 2010-12-01T08:25:59Z", "events user-1", "events product-MUG", "streams --after user-zzz",
	} {
		s.types(line)
	}
	s.compare("not-there")
}

func TestAFileThatIsNotTheRetailCSVIsRefusedWhole(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("contacts.csv", "name,phone\nAnn,1\n")
	s.put("empty.csv", "")
	s.put("sheet.xlsx", "PK\x03\x04\x14\x00")
	s.put("photo.jpg", "\xff\xd8\xff\xe0\x00\x10JFIF")
	s.put("cut.csv.gz", zipped(s, csvRows)[:60])
	s.put("damaged.csv.gz", "\x1f\x8b\x08\x00garbage")
	s.put("semicolon.csv", strings.ReplaceAll(csvRows, ",", ";"))
	for _, file := range []string{"sales.csv", "contacts.csv", "empty.csv", "sheet.xlsx", "photo.jpg", "cut.csv.gz", "damaged.csv.gz", "semicolon.csv", "."} {
		s.types("load " + file)
	}
	s.note("no store was made")
	s.types("streams")
	assert.NoFileExists(t, s.path("shop.db"))
	s.compare("csv")
}

// What is refused leaves no store behind, and what an earlier load has left as it was.
func TestALoadThatIsRefusedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	s.put("contacts.csv", "name,phone\nAnn,1\n")
	s.put("other.csv", "no store")
	s.put("rejects.csv", "of an earlier load")
	for _, line := range []string{
		"load contacts.csv --rejects rejects.csv", "load missing.csv --rejects rejects.csv", "load sales.csv --rejects rejects.csv --store sqlite:other.csv",
		"load sales.csv --rejects missing/rejects.csv", "load sales.csv --rejects .", "load sales.csv --rejects shop.db", "load sales.csv --rejects ./shop.db",
	} {
		s.types(line)
	}
	assert.NoFileExists(t, s.path("shop.db"))
	rejects, err := os.ReadFile(s.path("rejects.csv"))
	require.NoError(t, err)
	assert.Equal(t, "of an earlier load", string(rejects))
	s.compare("refused")
}

func TestRejectsAreNeverWrittenOverWhatIsRead(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	require.NoError(t, os.Symlink("sales.csv", s.path("link.csv")))
	s.put("rejects.csv", strings.Repeat("of an earlier load\n", 1000))
	for _, rejects := range []string{"rejects.csv", "sales.csv", "link.csv", "shop.db", "missing/rejects.csv", "."} {
		s.types("load sales.csv --rejects " + rejects)
	}
	content, err := os.ReadFile(s.path("sales.csv"))
	require.NoError(t, err)
	require.Equal(t, csvRows, string(content))
	assert.Len(t, s.readRejects("rejects.csv"), 1, "what was there is gone")
	s.compare("rejects")
}

func TestAFileThatIsNoStoreIsNamed(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	s.must("load", "sales.csv")
	s.put("notes.txt", "Dear diary, this is not a database.\n")
	s.put("other.db", "")
	s.execute("ATTACH 'file:" + s.path("other.db") + "' AS other; CREATE TABLE other.contacts(name)")
	copyFile(t, s.path("shop.db"), s.path("half.db"))
	require.NoError(t, os.Truncate(s.path("half.db"), 5*4096))
	whole, err := os.ReadFile(s.path("shop.db"))
	require.NoError(t, err)
	s.put("damaged.db", string(whole[:16])+strings.Repeat("\xff", 84)+string(whole[100:]))
	s.execute("PRAGMA user_version = 99")
	require.NoError(t, os.Rename(s.path("shop.db"), s.path("newer.db")))
	for _, store := range []string{"missing.db", "notes.txt", "other.db", "half.db", "damaged.db", "newer.db", "."} {
		s.types("top --store sqlite:" + store)
	}
	s.types("load sales.csv --store sqlite:missing/shop.db")
	s.types("load sales.csv --store sqlite:other.db")
	s.compare("no-store")
}

func TestAnEventThatTheProgramDoesNotKnowIsNamed(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	s.must("load", "sales.csv")
	s.append("17850", "LOYALTY_JOINED", `{"tier":"gold"}`)
	s.append("guest-2", "PURCHASE_MADE", `{"quantity":"six"}`)
	s.put("more.csv", csvHeader+"9,MUG,STONEWARE MUG,6,2010-12-05 08:26:00,2.55,17850.0,France\n")
	for _, line := range []string{"state user-17850", "state user-17850 --version 3", "state user-guest-2", "load more.csv", "verify"} {
		s.types(line)
	}
	s.compare("unknown-event")
}

// Another process holds the file for longer than the shop waits, which is ten seconds.
// What only reads does not wait.
func TestALockedFileIsNamed(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	s.put("more.csv", csvHeader+"9,MUG,STONEWARE MUG,6,2010-12-05 08:26:00,2.55,17850.0,France\n")
	s.put("last.csv", csvHeader+"10,MUG,STONEWARE MUG,6,2010-12-05 08:26:00,2.55,17850.0,France\n")
	s.must("load", "sales.csv")
	s.must("project")
	s.must("load", "more.csv")
	db, err := sql.Open("sqlite", s.path("shop.db"))
	require.NoError(t, err)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(context.Background(), "BEGIN EXCLUSIVE")
	require.NoError(t, err)
	waiting := []*process{s.start("load", "last.csv"), s.start("project"), s.start("history", "17850")}
	for i, line := range []string{"load last.csv", "project", "history 17850"} {
		s.answered(line, waiting[i].wait())
	}
	s.compare("locked")
}

func TestSettingsOfAFileAreTakenAndWhatItMisspellsIsNamed(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("orders.csv", csvRows)
	s.put("leftfold.toml", "store = \"sqlite:day.db\"\ntime = \"local\"\n\n[profile.night]\nstore = \"sqlite:night.db\"\n")
	for _, line := range []string{"load orders.csv", "streams -v", "streams -v --profile night", "streams -v --profile night --store sqlite:day.db", "streams --profile nigth"} {
		s.types(line)
	}
	s.note("store is misspelled")
	s.put("leftfold.toml", "stroe = \"sqlite:day.db\"\n")
	s.types("streams")
	s.compare("settings")
}
