package sqlitefile

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// applicationID marks our files, as PRAGMA application_id: "LFld".
	applicationID = 0x4c466c64
	// schemaVersion is that of the tables of store and views together, as PRAGMA
	// user_version.
	schemaVersion = 3
	// busyTimeout is how long a writer waits for another process.
	busyTimeout = 10 * time.Second
	// askEvery is how often it asks meanwhile.
	askEvery = time.Millisecond
)

func dsn(name string, busy time.Duration, pragmas ...string) string {
	values := url.Values{"_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())}, pragmas...)}
	return (&url.URL{Scheme: "file", Opaque: escapePath(name), RawQuery: values.Encode()}).String()
}

// escapePath keeps '?', '#' and '%' of a path from ending the path of a URI.
func escapePath(name string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(name)
}

// conn is the connection of the writer. It is used by one goroutine.
type conn struct {
	path    string // as it was given
	db      *sql.DB
	sql     *sql.Conn
	queries map[string]*sql.Stmt
	writes  map[string]driver.Stmt
	args    []driver.NamedValue // of the write under way
	// rolledBack is set by SQLite itself when a transaction ends without commit,
	// also on its own account: after a full disk or an I/O error.
	rolledBack bool
	// busy is how long it waits for another process.
	busy time.Duration
}

func openWriter(ctx context.Context, path, name string, busy time.Duration) (*conn, error) {
	db, err := sql.Open("sqlite", dsn(name, 0))
	if err != nil {
		return nil, translate("open", path, err)
	}
	db.SetMaxOpenConns(1)
	c := &conn{path: path, db: db, queries: map[string]*sql.Stmt{}, writes: map[string]driver.Stmt{}, busy: busy}
	if err := c.setUp(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) && errors.Is(err, ctx.Err()) {
			err = cause // the driver knows only that it has ended
		}
		return nil, translate("open", path, errors.Join(err, c.close()))
	}
	return c, nil
}

func (c *conn) setUp(ctx context.Context) (err error) {
	if c.sql, err = c.db.Conn(ctx); err != nil {
		return err
	}
	err = c.sql.Raw(func(dc any) error {
		hooks, ok := dc.(sqlite.HookRegisterer)
		if !ok {
			return errors.New("the SQLite driver has no rollback hook")
		}
		if _, ok := dc.(driver.ConnPrepareContext); !ok {
			return errors.New("the SQLite driver does not prepare statements as exec needs them")
		}
		hooks.RegisterRollbackHook(func() { c.rolledBack = true })
		return c.checkWritable(dc)
	})
	if err != nil {
		return err
	}
	if err := c.patiently(ctx, c.claim); err != nil {
		return err
	}
	return c.patiently(ctx, c.useWAL)
}

// checkWritable refuses a file that SQLite could open for reading only, before it reads
// it: it would leave a log beside the file that stays read-only when the file does not.
func (c *conn) checkWritable(dc any) error {
	driver, ok := dc.(interface {
		IsReadOnly(schema string) (bool, error)
	})
	if !ok {
		return errors.New("the SQLite driver can not tell whether a file is read-only")
	}
	readOnly, err := driver.IsReadOnly("main")
	if err == nil && readOnly {
		err = &Error{Op: "open", Path: c.path, Err: ErrReadOnly, hint: hintReadOnly}
	}
	return err
}

// patiently repeats a step while another process holds the file. SQLite's own
// waiting would not end with ctx, does not take place for a change of the journal
// mode, and asks so seldom in the end that a process that writes all the time would
// hardly ever let another one in: it leaves the lock for a moment only.
func (c *conn) patiently(ctx context.Context, step func(context.Context) error) error {
	for deadline := time.Now().Add(c.busy); ; {
		err := step(ctx)
		cause, ok := errors.AsType[*sqlite.Error](err)
		if !ok || cause.Code()&0xff != sqlite3.SQLITE_BUSY || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return &Error{Op: "open", Path: c.path, Err: fmt.Errorf("%w: %w", ErrLocked, context.Cause(ctx)), hint: hintLocked}
		case <-time.After(askEvery):
		}
	}
}

// claim gives a new file our marks and refuses another's, before anything of the
// file is changed.
func (c *conn) claim(ctx context.Context) error {
	m, err := marksOf(ctx, c.sql)
	if err != nil {
		return err
	}
	if m == (marks{}) {
		return c.mark(ctx)
	}
	return m.check(c.path)
}

