package sqlitefile

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALogThatIsNotCopiedBackIsFound(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	assert.True(t, f.diagnoseLog().OK)
	other := &File{path: "a.db", name: newPath(t)}
	require.NoError(t, os.WriteFile(other.name+"-wal", nil, 0o600))
	require.NoError(t, os.Truncate(other.name+"-wal", longLog+1)) // takes no room on the disk
	found := other.diagnoseLog()
	assert.False(t, found.OK)
	assert.Equal(t, "64 MB", found.Detail)
	assert.Contains(t, found.Hint, "fuser")
}

func TestALogThatWasLongOnceIsNoFinding(t *testing.T) {
	t.Parallel()
	f := openAt(t, newPath(t))
	write := func(statement string) {
		require.NoError(t, f.Do(t.Context(), "write", func(tx *Tx) error { _, err := tx.Exec(statement); return err }))
	}
	write("CREATE TABLE large(x)")
	write("INSERT INTO large VALUES (zeroblob(70000000))")
	assert.False(t, f.diagnoseLog().OK)
	write("INSERT INTO large VALUES (1)") // it begins again, cut to its limit, and stays so long
	found := f.diagnoseLog()
	assert.True(t, found.OK, found.Detail)
}
