package dynamotable

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func newImages() *types.StreamSpecification {
	return &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}
}

// CheckStream refuses a table whose changes are not announced with their new image.
func CheckStream(table *types.TableDescription) error {
	name, stream := aws.ToString(table.TableName), table.StreamSpecification
	if stream == nil || !aws.ToBool(stream.StreamEnabled) {
		return refuse(name, "it has no DynamoDB Stream", "Provision switches it on")
	}
	switch stream.StreamViewType {
	case types.StreamViewTypeNewImage, types.StreamViewTypeNewAndOldImages:
		return nil
	}
	return refuse(name, fmt.Sprintf("its DynamoDB Stream has %s, and not the new image of an item", stream.StreamViewType),
		"find out who else reads the stream, disable it, and run Provision, which makes another one; then sweep")
}

// stream switches the stream of a table on that has none. One that is of no use to a
// feed is refused: it may serve somebody else, and to replace it loses what it holds.
func (s Spec) stream(ctx context.Context, client *dynamodb.Client, table *types.TableDescription) error {
	if table.StreamSpecification != nil {
		return CheckStream(table)
	}
	_, failed := Send(ctx, DefaultAttempts, "UpdateTable", client.UpdateTable, &dynamodb.UpdateTableInput{TableName: &s.Name, StreamSpecification: newImages()})
	if err := s.wait(ctx, client); err != nil {
		return err
	}
	table, err := Inspect(ctx, client, s.Name, s.SortKey)
	if err != nil {
		return err
	}
	if table.StreamSpecification == nil && failed != nil {
		return fmt.Errorf("switch the stream of %s on: %w", s.Name, failed)
	}
	return CheckStream(table) // another process may have been quicker
}
