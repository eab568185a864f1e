package dynamometer_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/leftfold/leftfold/eventstore/dynamostore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamometer"
)

func Example() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return
	}

	var meter dynamometer.Meter
	client := dynamostore.NewClient(settings, meter.Attach)
	store, err := dynamostore.Open(ctx, client, "shop", dynamostore.Options{})
	if err != nil {
		return
	}

	_ = store // commands, for a while
	for operation, used := range meter.Operations() {
		fmt.Printf("%s: %d requests, %.0f write units, %.1f read units\n", operation, used.Requests, used.WriteUnits, used.ReadUnits)
	}
}
