package sqlitefile

import (
	"context"
	"regexp"
	"slices"
)

// creates takes the name of what a statement of a schema creates.
var creates = regexp.MustCompile(`^CREATE (?:TABLE|INDEX|VIEW) IF NOT EXISTS (\w+)`)

// SetUp carries out those statements of a schema, each a CREATE … IF NOT EXISTS, whose
// table, index or view the file does not have. It looks first: a file that has them
// all is not written to, and no process that writes is waited for.
func (f *File) SetUp(ctx context.Context, schema []string) error {
	const op = "open"
	there, err := f.objects(ctx, op)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(schema), func(statement string) bool {
		name := creates.FindStringSubmatch(statement)
		return name != nil && slices.Contains(there, name[1])
	})
	if len(missing) == 0 {
		return nil
	}
	if f.writer == nil {
		return &Error{Op: op, Path: f.path, Err: ErrIncomplete,
			hint: "nothing of this kind was ever written to the file: look again when the service has run"}
	}
	return f.Do(ctx, op, func(tx *Tx) error {
		for _, statement := range missing {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// objects returns the names of the tables, indexes and views.
func (f *File) objects(ctx context.Context, op string) (names []string, err error) {
	rows, err := f.Query(ctx, op, "SELECT name FROM sqlite_master")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, f.Wrap(ctx, op, err)
		}
		names = append(names, name)
	}
	return names, f.Wrap(ctx, op, rows.Err())
}
