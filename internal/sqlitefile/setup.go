package sqlitefile

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
)

var (
	// creates takes what a statement of a schema creates, and its name.
	creates = regexp.MustCompile(`^CREATE (TABLE|INDEX|VIEW) IF NOT EXISTS (\w+)`)
	// adds takes the table, and the column that it gets.
	adds = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN (\w+)`)
)

// objects is what there is in a file: the text of each table, index and view by its name,
// and each column of a table as table.column.
type objects map[string]string

const listObjects = `SELECT json_group_object(name, text) FROM (SELECT name, coalesce(sql, '') text FROM sqlite_master
	UNION ALL SELECT m.name || '.' || c.name, '' FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table')`

// Scan implements [database/sql.Scanner].
func (o *objects) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return ErrType
	}
	return json.Unmarshal([]byte(text), o)
}

// missing returns those of the statements whose work is still to be done. A view that has
// another text is made anew; it holds nothing.
func (o objects) missing(schema []string) (statements []string) {
	for _, s := range schema {
		if column := adds.FindStringSubmatch(s); column != nil {
			if _, there := o[column[1]+"."+column[2]]; !there {
				statements = append(statements, s)
			}
			continue
		}
		object := creates.FindStringSubmatch(s)
		if object == nil {
			statements = append(statements, s)
			continue
		}
		text, there := o[object[2]]
		switch {
		case !there:
			statements = append(statements, s)
		case object[1] == "VIEW" && text != strings.Replace(s, "IF NOT EXISTS ", "", 1):
			statements = append(statements, "DROP VIEW "+object[2], s)
		}
	}
	return statements
}

// SetUp carries out those statements of a schema whose work a file does not have: each a
// CREATE … IF NOT EXISTS, or an ALTER TABLE … ADD COLUMN for what came later. It looks
// first: a file that has it all is not written to, and no process that writes is waited for.
func (f *File) SetUp(ctx context.Context, schema []string) error {
	const op = "open"
	var there objects
	if err := f.ScanRow(ctx, op, []any{&there}, listObjects); err != nil {
		return err
	}
	missing := there.missing(schema)
	if len(missing) == 0 {
		return nil
	}
	if f.writer == nil {
		return f.lacks(op, len(missing) < len(schema))
	}
	return f.Do(ctx, op, func(tx *Tx) error {
		row, err := tx.QueryRow(listObjects) // another process may have been quicker
		if err != nil {
			return err
		}
		var there objects
		if err := row.Scan(&there); err != nil {
			return err
		}
		for _, statement := range there.missing(schema) {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// lacks is the error of a file that would have to be written to, and may only be read.
func (f *File) lacks(op string, some bool) error {
	if some {
		return &Error{Op: op, Path: f.path, Err: ErrOlder, hint: "look again when the service has run with this program"}
	}
	return &Error{Op: op, Path: f.path, Err: ErrIncomplete,
		hint: "nothing of this kind was ever written to the file: look again when the service has run"}
}
