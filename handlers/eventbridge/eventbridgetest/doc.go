// Package eventbridgetest is for tests of what publishes to a bus of EventBridge, and of
// what receives from it: a server on this machine that speaks EventBridge's protocol with
// the real SDK, keeps what it accepts, lies as real networks do, and delivers as a bus does;
// see [Server].
//
//	server := eventbridgetest.NewServer(t, eventbridgetest.Options{Buses: []string{"orders"}})
//	publisher, err := eventbridge.OpenPublisher(ctx, server.Client(t), "shop", eventbridge.PublisherOptions{Bus: "orders"})
//	…
//	server.Deliver(t.Context(), receiver.HandleMessage)
//
// It is written by AWS's documents and by what others have seen of the service: that shows
// how a program behaves towards them, and nothing about AWS itself. It has no rules, which
// choose the events of a target: all events go to all targets.
package eventbridgetest
