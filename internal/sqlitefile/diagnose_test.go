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
	require.NoError(t, os.Truncate(other.name+"-wal", longLog)) // takes no room on the disk
	found := other.diagnoseLog()
	assert.False(t, found.OK)
	assert.Equal(t, "64 MB", found.Detail)
	assert.Contains(t, found.Hint, "fuser")
}
