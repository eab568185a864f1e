package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/eventbridge"
	"github.com/leftfold/leftfold/operator/terminal"
)

// The warehouse is another service. When a parcel comes back it looks at what is in it, and
// says so on the bus; the shop then books the return.

// ParcelReturned is a fact of the warehouse, as far as the shop wants to know it.
type ParcelReturned struct {
	PurchaseID string `json:"purchaseId"`
	Quantity   int64  `json:"quantity"`
}

// WarehouseEvents are the types that the shop knows of the warehouse's.
var WarehouseEvents = eventstore.MustRegistry(eventstore.Type[ParcelReturned]("PARCEL_RETURNED", 1))

// warehouseSource is what the warehouse is called on the bus.
const warehouseSource = "warehouse"

// receiver takes the events that come over the bus.
func (s *Service) receiver() (*eventbridge.Receiver, error) {
	return eventbridge.NewReceiver("shop", eventbridge.ReceiverOptions{},
		eventbridge.From(warehouseSource, WarehouseEvents, eventbridge.On(s.parcelReturned)))
}

// parcelReturned books a return, once for each event however often it comes. A return that
// is refused is an error, so that the event ends where somebody looks at it.
func (s *Service) parcelReturned(ctx context.Context, e eventbridge.Received[ParcelReturned]) error {
	purchase, err := eventstore.ParseEventID(e.Data.PurchaseID)
	if err != nil {
		return err
	}
	_, err = s.Customers.Execute(ctx, purchase.Stream.ID(), Return(e.Data.PurchaseID, e.Data.Quantity, e.Time), aggregate.CommandID(e.CommandID()))
	return err
}

func (a *app) receiveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "receive FILE",
		Short: "Take events of a bus from a file, as Lambda would hand them over",
		Long: "Take events of a bus from a file of JSON objects, as Lambda would hand them over. Known is the source\n" +
			"\"" + warehouseSource + "\" with the type PARCEL_RETURNED: the return is booked, once for each event.\n" +
			"examples/shop/warehouse.json has one.",
		RunE: func(cmd *cobra.Command, args []string) error { return a.receive(cmd.Context(), args[0]) },
	}
}

// receiveAnswer is what was taken.
type receiveAnswer struct {
	Events int `json:"events"`
}

func (a *app) receive(ctx context.Context, path string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return terminal.WithHint(err, "give the path of a file of JSON objects, each an event of a bus")
	}
	defer file.Close()
	return a.with(ctx, func(s *Service) error {
		receiver, err := s.receiver()
		if err != nil {
			return err
		}
		n := 0
		for messages := json.NewDecoder(bufio.NewReader(file)); ; n++ {
			var message json.RawMessage
			err := messages.Decode(&message)
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = receiver.HandleMessage(ctx, message)
			}
			if err != nil {
				return fmt.Errorf("%s, event %d: %w", path, n+1, err)
			}
		}
		if a.out.JSON {
			return printJSON(a.stdout(), receiveAnswer{n})
		}
		_, err = fmt.Fprintf(a.stdout(), "took %s\n", terminal.Counted(n, "event"))
		return err
	})
}
