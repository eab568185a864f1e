package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SQLite keeps two more files beside a database for as long as it is open.
func TestTheStoresAreClosedInTheEnd(t *testing.T) {
	t.Chdir(t.TempDir())
	for range 2 {
		main()
		files, err := os.ReadDir(".")
		require.NoError(t, err)
		require.Len(t, files, 1)
		assert.Equal(t, "concerts.db", files[0].Name())
	}
}
