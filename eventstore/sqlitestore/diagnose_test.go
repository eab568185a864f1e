package sqlitestore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

func TestADiagnosisReadsTheWholeFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.db")
	fill(t, path)
	diagnosed := func() []eventstore.Finding {
		found := readOnly(t, path).Diagnose(t.Context())
		for i := range found {
			found[i].Check = strings.ReplaceAll(found[i].Check, dir, "DIR")
			assert.True(t, found[i].OK || found[i].Hint != "", "what to do about: %+v", found[i])
		}
		return found
	}
	found := diagnosed()
	require.Len(t, found, 4)
	assert.Equal(t, []eventstore.Finding{
		{Check: "DIR/shop.db can be read", OK: true, Detail: "schema version 3, opened for reading only"},
		{Check: "DIR/shop.db is whole", OK: true, Detail: "ok"},
		{Check: "DIR/shop.db-wal is short", OK: true, Detail: "there is none: nobody has the file open for writing"},
	}, found[:3])
	assert.Equal(t, "the disk of DIR/shop.db has room", found[3].Check)

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range 4096 { // a page in the middle
		content[len(content)/2/4096*4096+i] = 0xA5
	}
	put(t, path, content)
	found = diagnosed()
	assert.True(t, found[0].OK, "it can be opened, and what is not damaged read")
	assert.False(t, found[1].OK)
	assert.NotEmpty(t, found[1].Detail)
	assert.Contains(t, found[1].Hint, "restore a backup")
}
