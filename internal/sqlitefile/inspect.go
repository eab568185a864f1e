package sqlitefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// inspect refuses what SQLite would describe badly, or open all the same. It does not
// open the file: to close one takes all locks of the process on it away, also those of
// connections that are in use.
func inspect(path, name string, opts Options) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return &Error{Op: "open", Path: path, Err: errors.New("it is a directory"), hint: "name a file, for example shop.db"}
	case os.IsNotExist(err) && opts.MustExist:
		return &Error{Op: "open", Path: path, Err: os.ErrNotExist, hint: "check the path; a first write creates the file"}
	case os.IsNotExist(err):
		if _, dirErr := os.Stat(filepath.Dir(name)); dirErr != nil {
			return &Error{Op: "create", Path: path, Err: errors.New("the directory does not exist"), hint: "mkdir -p " + filepath.Dir(path)}
		}
		return nil
	case err != nil:
		return translate("open", path, err)
	}
	if n := linksOf(info); n > 1 {
		return &Error{Op: "open", Path: path, Err: fmt.Errorf("the file has %d hard links", n),
			hint: "SQLite names the log of a file after its path, so under two names it loses writes: remove the other links, or use a symbolic link"}
	}
	return nil
}

// explain says what SQLite does not when it could not open a file.
func explain(path, name string, err error) error {
	cause, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch cause.Code() & 0xff {
	case sqlite3.SQLITE_CANTOPEN:
		if file, openErr := os.Open(name); errors.Is(openErr, os.ErrPermission) {
			return translate("open", path, openErr)
		} else if openErr == nil {
			_ = file.Close() // it was only looked at
		}
	case sqlite3.SQLITE_NOTADB:
		if isForeign(name) {
			return &Error{Op: "open", Path: path, Err: ErrForeign, hint: "it is not a SQLite database; choose another path"}
		}
	}
	return err
}

// isForeign reports whether a file begins as no database does.
func isForeign(name string) bool {
	const want = "SQLite format 3\x00"
	file, err := os.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	header := make([]byte, len(want))
	n, err := io.ReadFull(file, header)
	return (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && string(header[:n]) != want
}
