// Package lambdatest runs Lambda functions on this machine as Lambda does: a program that
// was built, as a process of its own, which asks for its invocations by the HTTP interface
// that Lambda calls the runtime API.
//
//	function := lambdatest.New("bin/shop", lambdatest.Options{Handler: "projector", Env: env})
//	defer function.Close()
//	answer, err := function.Invoke(ctx, payload)
//
// Each invocation that is under way at once has a process, which is kept for the next one.
// A process that does not answer in time, or ends, fails its invocation, and the next one
// starts another. So a test sees what a deployment does to a program: starts, time-outs,
// kills in the middle, several at once.
//
// What it does not do: it limits no memory and freezes no process between invocations,
// and there are no extensions and no streamed answers.
package lambdatest
