package dynamostore_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

func TestProvisionSwitchesTheStreamOfAnOldTableOn(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	c, err := openStore(t, client, prefix).Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(1, 100)})
	require.NoError(t, err)
	streamed := dynamostore.ProvisionOptions{Unprotected: true}
	done := make(chan error, 3)
	for range cap(done) {
		go func() { done <- dynamostore.Provision(t.Context(), client, prefix, streamed) }()
	}
	for range cap(done) {
		assert.NoError(t, <-done)
	}
	assert.Equal(t, types.StreamViewTypeNewImage, viewOf(t, client, prefix))
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, bare))
	assert.Equal(t, types.StreamViewTypeNewImage, viewOf(t, client, prefix), "it stays")
	assert.Equal(t, []eventstore.Commit{c}, readAll(t, openStore(t, client, prefix), "1"))
}

func TestProvisionRefusesAStreamThatIsOfNoUse(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	update := func(spec types.StreamSpecification) {
		_, err := client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: new(prefix + "-events"), StreamSpecification: &spec})
		require.NoError(t, err)
	}
	update(types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeKeysOnly})
	err := dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{Unprotected: true})
	assert.ErrorIs(t, err, dynamostore.ErrForeign)
	assert.ErrorContains(t, err, "its DynamoDB Stream has KEYS_ONLY, and not the new image of an item")
	assert.Contains(t, eventstore.Hint(err), "find out who else reads the stream")
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, bare), "without a stream there is nothing to refuse")

	update(types.StreamSpecification{StreamEnabled: aws.Bool(false)})
	update(types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages})
	require.NoError(t, dynamostore.Provision(t.Context(), client, prefix, dynamostore.ProvisionOptions{Unprotected: true}))
	assert.Equal(t, types.StreamViewTypeNewAndOldImages, viewOf(t, client, prefix), "it has what is needed")
}

func viewOf(t *testing.T, client *dynamodb.Client, prefix string) types.StreamViewType {
	t.Helper()
	out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: new(prefix + "-events")})
	require.NoError(t, err)
	return out.Table.StreamSpecification.StreamViewType
}

// stored returns the item at a commit's place.
func stored(t *testing.T, client *dynamodb.Client, prefix string, id eventstore.EventID) dynamotable.Item {
	t.Helper()
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: new(prefix + "-events"), ConsistentRead: new(true),
		Key: dynamotable.Item{"PK": dynamotable.S(id.Stream.String()), "SK": dynamotable.N(id.Version)}})
	require.NoError(t, err)
	return out.Item
}

func TestAnItemAnnouncesItsCommit(t *testing.T) {
	t.Parallel()
	client, prefix := provisioned(t)
	s := openStore(t, client, prefix)
	c, err := s.Append(t.Context(), eventstore.Write{Stream: stream(t, "1"), Events: events(3, 100)})
	require.NoError(t, err)
	item := stored(t, client, prefix, eventstore.EventID{Stream: c.Stream, Version: 1})
	a, ok, err := s.Announcement(item)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, eventstore.Announce(&c), a)

	without := eventstore.Announcement{Stream: c.Stream, First: 1, Last: 3, Time: c.Time}
	for _, damage := range []func(){
		func() { item["parts"] = dynamotable.N(2) }, // its content lies elsewhere
		func() { delete(item, "parts"); item["frame"] = dynamotable.B([]byte{1}) },
		func() { item["id"] = dynamotable.N(1) },
	} {
		damage()
		a, ok, err = s.Announcement(item)
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, without, a)
	}
	item["n"] = dynamotable.S("?")
	a, ok, err = s.Announcement(item)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, eventstore.Announcement{Stream: c.Stream, First: 1, Last: 1}, a, "what is known")
}

func TestWhatLiesBesideCommitsAnnouncesNothing(t *testing.T) {
	t.Parallel()
	_, ok, err := dynamostore.CommitAt(dynamotable.Item{"PK": dynamotable.S("user-1"), "SK": dynamotable.N(7)})
	require.NoError(t, err)
	assert.True(t, ok)
	for _, key := range []dynamotable.Item{
		{"PK": dynamotable.S("!claim|email|a@b"), "SK": dynamotable.N(0)},
		{"PK": dynamotable.S("!payload|1|user-1"), "SK": dynamotable.N(1)},
		{"PK": dynamotable.S("user-1"), "SK": dynamotable.N(0)},
		{"PK": dynamotable.S("user-1"), "SK": dynamotable.N(-1)},
	} {
		_, ok, err := dynamostore.CommitAt(key)
		require.NoError(t, err, key)
		assert.False(t, ok, key)
	}
	for _, key := range []dynamotable.Item{
		{}, {"PK": dynamotable.S("user-1")}, {"PK": dynamotable.S("nobody"), "SK": dynamotable.N(1)},
		{"PK": dynamotable.N(1), "SK": dynamotable.N(1)}, {"PK": dynamotable.S("user-1"), "SK": dynamotable.S("x")},
		{"PK": dynamotable.S("user-1"), "SK": &types.AttributeValueMemberN{Value: "1.5"}},
	} {
		_, ok, err := dynamostore.CommitAt(key)
		assert.ErrorIs(t, err, eventstore.ErrCorrupt, key)
		assert.False(t, ok, key)
	}
}

func FuzzAnnouncement(f *testing.F) {
	f.Add("user-1", "1", "2", []byte{1, 2}, []byte(`[{}]`), "1700000000000000", []byte("0"))
	f.Add("!claim", "0", "", []byte{}, []byte{}, "", []byte{})
	var s dynamostore.Store
	f.Fuzz(func(t *testing.T, pk, sk, n string, frame, events []byte, at string, sum []byte) {
		item := dynamotable.Item{"PK": dynamotable.S(pk), "SK": &types.AttributeValueMemberN{Value: sk}, "n": &types.AttributeValueMemberN{Value: n},
			"frame": dynamotable.B(frame), "events": dynamotable.B(events), "at": &types.AttributeValueMemberN{Value: at}, "sum": dynamotable.B(sum),
			"id": dynamotable.S("x")}
		a, ok, err := s.Announcement(item)
		if ok && (err != nil || a.Stream.String() != pk || a.First < 1 || a.Last < a.First) {
			t.Errorf("%+v, %v", a, err)
		}
		if _, same, _ := dynamostore.CommitAt(item); same != ok {
			t.Error("the key says something else")
		}
	})
}
