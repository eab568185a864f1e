package eventbridgetest

import (
	"context"
	"encoding/json"
	"time"
)

// Target gets an event as the bus delivers it: a handler of Lambda, such as
// HandleMessage of a receiver.
type Target func(ctx context.Context, event json.RawMessage) error

// Delivery is what became of the events that were delivered.
type Delivery struct {
	// Delivered counts the events that the target took, each once; Calls the calls.
	Delivered, Calls int
	// Dead are the events that the target refused at each try, and Errors why it did so
	// at the last: what lies in a dead-letter queue.
	Dead   []Event
	Errors []error
}

// tries is how often Lambda runs a function that fails on an event.
const tries = 3

// account owns the bus.
const account = "123456789012"

// Deliver hands every event that was accepted so far to a target: in any order, one in
// five more than once, and again, up to three times in all, where the target returns an
// error. It returns when all is done, or ctx ends.
func (s *Server) Deliver(ctx context.Context, target Target) Delivery {
	return s.deliver(ctx, target, "")
}

// Replay delivers like Deliver, as a replay of that name from an archive.
func (s *Server) Replay(ctx context.Context, name string, target Target) Delivery {
	return s.deliver(ctx, target, name)
}

func (s *Server) deliver(ctx context.Context, target Target, replay string) Delivery {
	events := s.Events()
	var order []int // of events; one may be in it twice
	s.mu.Lock()
	for i := range events {
		order = append(order, i)
		if s.random.IntN(5) == 0 {
			order = append(order, i)
		}
	}
	s.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	s.mu.Unlock()

	var d Delivery
	taken, dead := map[int]bool{}, map[int]error{}
	for _, i := range order {
		message := events[i].message(replay)
		var err error
		for range tries {
			if ctx.Err() != nil {
				return d
			}
			d.Calls++
			if err = target(ctx, message); err == nil {
				break
			}
		}
		if err != nil {
			dead[i] = err
		} else if !taken[i] {
			taken[i] = true
			d.Delivered++
		}
	}
	for i, e := range events {
		if err, is := dead[i]; is && !taken[i] {
			d.Dead, d.Errors = append(d.Dead, e), append(d.Errors, err)
		}
	}
	return d
}

// Message returns the event as the bus delivers it.
func (e Event) Message() json.RawMessage { return e.message("") }

func (e Event) message(replay string) json.RawMessage {
	resources := e.Resources
	if resources == nil {
		resources = []string{}
	}
	message, _ := json.Marshal(struct { // strings, and a detail that was checked
		Version    string          `json:"version"`
		ID         string          `json:"id"`
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Account    string          `json:"account"`
		Time       string          `json:"time"`
		Region     string          `json:"region"`
		Resources  []string        `json:"resources"`
		Replay     string          `json:"replay-name,omitempty"`
		Detail     json.RawMessage `json:"detail"`
	}{"0", e.ID, e.DetailType, e.Source, account, e.Time.UTC().Format(time.RFC3339), "eu-central-1", resources, replay, e.Detail})
	return message
}
