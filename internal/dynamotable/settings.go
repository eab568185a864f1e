package dynamotable

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// complete switches on what the spec asks for and the table lacks. Some of it can not be
// set while a table is made, so a table that is there may be one that was not finished.
func (s Spec) complete(ctx context.Context, client *dynamodb.Client, table *types.TableDescription) error {
	if s.TTL != "" {
		if err := s.expire(ctx, client); err != nil {
			return fmt.Errorf("set the time to live of %s: %w", s.Name, err)
		}
	}
	if !s.Protected {
		return nil
	}
	if err := s.protect(ctx, client, table); err != nil {
		return fmt.Errorf("protect %s from deletion: %w", s.Name, err)
	}
	if err := s.recoverable(ctx, client); err != nil {
		return fmt.Errorf("switch point-in-time recovery of %s on: %w", s.Name, err)
	}
	return nil
}

// expire lets items expire. If that fails, another process, or an attempt whose answer
// got lost, may have been quicker.
func (s Spec) expire(ctx context.Context, client *dynamodb.Client) error {
	if done, err := s.expires(ctx, client); done || err != nil {
		return err
	}
	_, failed := Send(ctx, DefaultAttempts, "UpdateTimeToLive", client.UpdateTimeToLive, &dynamodb.UpdateTimeToLiveInput{TableName: &s.Name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &s.TTL, Enabled: aws.Bool(true)}})
	if failed == nil {
		return nil
	}
	if done, err := s.expires(ctx, client); done || err != nil {
		return err
	}
	return failed
}

// expires reports whether items expire by the attribute of the spec. By another one
// somebody else's would.
func (s Spec) expires(ctx context.Context, client *dynamodb.Client) (bool, error) {
	out, err := Send(ctx, DefaultAttempts, "DescribeTimeToLive", client.DescribeTimeToLive, &dynamodb.DescribeTimeToLiveInput{TableName: &s.Name})
	if err != nil || out.TimeToLiveDescription == nil {
		return false, err
	}
	name := aws.ToString(out.TimeToLiveDescription.AttributeName)
	switch out.TimeToLiveDescription.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
		if name != s.TTL {
			return false, refuse(s.Name, fmt.Sprintf("its items expire by %q, and not by %q", name, s.TTL), "choose another prefix")
		}
		return true, nil
	}
	return false, nil
}

func (s Spec) protect(ctx context.Context, client *dynamodb.Client, table *types.TableDescription) error {
	if aws.ToBool(table.DeletionProtectionEnabled) {
		return nil
	}
	_, failed := Send(ctx, DefaultAttempts, "UpdateTable", client.UpdateTable,
		&dynamodb.UpdateTableInput{TableName: &s.Name, DeletionProtectionEnabled: aws.Bool(true)})
	if err := s.wait(ctx, client); failed == nil || err != nil {
		return err
	}
	table, err := Inspect(ctx, client, s.Name, s.SortKey)
	if err == nil && !aws.ToBool(table.DeletionProtectionEnabled) {
		return failed
	}
	return err // another process may have been quicker
}

// recoverable switches point-in-time recovery on. Backups of a new table are not
// available at once.
func (s Spec) recoverable(ctx context.Context, client *dynamodb.Client) error {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		err := s.switchRecoveryOn(ctx, client)
		if codeOf(err) != "ContinuousBackupsUnavailableException" || time.Since(begun) > readyWithin {
			return err
		}
		if err := sleep(ctx, attempt); err != nil {
			return err
		}
	}
}

// switchRecoveryOn leaves recovery alone where it is on: its period may be another.
func (s Spec) switchRecoveryOn(ctx context.Context, client *dynamodb.Client) error {
	out, err := Send(ctx, DefaultAttempts, "DescribeContinuousBackups", client.DescribeContinuousBackups,
		&dynamodb.DescribeContinuousBackupsInput{TableName: &s.Name})
	if codeOf(err) == "UnknownOperationException" {
		return nil // DynamoDB Local keeps no backups
	}
	if err != nil {
		return err
	}
	if d := out.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil &&
		d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled {
		return nil
	}
	_, err = Send(ctx, DefaultAttempts, "UpdateContinuousBackups", client.UpdateContinuousBackups, &dynamodb.UpdateContinuousBackupsInput{TableName: &s.Name,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)}})
	return err
}