// marks are those of a file, and the number of its tables, indexes and views.
type marks struct{ application, schema, tables int }

func marksOf(ctx context.Context, from interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (m marks, err error) {
	query := "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
	err = from.QueryRowContext(ctx, query).Scan(&m.application, &m.schema, &m.tables)
	return m, err
}

// check refuses a file that is not ours, or of another time.
func (m marks) check(path string) error {
	if m.application != applicationID {
		return &Error{Op: "open", Path: path, Err: ErrForeign,
			hint: "the file is a SQLite database of another program; choose another path"}
	}
	if m.schema < schemaVersion {
		return &Error{Op: "open", Path: path,
			Err:  fmt.Errorf("%w: the file has schema version %d, of before the first release", ErrForeign, m.schema),
			hint: "make the file anew; nothing of before the first release is carried over"}
	}
	if m.schema > schemaVersion {
		return &Error{Op: "open", Path: path,
			Err:  fmt.Errorf("%w: the file has schema version %d, this program knows %d", ErrNewer, m.schema, schemaVersion),
			hint: "run the newer program, or restore a backup from before it"}
	}
	return nil
}

// mark writes our marks into an empty file, unless another process was faster.
func (c *conn) mark(ctx context.Context) error {
	if _, err := c.sql.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	m, err := marksOf(ctx, c.sql)
	if err == nil && m.application == 0 && m.tables == 0 {
		_, err = c.sql.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, schemaVersion))
	}
	if err == nil {
		_, err = c.sql.ExecContext(ctx, "COMMIT")
	}
	if err != nil { // also of COMMIT, which leaves the transaction open where others read
		_, rollbackErr := c.sql.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, rollbackErr)
	}
	return nil
}

// useWAL makes appends durable when they return. The log is copied back after 500
// pages instead of 1000: it is written over from its start sooner, instead of growing,
// and what a file grows by is dear to make durable. What [Tx.Conditionally] needs to
// take a write back, the pages as they were, stays in memory: SQLite would put it into a
// temporary file, a new one for each larger write, which a process that is killed may leave.
func (c *conn) useWAL(ctx context.Context) error {
	_, err := c.sql.ExecContext(ctx, fmt.Sprintf(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA checkpoint_fullfsync=1;
		PRAGMA journal_size_limit=%d; PRAGMA wal_autocheckpoint=500; PRAGMA temp_store=MEMORY`, longLog))
	return err
}

func (c *conn) close() error {
	for _, s := range c.queries {
		_ = s.Close() // the connection is closed next and reports for all
	}
	for _, s := range c.writes {
		_ = s.Close()
	}
	var err error
	if c.sql != nil {
		err = c.sql.Close()
	}
	return errors.Join(err, c.db.Close())
}

// queryRow runs a query of at most one row.
func (c *conn) queryRow(query string, args ...any) (*sql.Row, error) {
	s, ok := c.queries[query]
	if !ok {
		var err error
		if s, err = c.sql.PrepareContext(context.Background(), query); err != nil {
			return nil, err
		}
		c.queries[query] = s
	}
	return s.QueryRow(args...), nil
}

// exec runs a statement that writes, and returns the number of rows it changed. It
// goes to the driver itself: database/sql guards each statement for any number of
// goroutines, and copies its arguments, at a quarter of the price of an insert.
func (c *conn) exec(query string, args ...any) (changed int64, err error) {
	c.args = c.args[:0]
	for i, arg := range args { // not inside of Raw: a panic there would cost us the connection
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return 0, err
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	defer clear(c.args)
	err = c.sql.Raw(func(dc any) error {
		s, err := c.prepareWrite(dc, query)
		if err != nil {
			return err
		}
		result, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.args)
		if err != nil {
			return err
		}
		changed, err = result.RowsAffected()
		return err
	})
	return changed, err
}

// prepareWrite returns a statement that can be carried out, kept for the life of the
// connection.
func (c *conn) prepareWrite(dc any, query string) (driver.Stmt, error) {
	if s, ok := c.writes[query]; ok {
		return s, nil
	}
	s, err := dc.(driver.ConnPrepareContext).PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.writes[query] = s
	return s, nil
}
