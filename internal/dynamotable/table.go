package dynamotable

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
)

// The names of the key of every table of ours, and of the attribute that lists an item
// in an index.
const (
	PK           = "PK"
	SK           = "SK"
	DirectoryKey = "dir"
)

// readyWithin is how long a new table may take.
const readyWithin = 5 * time.Minute

// Spec says how a table is made.
type Spec struct {
	Name string
	// SortKey is the type of SK.
	SortKey types.ScalarAttributeType
	// Index, if not empty, is the name of a keys-only index whose partition key is the
	// string attribute DirectoryKey and whose sort key is IndexSort, PK or SK. Items
	// without that attribute are not in it.
	Index, IndexSort string
	// Check, if not nil, refuses a table that exists and is none of ours, although its
	// key is as ours: that layout is usual.
	Check func(*types.TableDescription) error
	// Stream makes the table announce the new image of each change, also one that is
	// there without a stream.
	Stream bool
	// Protected tables can not be deleted before the protection is taken off, and can
	// be restored to any second of the last 35 days.
	Protected bool
	// TTL, if not empty, is the attribute that holds when an item expires.
	TTL string
}

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,240}$`)

// CheckPrefix refuses what can not begin the name of a table.
func CheckPrefix(prefix string) error {
	if !nameRule.MatchString(prefix) {
		return fmt.Errorf("%w: the prefix %q of the tables' names is not 1 to 240 letters, digits, '_', '.' or '-'", eventstore.ErrInvalid, prefix)
	}
	return nil
}

// Provision makes a table, if it does not exist, and waits until it is ready. To one that
// exists it adds what the spec asks for and the table lacks, and switches nothing off; one
// that is not ours is refused before anything is changed. So it may be repeated, also
// after one that died halfway, and run by several processes at once.
func Provision(ctx context.Context, client *dynamodb.Client, s Spec) error {
	in := &dynamodb.CreateTableInput{
		TableName:            &s.Name,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            keys(PK, SK),
		AttributeDefinitions: []types.AttributeDefinition{attribute(PK, types.ScalarAttributeTypeS), attribute(SK, s.SortKey)},
	}
	if s.Index != "" {
		in.AttributeDefinitions = append(in.AttributeDefinitions, attribute(DirectoryKey, types.ScalarAttributeTypeS))
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: &s.Index, KeySchema: keys(DirectoryKey, s.IndexSort),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}}
	}
	if s.Stream {
		in.StreamSpecification = newImages()
	}
	if s.Protected {
		in.DeletionProtectionEnabled = aws.Bool(true)
	}
	_, err := Send(ctx, DefaultAttempts, "CreateTable", client.CreateTable, in)
	if _, exists := errors.AsType[*types.ResourceInUseException](err); err != nil && !exists {
		return fmt.Errorf("create the table %s: %w", s.Name, err)
	}
	if err := s.wait(ctx, client); err != nil {
		return err
	}
	table, err := Inspect(ctx, client, s.Name, s.SortKey) // it may have been there
	if err == nil && s.Check != nil {
		err = s.Check(table)
	}
	if err == nil && s.Stream {
		err = s.stream(ctx, client, table)
	}
	if err != nil {
		return err
	}
	return s.complete(ctx, client, table)
}

func (s Spec) wait(ctx context.Context, client *dynamodb.Client) error {
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 200*time.Millisecond, 5*time.Second
	})
	if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &s.Name}, readyWithin); err != nil {
		return fmt.Errorf("wait for the table %s: %w", s.Name, err)
	}
	return nil
}

func keys(partition, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
}

func attribute(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
	return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
}

// ErrForeign: the table is not one of ours, or can not be used.
var ErrForeign = errors.New("not a table of Leftfold")

// Inspect describes a table and refuses one that is not as the spec says, or that is
// replicated to another Region: there another writer would be accepted at the same slot.
func Inspect(ctx context.Context, client *dynamodb.Client, name string, sortKey types.ScalarAttributeType) (*types.TableDescription, error) {
	out, err := Send(ctx, DefaultAttempts, "DescribeTable", client.DescribeTable, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, fmt.Errorf("open the table %s: %w", name, err)
	}
	table := out.Table
	if !hasKey(table, sortKey) {
		return nil, refuse(name, "its key is another", "choose another prefix")
	}
	if isGlobal(table) {
		return nil, refuseGlobal(name)
	}
	return table, nil
}

func isGlobal(table *types.TableDescription) bool {
	return len(table.Replicas) > 0 || aws.ToString(table.GlobalTableVersion) != "" // which may be all that an old one shows
}

func refuseGlobal(name string) error {
	return refuse(name, "it is a global table, in which two Regions would accept the same version of a stream",
		"use a table of one Region, and remove its replicas")
}

func refuse(table, reason, hint string) error {
	return fmt.Errorf("open the table %s: %w", table, &Error{Operation: "DescribeTable", Err: fmt.Errorf("%w: %s", ErrForeign, reason), hint: hint})
}

// CheckIndex refuses a table that has no index of that name with the keys of [Spec].
func CheckIndex(table *types.TableDescription, name, sort string) error {
	for _, i := range table.GlobalSecondaryIndexes {
		if aws.ToString(i.IndexName) == name && isKey(i.KeySchema, DirectoryKey, sort) && isOf(table, DirectoryKey, types.ScalarAttributeTypeS) {
			return nil
		}
	}
	return refuse(aws.ToString(table.TableName), fmt.Sprintf("it has no index %s by %s and %s", name, DirectoryKey, sort), "choose another prefix")
}

// IdentityOf returns what tells a table from every other, also from a copy of it that was
// restored under its name: its ID. DynamoDB Local gives none, but like DynamoDB says when
// the table was made.
func IdentityOf(table *types.TableDescription) string {
	if id := aws.ToString(table.TableId); id != "" {
		return id
	}
	return fmt.Sprintf("%s@%d", aws.ToString(table.TableArn), aws.ToTime(table.CreationDateTime).UnixMilli())
}

func hasKey(table *types.TableDescription, sortKey types.ScalarAttributeType) bool {
	return isKey(table.KeySchema, PK, SK) && isOf(table, PK, types.ScalarAttributeTypeS) && isOf(table, SK, sortKey)
}

func isKey(schema []types.KeySchemaElement, partition, sort string) bool {
	return len(schema) == 2 && aws.ToString(schema[0].AttributeName) == partition && aws.ToString(schema[1].AttributeName) == sort
}

func isOf(table *types.TableDescription, name string, kind types.ScalarAttributeType) bool {
	return slices.ContainsFunc(table.AttributeDefinitions, func(a types.AttributeDefinition) bool {
		return aws.ToString(a.AttributeName) == name && a.AttributeType == kind
	})
}
