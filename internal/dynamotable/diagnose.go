package dynamotable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
)

// Diagnosis is what is to be looked at of a table.
type Diagnosis struct {
	Client *dynamodb.Client
	// Spec is what the table must be like; without an Index its name is not looked at.
	Spec Spec
	// Reads and Writes are the actions that the roles need, beside DescribeTable.
	Reads, Writes []string
}

// Run returns a finding for each check. Nothing is written: what needs the right to write is
// asked with a key that no item has, and a condition that does not hold.
func (d Diagnosis) Run(ctx context.Context) []eventstore.Finding {
	out, err := Send(ctx, diagnoseAttempts, "DescribeTable", d.Client.DescribeTable, &dynamodb.DescribeTableInput{TableName: &d.Spec.Name})
	if err == nil && out.Table == nil {
		err = errors.New("DescribeTable: the answer is empty")
	}
	if err != nil {
		return []eventstore.Finding{Finding(d.Spec.Name+" is there", "", err)}
	}
	found := append(d.shape(out.Table), d.settings(ctx, out.Table)...)
	found = append(found, clock(out), d.rights(ctx, "read", d.Reads), d.rights(ctx, "written", d.Writes))
	return found
}

// diagnoseAttempts: an operator waits.
const diagnoseAttempts = 3

// Finding is a check that is passed unless err says otherwise.
func Finding(check, detail string, err error) eventstore.Finding {
	if err != nil {
		return eventstore.Finding{Check: check, Detail: err.Error(), Hint: eventstore.Hint(err)}
	}
	return eventstore.Finding{Check: check, OK: true, Detail: detail}
}

// shape looks at what does not change in the life of a table.
func (d Diagnosis) shape(table *types.TableDescription) []eventstore.Finding {
	name := d.Spec.Name
	var notReady, otherKey, replicated error
	if table.TableStatus != types.TableStatusActive && table.TableStatus != types.TableStatusUpdating {
		notReady = errors.New("its status is " + string(table.TableStatus))
	}
	if !hasKey(table, d.Spec.SortKey) {
		otherKey = refuse(name, "its key is another", "choose another prefix")
	} else if d.Spec.Check != nil {
		otherKey = d.Spec.Check(table)
	}
	if isGlobal(table) {
		replicated = refuseGlobal(name)
	}
	found := []eventstore.Finding{
		Finding(name+" is there", strings.ToLower(string(table.TableStatus)), notReady),
		Finding(name+" has our keys and index", "", otherKey),
		Finding(name+" is in one Region", "", replicated),
	}
	if d.Spec.Stream {
		found = append(found, Finding(name+" announces its changes", "by a DynamoDB Stream with new images", CheckStream(table)))
	}
	return found
}

// settings looks at what an operator may have changed.
func (d Diagnosis) settings(ctx context.Context, table *types.TableDescription) []eventstore.Finding {
	billing := "on demand"
	if b := table.BillingModeSummary; b == nil || b.BillingMode != types.BillingModePayPerRequest {
		billing = "provisioned"
		if p := table.ProvisionedThroughput; p != nil {
			billing = fmt.Sprintf("provisioned: %d write units and %d read units a second", aws.ToInt64(p.WriteCapacityUnits), aws.ToInt64(p.ReadCapacityUnits))
		}
	}
	found := []eventstore.Finding{{Check: d.Spec.Name + " has a billing mode", OK: true, Detail: billing}}
	protected := eventstore.Finding{Check: d.Spec.Name + " is protected from deletion", OK: aws.ToBool(table.DeletionProtectionEnabled)}
	if !protected.OK {
		protected.Detail, protected.Hint = "deletion protection is off", "provision it again, which switches it on"
	}
	return append(found, protected, d.recovery(ctx), d.expiry(ctx))
}

func (d Diagnosis) recovery(ctx context.Context) eventstore.Finding {
	check := d.Spec.Name + " can be restored to any second"
	out, err := Send(ctx, diagnoseAttempts, "DescribeContinuousBackups", d.Client.DescribeContinuousBackups,
		&dynamodb.DescribeContinuousBackupsInput{TableName: &d.Spec.Name})
	if codeOf(err) == "UnknownOperationException" {
		return eventstore.Finding{Check: check, OK: true, Detail: "this server keeps no backups, as DynamoDB Local"}
	}
	if err != nil {
		return Finding(check, "", err)
	}
	if b := out.ContinuousBackupsDescription; b != nil && b.PointInTimeRecoveryDescription != nil &&
		b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled {
		return eventstore.Finding{Check: check, OK: true}
	}
	return eventstore.Finding{Check: check, Detail: "point-in-time recovery is off", Hint: "provision it again, which switches it on"}
}

func (d Diagnosis) expiry(ctx context.Context) eventstore.Finding {
	check := "nothing in " + d.Spec.Name + " expires"
	if d.Spec.TTL != "" {
		check = fmt.Sprintf("items of %s expire by %q", d.Spec.Name, d.Spec.TTL)
	}
	out, err := Send(ctx, diagnoseAttempts, "DescribeTimeToLive", d.Client.DescribeTimeToLive, &dynamodb.DescribeTimeToLiveInput{TableName: &d.Spec.Name})
	if err != nil {
		return Finding(check, "", err)
	}
	by := ""
	if t := out.TimeToLiveDescription; t != nil && (t.TimeToLiveStatus == types.TimeToLiveStatusEnabled || t.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		by = aws.ToString(t.AttributeName)
	}
	switch {
	case by == d.Spec.TTL:
		return eventstore.Finding{Check: check, OK: true}
	case by == "":
		return eventstore.Finding{Check: check, Detail: "they do not expire", Hint: "provision it again, which sets it: what workers leave that are gone stays for ever"}
	}
	return eventstore.Finding{Check: check, Detail: fmt.Sprintf("items expire by %q", by), Hint: "switch the time to live off: DynamoDB removes what must stay"}
}

