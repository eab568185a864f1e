package projection_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
	"github.com/leftfold/leftfold/projection/memviews"
)

// record is a row with any fields.
type record map[string]any

func recordsOf(name string, fold func(e projection.Event[Counted], r record)) *projection.View[record] {
	return projection.Fold(name, projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
		func(r *record, e projection.Event[Counted]) error {
			if *r == nil {
				*r = record{}
			}
			fold(e, *r)
			return nil
		}))
}

// recorded compares two versions of views of records, of a counter for each number.
func recorded(t *testing.T, numbers int, o projection.CompareOptions, before, after []*projection.View[record]) projection.Comparison {
	t.Helper()
	v := &versions{world: newWorld(memviews.Options{})}
	parts := func(views []*projection.View[record]) []projection.Part {
		parts := []projection.Part{projection.Follow("user")}
		for _, view := range views {
			parts = append(parts, view)
		}
		return parts
	}
	v.p = projection.MustNew("records", 1, registry, parts(before)...)
	v.p2 = projection.MustNew("records", 2, registry, append(parts(after), projection.Replaces(v.p))...)
	e := v.engine(t)
	for n := range numbers {
		require.Empty(t, handle(t.Context(), e, v.append(t, fmt.Sprintf("user-%d", n), Counted{fmt.Sprintf("c%03d", n), n})))
	}
	found, err := v.rebuilt(t, projection.RebuildOptions{}).Compare(t.Context(), o)
	require.NoError(t, err)
	return found
}

type views = []*projection.View[record]

func TestAComparisonCountsInWhichFieldsTheChangedRowsDiffer(t *testing.T) {
	t.Parallel()
	found := recorded(t, 10, projection.CompareOptions{Samples: 3},
		views{recordsOf("a", func(e projection.Event[Counted], r record) { r["sum"], r["old"], r["same"] = e.Data.N, true, "x" })},
		views{recordsOf("a", func(e projection.Event[Counted], r record) {
			r["sum"], r["new"], r["same"] = e.Data.N, map[string]int{"n": e.Data.N}, "x"
			if e.Data.N >= 8 {
				r["sum"] = -1
			}
		})})
	assert.Equal(t, 10, found.Changed)
	assert.Equal(t, []projection.FieldCount{
		{View: "a", Field: "new", Added: 10},
		{View: "a", Field: "old", Removed: 10},
		{View: "a", Field: "sum", Changed: 2},
	}, found.Fields)
	assert.Zero(t, found.OtherFields)
	var samples []string
	for _, s := range found.Samples {
		samples = append(samples, s.Key.Partition)
	}
	assert.Equal(t, []string{"c000", "c001", "c008"}, samples, "the first that differs in another field has the place of one that does not")
}

func TestAComparisonNamesTheFieldsThatDifferMostOftenAndCountsTheOthers(t *testing.T) {
	t.Parallel()
	found := recorded(t, 3, projection.CompareOptions{},
		views{recordsOf("a", func(projection.Event[Counted], record) {}), recordsOf("b", func(projection.Event[Counted], record) {})},
		views{recordsOf("a", func(e projection.Event[Counted], r record) {
			for i := range 1200 {
				r[fmt.Sprintf("%d-%d", e.Data.N, i)] = i
			}
		}), recordsOf("b", func(_ projection.Event[Counted], r record) {
			r["often"] = true
			r[fmt.Sprintf("%0200d", 7)] = true // too long a name
		})})
	require.Len(t, found.Fields, 20)
	assert.Equal(t, 3600+3+3, sumOf(found.Fields)+found.OtherFields)
	assert.Equal(t, 20, sumOf(found.Fields), "a row of any kind has its own fields, and those came first")
}

func sumOf(fields []projection.FieldCount) (sum int) {
	for _, f := range fields {
		sum += f.Rows()
	}
	return sum
}

func TestRowsThatAreNoObjectsDifferAsAWhole(t *testing.T) {
	t.Parallel()
	counts := func(by int) *projection.View[int] {
		return projection.Fold("n", projection.On(func(e projection.Event[Counted]) projection.Key { return projection.KeyOf(e.Data.Counter) },
			func(n *int, _ projection.Event[Counted]) error { *n += by; return nil }))
	}
	v := &versions{world: newWorld(memviews.Options{})}
	v.p = projection.MustNew("numbers", 1, registry, projection.Follow("user"), counts(1))
	v.p2 = projection.MustNew("numbers", 2, registry, projection.Follow("user"), projection.Replaces(v.p), counts(2))
	require.Empty(t, handle(t.Context(), v.engine(t), v.append(t, "user-1", Counted{"x", 1})))
	found, err := v.rebuilt(t, projection.RebuildOptions{}).Compare(t.Context(), projection.CompareOptions{})
	require.NoError(t, err)
	assert.Equal(t, []projection.FieldCount{{View: "n", Changed: 1}}, found.Fields)
}
