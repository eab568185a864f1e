package memviews_test

import (
	"testing"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
	"github.com/leftfold/leftfold/projection/viewstest"
)

func open(testing.TB) projection.ViewStore { return memviews.New(memviews.Options{}) }

func TestViews(t *testing.T) { viewstest.Run(t, open) }

func BenchmarkViews(b *testing.B) { viewstest.Bench(b, open) }
