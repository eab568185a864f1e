package eventbridge

import (
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Waiting returns how many events wait for a request.
func (p *Publisher) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// Hold keeps everybody from sending until it is released.
func (p *Publisher) Hold() (release func()) {
	held := []chan struct{}{p.turn}
	for range cap(p.beside) {
		held = append(held, p.beside)
	}
	for _, right := range held {
		right <- struct{}{}
	}
	return func() {
		for _, right := range held {
			<-right
		}
	}
}

// DetailOf returns what an event has as its detail on the bus.
func DetailOf(e projection.Event[eventstore.Event]) (string, error) {
	if err := check(e.Data); err != nil {
		return "", err
	}
	return detailOf(e, nil)
}

// DecodeDetail reads a detail.
func DecodeDetail(raw []byte) (detail, error) {
	d, _, err := decodeDetail(raw)
	return d, err
}
