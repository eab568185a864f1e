// Package dynamometer measures what a service costs on DynamoDB: the requests, the
// capacity units and the throttles of each operation.
//
//	var meter dynamometer.Meter
//	client := dynamostore.NewClient(settings, meter.Attach)
//	…
//	for operation, used := range meter.Operations() {
//		fmt.Printf("%s: %d requests, %.0f write units, %.1f read units\n", operation, used.Requests, used.WriteUnits, used.ReadUnits)
//	}
package dynamometer

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/leftfold/leftfold/internal/dynamotable"
)

// Usage is what requests took.
type Usage struct {
	// Requests counts every attempt, repetitions by the SDK too.
	Requests int
	// WriteUnits and ReadUnits are what on-demand capacity is charged by.
	WriteUnits, ReadUnits float64
	// Throttles counts the attempts that were refused for want of capacity.
	Throttles int
}

func (u Usage) plus(v Usage) Usage {
	return Usage{u.Requests + v.Requests, u.WriteUnits + v.WriteUnits, u.ReadUnits + v.ReadUnits, u.Throttles + v.Throttles}
}

// Meter counts the requests of the clients that it is attached to. The zero value is
// ready, and safe for concurrent use.
//
// Units are those that DynamoDB reports. Of transactions, of batches that are read and of
// failed conditions they are computed from the sizes of the items by its rules, since
// local servers report them wrongly or not at all. A write without an answer counts as if it had been
// carried out, unless it was never sent.
type Meter struct {
	mu  sync.Mutex
	all map[string]Usage
}

// Attach makes a client count: it is an option of dynamostore.NewClient, and of the SDK's
// own dynamodb.New and NewFromConfig. Each request then asks for the capacity that it consumed, which costs nothing.
func (m *Meter) Attach(o *dynamodb.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		if err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("LeftfoldMeterInput", keepInput), middleware.Before); err != nil {
			return err
		}
		if err := dynamotable.MarkUnsent(stack); err != nil {
			return err
		}
		// Inside the SDK's repetitions: each attempt passes here.
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("LeftfoldMeter", m.count), "Retry", middleware.After)
	})
}

// Operations returns the usage of each operation, by its name.
func (m *Meter) Operations() map[string]Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.all)
}

// Total returns the usage of all operations together.
func (m *Meter) Total() (total Usage) {
	for _, u := range m.Operations() {
		total = total.plus(u)
	}
	return total
}

// Reset begins anew, and returns what was counted.
func (m *Meter) Reset() map[string]Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all
	m.all = nil
	return all
}

func (m *Meter) add(operation string, u Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[string]Usage{}
	}
	m.all[operation] = m.all[operation].plus(u)
}

type inputKey struct{}

// keepInput lets every request ask for its capacity, and keeps it for count.
func keepInput(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	in.Parameters = asking(in.Parameters)
	return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, in.Parameters), in)
}

func (m *Meter) count(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleFinalize(ctx, in)
	input := middleware.GetStackValue(ctx, inputKey{})
	u := Usage{Requests: 1}
	switch kindOf(err) {
	case answered:
		u = u.plus(reported(input, out.Result))
	case conditionFailed:
		u = u.plus(computed(input, err))
	case unanswered:
		u = u.plus(computed(input, nil))
	case throttled:
		u.Throttles = 1
	}
	m.add(middleware.GetOperationName(ctx), u)
	return out, metadata, err
}

type kind int

const (
	answered kind = iota
	conditionFailed
	unanswered
	throttled
	refused
)

func kindOf(err error) kind {
	if err == nil {
		return answered
	}
	if dynamotable.IsThrottle(err) {
		return throttled
	}
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return conditionFailed
	}
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, r := range canceled.CancellationReasons {
			if r.Code != nil && *r.Code == "ConditionalCheckFailed" {
				return conditionFailed
			}
		}
		return refused
	}
	if _, ok := errors.AsType[smithy.APIError](err); ok || dynamotable.IsUnsent(err) {
		return refused
	}
	return unanswered
}
