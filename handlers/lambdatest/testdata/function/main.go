// Command function does what each event asks for.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	switch os.Getenv("_HANDLER") {
	case "broken":
		os.Exit(3)
	case "refusing":
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		answer, err := http.Post(url, "application/json", strings.NewReader(`{"errorType":"Config","errorMessage":"no table"}`))
		fmt.Println(answer.StatusCode, err)
		select {}
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, event struct{ Do string }) (any, error) {
	deadline, _ := ctx.Deadline()
	switch event.Do {
	case "fail":
		return nil, errors.New("it does not work")
	case "panic":
		panic("at the disco")
	case "exit":
		os.Exit(7)
	case "hang":
		fmt.Println("it hangs")
		select {}
	case "much":
		return strings.Repeat("x", 7<<20), nil
	case "stale":
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/other/response"
		answer, err := http.Post(url, "application/json", strings.NewReader("{}"))
		if err != nil {
			return nil, err
		}
		return answer.StatusCode, answer.Body.Close()
	}
	return json.Marshal(map[string]any{"did": event.Do, "pid": os.Getpid(), "milliseconds": time.Until(deadline).Milliseconds(),
		"home": os.Getenv("HOME"), "name": os.Getenv("NAME"), "handler": os.Getenv("_HANDLER")})
}
