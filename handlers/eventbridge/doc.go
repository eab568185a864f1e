// Package eventbridge connects a service with a bus of Amazon EventBridge: a [Publisher]
// puts the service's events on the bus, a [Receiver] makes commands of the events that
// come over it.
//
// A publisher is used by a reaction, which keeps count of what was published:
//
//	publisher, err := eventbridge.OpenPublisher(ctx, client, "shop", eventbridge.PublisherOptions{Bus: "orders"})
//	bus, err := projection.NewReaction("bus", events, projection.Follow("user"), projection.ReactAny(publisher.Publish))
//
// Each event comes to the bus at least once, always under the same ID, and the events of
// a stream are sent in their order. The bus itself delivers at least once and in any
// order: so a receiver recognises by [Received.CommandID] what it has handled.
//
// What an event looks like on the bus, the limits, the rights and the costs are in
// docs/eventbridge.md.
package eventbridge
