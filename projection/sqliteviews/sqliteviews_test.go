package sqliteviews_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/sqliteviews"
	"github.com/leftfold/leftfold/projection/viewstest"
)

func TestViews(t *testing.T) { viewstest.Run(t, open) }

func BenchmarkViews(b *testing.B) { viewstest.Bench(b, open) }

func open(t testing.TB) projection.ViewStore {
	return openAt(t, filepath.Join(t.TempDir(), "shop.db"))
}

func openAt(t testing.TB, path string) *sqliteviews.Views {
	t.Helper()
	views, err := sqliteviews.Open(t.Context(), path, sqliteviews.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, views.Close()) })
	return views
}
