package projectiontest_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/internal/plaintest"
	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/projectiontest"
	"github.com/leftfold/leftfold/projection/sqliteviews"
)

func openSQLite(t testing.TB, _ projection.Limits) projection.ViewStore {
	views, err := sqliteviews.Open(t.Context(), filepath.Join(t.TempDir(), "views.db"), sqliteviews.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, views.Close()) })
	return views
}

func TestSQLiteViewsKeepThePromisesOfTheEngine(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	projectiontest.Run(t, projectiontest.Options{
		Projection: newWarehouse(), Events: registry, History: history, Schedules: schedules(40), Views: openSQLite,
	})
}

func TestSQLiteViewsKeepThePromisesOfARebuild(t *testing.T) {
	t.Parallel()
	if plaintest.Run(t) {
		return
	}
	projectiontest.Run(t, rebuilds(20, func(o *projectiontest.Options) { o.Views = openSQLite }))
}
