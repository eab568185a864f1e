package sqliteviews_test

import (
	"testing"

	"github.com/leftfold/leftfold/internal/planted"
)

const (
	sliceFile   = "projection/sqliteviews/slice.go"
	rebuildFile = "projection/sqliteviews/rebuild.go"
)

// faults are the mistakes of what a rebuild needs. Those of slices are planted in dynamoviews.
var faults = []planted.Fault{
	{
		Name:  "a put loses the origin of a row",
		Edits: []planted.Edit{{File: sliceFile, Old: "\t\tON CONFLICT DO UPDATE SET rev = ?4, content = ?5`", New: "\t\tON CONFLICT DO UPDATE SET rev = ?4, content = ?5, origin = 0`"}},
		Test:  "^TestViews$/^Origin$/^is_kept_by_puts",
	},
	{
		Name:  "the deletion of a row that was read leaves no tombstone",
		Edits: []planted.Edit{{File: sliceFile, Old: "case w.Delete && w.Conditional && w.Row.Origin:", New: "case w.Delete && w.Conditional && w.Insert:"}},
		Test:  "^TestViews$/^Tombstones$/^keep_a_filling_out",
	},
	{
		Name:  "the deletion of a row that was not read leaves no tombstone",
		Edits: []planted.Edit{{File: sliceFile, Old: "case w.Delete && w.Row.Origin:", New: "case w.Delete && w.Insert:"}},
		Test:  "^TestViews$/^Tombstones$/^keep_a_filling_out",
	},
	{
		Name:  "a row whose tombstone is there can not be made again",
		Edits: []planted.Edit{{File: sliceFile, Old: "putRow + ` WHERE rev = ''`", New: "putRow + ` WHERE rev = 'never'`"}},
		Test:  "^TestViews$/^Tombstones$/^are_no_rows",
	},
	{
		Name:  "a tombstone is a row to who makes sure that there is none",
		Edits: []planted.Edit{{File: sliceFile, Old: " AND sort = ?3 AND rev <> '')`", New: " AND sort = ?3)`"}},
		Test:  "^TestViews$/^Tombstones$/^stay",
	},
	{
		Name:  "a filling puts over what is there",
		Edits: []planted.Edit{{File: rebuildFile, Old: "ifAbsent   = ` ON CONFLICT DO NOTHING`", New: "ifAbsent   = ` ON CONFLICT DO UPDATE SET rev = excluded.rev, content = excluded.content`"}},
		Test:  "^TestViews$/^Fill$/^changes_nothing",
	},
	{
		Name:  "a filling of many rows puts over what is there",
		Edits: []planted.Edit{{File: rebuildFile, Old: "rowsAtOnce-1) + rowMarks + ifAbsent", New: "rowsAtOnce-1) + rowMarks + ` ON CONFLICT DO UPDATE SET rev = excluded.rev, content = excluded.content`"}},
		Test:  "^TestViews$/^Fill$/^takes_more_than_a_thousand",
	},
	{
		Name:  "a filling takes a tombstone for absence",
		Edits: []planted.Edit{{File: rebuildFile, Old: "ifAbsent   = ` ON CONFLICT DO NOTHING`", New: "ifAbsent   = ` ON CONFLICT DO UPDATE SET rev = excluded.rev, content = excluded.content WHERE rev = ''`"}},
		Test:  "^TestViews$/^Tombstones$/^keep_a_filling_out",
	},
	{
		Name:  "a filling puts the row of a stream whatever its checkpoint is",
		Edits: []planted.Edit{{File: rebuildFile, Old: "\t\t\tif n == 0 {\n", New: "\t\t\tif n < 0 {\n"}},
		Test:  "^TestViews$/^Fill$/^puts_a_stream's_own_row",
	},
	{
		Name:  "a filling keeps others waiting until its end",
		Edits: []planted.Edit{{File: rebuildFile, Old: "mostFilled  = 2000 ", New: "mostFilled  = 2_000_000 "}},
		Test:  "^TestOthersWriteWhileAGenerationIsFilledAndCleared$",
	},
	{
		Name:  "a clearing keeps others waiting until its end",
		Edits: []planted.Edit{{File: rebuildFile, Old: "mostCleared = 2000 ", New: "mostCleared = 2_000_000 "}},
		Test:  "^TestOthersWriteWhileAGenerationIsFilledAndCleared$",
	},
	{
		Name:  "a clearing ends with its first rows",
		Edits: []planted.Edit{{File: rebuildFile, Old: "removed == most; {", New: "removed == most; removed = 0 {"}},
		Test:  "^TestOthersWriteWhileAGenerationIsFilledAndCleared$",
	},
	{
		Name:  "a clearing forgets tombstones",
		Edits: []planted.Edit{{File: rebuildFile, Old: "FROM rows WHERE place = ?1 LIMIT ?2)", New: "FROM rows WHERE place = ?1 AND rev <> '' LIMIT ?2)"}},
		Test:  "^TestViews$/^Clear$/^removes",
	},
	{
		Name:  "a clearing forgets manifests",
		Edits: []planted.Edit{{File: rebuildFile, Old: "\"\", clearManifests, partsAtOnce)", New: "\"\", clearRows, partsAtOnce)"}},
		Test:  "^TestViews$/^Clear$/^removes",
	},
	{
		Name:  "people see tombstones",
		Edits: []planted.Edit{{File: "projection/sqliteviews/sqliteviews.go", Old: "r.place WHERE r.rev <> ''`", New: "r.place`"}},
		Test:  "^TestPeopleSeeNoTombstones$",
	},
	{
		Name:  "a file of an older program keeps its old view",
		Edits: []planted.Edit{{File: "internal/sqlitefile/setup.go", Old: "object[1] == \"VIEW\" && text !=", New: "object[1] == \"INDEX\" && text =="}},
		Test:  "^TestAFileOfBeforeRebuildsGoesOn$",
	},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, f := range faults {
		f.Package = "projection/sqliteviews"
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			planted.MustBeFoundInTurn(t, f)
		})
	}
}
