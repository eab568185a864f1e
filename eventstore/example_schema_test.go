package eventstore_test

import (
	"fmt"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
)

// nameV1 is a customer's name as it was stored first. The type stays as long as one such
// payload is stored, and nothing else uses it.
type nameV1 struct {
	Name string `json:"name"`
}

// Renamed is a customer's name as it is stored today: schema version 2.
type Renamed struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// splitName brings a name of version 1 into the shape of version 2.
func splitName(old nameV1) (Renamed, error) {
	first, last, _ := strings.Cut(old.Name, " ")
	return Renamed{first, last}, nil
}

var customerEvents = eventstore.MustRegistry(
	eventstore.Type[Renamed]("RENAMED", 2),
	eventstore.Upcast("RENAMED", 1, splitName),
)

func ExampleUpcast() {
	stored := eventstore.Commit{First: 1, Events: []eventstore.Event{
		{Type: "RENAMED", Schema: 1, Payload: []byte(`{"name":"Ada Lovelace"}`)},
		{Type: "RENAMED", Schema: 2, Payload: []byte(`{"first":"Ada","last":"King"}`)},
	}}
	for i := range stored.Events {
		event, err := customerEvents.Decode(&stored, i)
		fmt.Printf("%+v %v\n", event, err)
	}

	// Output:
	// {First:Ada Last:Lovelace} <nil>
	// {First:Ada Last:King} <nil>
}

// A chain with a hole is refused when the program starts, and not at an old event.
func ExampleNewRegistry() {
	_, err := eventstore.NewRegistry(eventstore.Type[Renamed]("RENAMED", 3), eventstore.Upcast("RENAMED", 1, splitName))
	fmt.Println(err)

	// Output:
	// invalid: event registry: type RENAMED: no upcaster from version 2 to 3
}