// mostSkew is how far clocks may be apart. The server's answers tell whole seconds, and
// signatures are refused from five minutes on.
const mostSkew = 5 * time.Second

func clock(out *dynamodb.DescribeTableOutput) eventstore.Finding {
	found := eventstore.Finding{Check: "this machine's clock agrees with DynamoDB's", OK: true, Detail: "its answers tell no time"}
	server, told := middleware.GetServerTime(out.ResultMetadata)
	here, noted := middleware.GetResponseAt(out.ResultMetadata)
	if !told || !noted {
		return found
	}
	skew := here.Sub(server).Round(time.Second)
	if found.Detail = fmt.Sprintf("it is %s ahead", skew); skew < 0 {
		found.Detail = fmt.Sprintf("it is %s behind", -skew)
	}
	if found.OK = skew.Abs() <= mostSkew; !found.OK {
		found.Hint = "let the clock be set by NTP: times of commits and ages are wrong, and from five minutes on requests are refused"
	}
	return found
}

// rights asks for each action. Who may only read is in order: not every role writes.
func (d Diagnosis) rights(ctx context.Context, verb string, actions []string) eventstore.Finding {
	found := eventstore.Finding{Check: d.Spec.Name + " may be " + verb, OK: true, Detail: strings.Join(actions, ", ")}
	var denied, failed []string
	for _, action := range actions {
		switch err := d.try(ctx, action); {
		case errors.Is(err, ErrDenied):
			denied = append(denied, action)
		case err != nil:
			failed = append(failed, action+": "+err.Error())
		}
	}
	if len(failed) > 0 {
		found.OK, found.Detail = false, strings.Join(failed, "; ")
		return found
	}
	switch {
	case len(denied) == 0:
	case verb == "written" && len(denied) == len(actions):
		found.Detail = "not by these credentials, which may only read"
	default:
		found.OK, found.Detail = false, "denied: "+strings.Join(denied, ", ")
		found.Hint = "allow what the role needs: docs/dynamodb.md, rights"
	}
	return found
}

// nowhere is the key of no item.
func (d Diagnosis) nowhere() Item {
	key := Item{PK: S("!diagnose"), SK: S("!")}
	if d.Spec.SortKey == types.ScalarAttributeTypeN {
		key[SK] = N(0)
	}
	return key
}

// try asks for an action; nil means that it is allowed.
func (d Diagnosis) try(ctx context.Context, action string) (err error) {
	table, key, c := &d.Spec.Name, d.nowhere(), d.Client
	never := aws.String("attribute_exists(" + PK + ") AND attribute_not_exists(" + PK + ")")
	switch action {
	case "GetItem":
		_, err = Send(ctx, diagnoseAttempts, action, c.GetItem, &dynamodb.GetItemInput{TableName: table, Key: key})
	case "BatchGetItem":
		_, err = BatchGet(ctx, diagnoseAttempts, c, *table, []Item{key})
	case "Query":
		err = d.tryQuery(ctx)
	case "Scan":
		_, err = Send(ctx, diagnoseAttempts, action, c.Scan, &dynamodb.ScanInput{TableName: table, Limit: aws.Int32(1)})
	case "PutItem":
		_, err = Send(ctx, diagnoseAttempts, action, c.PutItem, &dynamodb.PutItemInput{TableName: table, Item: key, ConditionExpression: never})
	case "UpdateItem":
		_, err = Send(ctx, diagnoseAttempts, action, c.UpdateItem, &dynamodb.UpdateItemInput{TableName: table, Key: key, ConditionExpression: never})
	case "DeleteItem":
		_, err = Send(ctx, diagnoseAttempts, action, c.DeleteItem, &dynamodb.DeleteItemInput{TableName: table, Key: key, ConditionExpression: never})
	case "ConditionCheckItem":
		err = Transact(ctx, diagnoseAttempts, c, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{ConditionCheck: &types.ConditionCheck{TableName: table, Key: key, ConditionExpression: never}}}})
	case "BatchWriteItem": // takes no condition, and deletes what is not there
		_, err = Send(ctx, diagnoseAttempts, action, c.BatchWriteItem, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{*table: {{DeleteRequest: &types.DeleteRequest{Key: key}}}}})
	default:
		return fmt.Errorf("%w: nobody knows how to try it", errors.ErrUnsupported)
	}
	if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
		return nil
	}
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok && slices.ContainsFunc(canceled.CancellationReasons, IsFailedCondition) {
		return nil
	}
	return err
}

// tryQuery asks the table and its indexes, which policies name apart.
func (d Diagnosis) tryQuery(ctx context.Context) error {
	query := func(index *string, name string) error {
		_, err := Send(ctx, diagnoseAttempts, "Query", d.Client.Query, &dynamodb.QueryInput{TableName: &d.Spec.Name, IndexName: index,
			KeyConditionExpression: aws.String(name + " = :nowhere"), ExpressionAttributeValues: Item{":nowhere": S("!diagnose")}})
		return err
	}
	err := query(nil, PK)
	if err == nil && d.Spec.Index != "" {
		err = query(&d.Spec.Index, DirectoryKey)
	}
	return err
}
