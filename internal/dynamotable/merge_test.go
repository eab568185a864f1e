package dynamotable_test

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

// numbers yields some, and then an error if it is not nil. It tells when it is left.
func numbers(left *int, err error, all ...int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		defer func() { *left++ }()
		for _, n := range all {
			if !yield(n, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func merged(most int, all ...iter.Seq2[int, error]) (got []int, err error) {
	for n, err := range dynamotable.Merge(cmp.Compare[int], all) {
		if err != nil {
			return got, err
		}
		if got = append(got, n); len(got) == most {
			break
		}
	}
	return got, nil
}

func TestMergingKeepsTheOrder(t *testing.T) {
	t.Parallel()
	left := 0
	all := []iter.Seq2[int, error]{numbers(&left, nil, 1, 4, 9), numbers(&left, nil), numbers(&left, nil, 2, 3, 10, 11), numbers(&left, nil, 5)}
	got, err := merged(100, all...)
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3, 4, 5, 9, 10, 11}, got)
	assert.Equal(t, 4, left)
	got, err = merged(100, all...)
	assert.NoError(t, err)
	assert.True(t, slices.IsSorted(got), "it may be read again")
	got, err = merged(100)
	assert.NoError(t, err)
	assert.Empty(t, got)
}

func TestAMergeThatIsAbandonedOrFailsLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	left := 0
	got, err := merged(2, numbers(&left, nil, 1, 4), numbers(&left, nil, 2, 3))
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)
	assert.Equal(t, 2, left)
	bad := errors.New("bad")
	left = 0
	got, err = merged(100, numbers(&left, nil, 1, 4), numbers(&left, bad, 2), numbers(&left, nil, 7))
	assert.Equal(t, bad, err)
	assert.Equal(t, []int{1, 2}, got, "and nothing of the others, which may come before what is missing")
	assert.Equal(t, 3, left)
	left = 0
	_, err = merged(100, numbers(&left, bad), numbers(&left, nil, 7))
	assert.Equal(t, bad, err)
}
