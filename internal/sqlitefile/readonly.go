package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"
)

// openReadOnly opens a file without the right to write, or the wish.
//
// SQLite reads a file with a log through the log's index, the file -shm. While a process has
// the file open, or after one has died, both are there, and reading is as safe as ever. After
// the last one has closed the file both are gone; SQLite would make them anew, which needs the
// right to. Then the file is read as one that nobody writes to, without locks, and each
// read makes sure that nobody does: see [ErrMoved].
func openReadOnly(ctx context.Context, path, name string, busy time.Duration) (*File, error) {
	if err := inspect(path, name, Options{MustExist: true}); err != nil {
		return nil, err
	}
	still, err := stillStanding(path, name)
	if err != nil {
		return nil, err
	}
	options := url.Values{"mode": {"ro"}}
	if still != nil {
		options = url.Values{"mode": {"ro"}, "immutable": {"1"}}
	}
	readers, err := sql.Open("sqlite", dsn(name, busy, "query_only(1)")+"&"+options.Encode())
	if err != nil {
		return nil, translate("open", path, err)
	}
	f := newFile(path, name, readers)
	f.still = still
	m, err := marksOf(ctx, readers)
	if err != nil {
		err = translate("open", path, explain(path, name, err))
	} else {
		err = m.check(path)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// standing is a file that nobody writes to, as it was when it was opened.
type standing struct {
	path, name string
	before     os.FileInfo
}

// stillStanding returns nil where the file has a log.
func stillStanding(path, name string) (*standing, error) {
	_, logErr := os.Stat(name + "-wal")
	_, indexErr := os.Stat(name + "-shm")
	switch {
	case logErr == nil && indexErr == nil:
		return nil, nil
	case logErr == nil && errors.Is(indexErr, os.ErrNotExist):
		return nil, &Error{Op: "open", Path: path, Err: fmt.Errorf("%w: it has a log without an index, which reading alone can not make", ErrReadOnly),
			hint: "open it once with a program that may write, or copy the file and its -wal to where that is possible"}
	case !errors.Is(logErr, os.ErrNotExist):
		return nil, translate("open", path, errors.Join(logErr, indexErr))
	}
	before, err := os.Stat(name)
	if err != nil {
		return nil, translate("open", path, err)
	}
	return &standing{path, name, before}, nil
}

// moved returns an error where the file is another one, or somebody writes to it, whose first
// step is to make a log.
func (s *standing) moved() error {
	if s == nil {
		return nil
	}
	now, err := os.Stat(s.name)
	_, logErr := os.Stat(s.name + "-wal")
	if err == nil && errors.Is(logErr, os.ErrNotExist) && os.SameFile(now, s.before) && now.Size() == s.before.Size() && now.ModTime().Equal(s.before.ModTime()) {
		return nil
	}
	return &Error{Op: "read", Path: s.path, Err: ErrMoved, hint: "open it again: the process that writes has made what reading beside it needs"}
}
