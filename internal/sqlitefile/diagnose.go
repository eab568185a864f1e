package sqlitefile

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

const (
	// longLog is what is left of a log, at the most, when it is written over from its start,
	// as it should be.
	longLog = 64 << 20
	// littleSpace is what a log, and what is copied from it, soon needs.
	littleSpace = 256 << 20
	// mostProblems is how many damaged places are named.
	mostProblems = 5
)

// Diagnose looks at the file, its log and its disk. It reads the whole file once.
func (f *File) Diagnose(ctx context.Context) []eventstore.Finding {
	return []eventstore.Finding{f.diagnoseFile(ctx), f.diagnosePages(ctx), f.diagnoseLog(), f.diagnoseDisk()}
}

func (f *File) diagnoseFile(ctx context.Context) eventstore.Finding {
	found := eventstore.Finding{Check: f.path + " can be read"}
	m, err := marksOf(ctx, f.readers)
	if err == nil {
		err = m.check(f.path)
	}
	if err = f.Wrap(ctx, "read", err); err != nil {
		return failed(found, err)
	}
	found.OK, found.Detail = true, fmt.Sprintf("schema version %d, for writing", m.schema)
	if f.writer == nil {
		found.Detail = fmt.Sprintf("schema version %d, opened for reading only", m.schema)
	}
	return found
}

// failed is a finding whose check could not be made.
func failed(found eventstore.Finding, err error) eventstore.Finding {
	found.Detail, found.Hint = err.Error(), eventstore.Hint(err)
	return found
}

func (f *File) diagnosePages(ctx context.Context) eventstore.Finding {
	const op = "check"
	found := eventstore.Finding{Check: f.path + " is whole"}
	rows, err := f.Query(ctx, op, fmt.Sprintf("PRAGMA quick_check(%d)", mostProblems))
	if err != nil {
		return failed(found, err)
	}
	defer rows.Close()
	var problems []string
	for rows.Next() {
		var problem string
		if err := rows.Scan(&problem); err != nil {
			return failed(found, f.Wrap(ctx, op, err))
		}
		problems = append(problems, strings.Join(strings.Fields(problem), " "))
	}
	if err := f.Wrap(ctx, op, rows.Err()); err != nil {
		return failed(found, err)
	}
	found.Detail = strings.Join(problems, "; ")
	if found.OK = found.Detail == "ok"; !found.OK {
		found.Hint = "stop writing, keep a copy, restore a backup; verify tells which streams can still be read"
	}
	return found
}

func (f *File) diagnoseLog() eventstore.Finding {
	found := eventstore.Finding{Check: f.path + "-wal is short"}
	info, err := os.Stat(f.name + "-wal")
	switch {
	case os.IsNotExist(err):
		found.OK, found.Detail = true, "there is none: nobody has the file open for writing"
	case err != nil:
		return failed(found, translate("look at", f.path+"-wal", err))
	default:
		found.OK, found.Detail = info.Size() <= longLog, size(info.Size())
	}
	if !found.OK {
		found.Hint = "a reader keeps it from being copied back into the file: find the process that reads for so long, for example with fuser"
	}
	return found
}

func (f *File) diagnoseDisk() eventstore.Finding {
	found := eventstore.Finding{Check: "the disk of " + f.path + " has room", OK: true}
	free, ok := freeSpace(f.name)
	if !ok {
		found.Detail = "this system does not tell"
		return found
	}
	if found.OK, found.Detail = free >= littleSpace, size(free)+" are free"; !found.OK {
		found.Hint = "free some space: a write that finds none is refused, and nothing is lost"
	}
	return found
}

func size(bytes int64) string {
	if bytes < 10<<20 {
		return fmt.Sprintf("%d KB", bytes>>10)
	}
	return fmt.Sprintf("%d MB", bytes>>20)
}
