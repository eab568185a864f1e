// Command dynamolocal fetches DynamoDB Local, the server of the tests, if it is not there,
// and prints the command that starts it by itself.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	dir, err := dynamotest.Install(ctx)
	if err != nil {
		return err
	}
	// Without -sharedDb each access key and Region would have tables of its own.
	_, err = fmt.Fprintf(out, "cd '%s'\njava -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -sharedDb -disableTelemetry -port 8000\n", dir)
	return err
}
