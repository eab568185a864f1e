package dynamotable_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

func TestSizesAreThoseOfTheDocumentation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value types.AttributeValue
		size  int
	}{
		{dynamotable.S(""), 0},
		{dynamotable.S("é"), 2},
		{dynamotable.B([]byte{1, 2, 3}), 3},
		{dynamotable.N(0), 1},
		{dynamotable.N(7), 2},
		{dynamotable.N(1200), 2}, // zeros behind and before do not count
		{dynamotable.N(-1234), 4},
		{dynamotable.N(1_292_000_000_000_001), 9},
		{dynamotable.L([]string{"a", "bc"}), 3 + 1 + 1 + 1 + 2},
		{dynamotable.L(nil), 3},
		{&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"ab": dynamotable.S("c")}}, 3 + 1 + 2 + 1},
		{&types.AttributeValueMemberSS{Value: []string{"a", "bc"}}, 3},
		{&types.AttributeValueMemberBOOL{Value: true}, 1},
		{&types.AttributeValueMemberNULL{Value: true}, 1},
	} {
		assert.Equal(t, len("name")+test.size, dynamotable.SizeOf(dynamotable.Item{"name": test.value}), "%#v", test.value)
	}
}

func TestUnitsBeginWithEachKilobyte(t *testing.T) {
	t.Parallel()
	for size, units := range map[int]int{0: 1, 1: 1, 1024: 1, 1025: 2, 400 << 10: 400} {
		assert.Equal(t, units, dynamotable.WriteUnits(size), size)
	}
	for size, units := range map[int]float64{0: 1, 4096: 1, 4097: 2, 30 << 10: 8} {
		assert.Equal(t, units, dynamotable.ReadUnits(size, true), size)
		assert.Equal(t, units/2, dynamotable.ReadUnits(size, false), size)
	}
}

func TestAPrefixIsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"a", "shop", "a.b-c_D9", strings.Repeat("x", 240)} {
		assert.NoError(t, dynamotable.CheckPrefix(prefix))
	}
	for _, prefix := range []string{"", "a b", "ä", "a/b", strings.Repeat("x", 241)} {
		assert.Error(t, dynamotable.CheckPrefix(prefix), prefix)
	}
}

func TestAnUpdateIsAsLargeAsWhatItSets(t *testing.T) {
	t.Parallel()
	key := dynamotable.Item{dynamotable.PK: dynamotable.S("x")}
	values := dynamotable.Item{":a": dynamotable.S("a"), ":b": dynamotable.N(1), ":read": dynamotable.S("only in a condition")}
	item := dynamotable.Updated(key, "SET #row = :a, dir = :b, other = other2 REMOVE gone", map[string]string{"#row": "row"}, values)
	assert.Equal(t, dynamotable.Item{dynamotable.PK: dynamotable.S("x"), "row": dynamotable.S("a"), "dir": dynamotable.N(1)}, item)
	assert.Len(t, key, 1, "the key is not changed")
}
