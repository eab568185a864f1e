package projection_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/projection"
)

// What a plan and a comparison take in memory comes from several fillings at once, too.
func TestAPlanAndAComparisonTakeSeveralFillingsAtOnce(t *testing.T) {
	t.Parallel()
	const rows = 6_000
	v := newVersions()
	e := v.both(t)
	var events []any
	for i := range rows {
		events = append(events, Counted{fmt.Sprint("c", i), 1})
	}
	for i := 0; i < rows; i += 1000 {
		handle(t.Context(), e, v.append(t, fmt.Sprint("user-", i), events[i:i+1000]...))
	}
	r := v.rebuilt(t, projection.RebuildOptions{})
	plan, err := r.Plan(t.Context())
	require.NoError(t, err)
	require.Equal(t, rows, plan.Rows)
	found, err := r.Compare(t.Context(), projection.CompareOptions{Full: true})
	require.NoError(t, err)
	require.Equal(t, [2]int{rows, 0}, [2]int{found.Checked, found.Wrong + found.Moving})
}
