package dynamotable_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

func TestWhatCanNotBeReadIsZeroAndTheFirstFailureStays(t *testing.T) {
	t.Parallel()
	r := dynamotable.Reader{Item: dynamotable.Item{"s": dynamotable.S("text"), "n": dynamotable.N(7),
		"huge": &types.AttributeValueMemberN{Value: "9223372036854775808"}, "half": &types.AttributeValueMemberN{Value: "1.5"}}}
	assert.Equal(t, "text", r.String("s"))
	assert.NoError(t, r.Err)
	assert.Zero(t, r.Int("huge"))
	assert.EqualError(t, r.Err, `the attribute "huge" is not a whole number`)
	assert.Zero(t, r.Int("half"))
	assert.Zero(t, r.Int("s"))
	assert.Empty(t, r.String("n"))
	assert.Nil(t, r.Bytes("none"))
	assert.Equal(t, int64(7), r.Int("n"), "others are still read")
	assert.EqualError(t, r.Err, `the attribute "huge" is not a whole number`)
	assert.True(t, r.Has("huge"))
	assert.False(t, r.Has("none"))
}
