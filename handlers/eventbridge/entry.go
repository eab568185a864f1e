package eventbridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// detail is what stands in the field of that name of an event on the bus. Its form is
// described in docs/eventbridge.md: fields may be added, and none changes its meaning.
type detail struct {
	ID        string              `json:"id"`
	Stream    string              `json:"stream"`
	Version   eventstore.Version  `json:"version"`
	Schema    int                 `json:"schema"`
	Time      time.Time           `json:"time"`
	Metadata  eventstore.Metadata `json:"metadata,omitzero"`
	Deposited *deposited          `json:"deposited,omitempty"`
	Payload   json.RawMessage     `json:"payload,omitempty"`
}

// deposited says where a payload is that is too large for the bus, and what it is, so
// that nothing else is taken for it.
type deposited struct {
	Reference string `json:"reference"`
	Bytes     int    `json:"bytes"`
	SHA256    string `json:"sha256"`
}

const (
	// ownBytes is left for what the bus writes around an entry: its ID, the account, the
	// Region, the names of the fields. An entry of the full size is accepted, and then lost
	// on its way to a target with the same limit.
	ownBytes = 1 << 10
	// timeBytes is what the time of an entry counts.
	timeBytes = 14
	// maxTypeRunes is the limit of AWS for a detail-type.
	maxTypeRunes = 128
)

// newEntry returns an event as an entry of a request. Unless the error is one of the
// service's Deposit, the bus can never take the event.
func (p *Publisher) newEntry(ctx context.Context, e projection.Event[eventstore.Event]) (*entry, error) {
	if err := check(e.Data); err != nil {
		return nil, err
	}
	content := types.PutEventsRequestEntry{EventBusName: &p.opts.Bus, Source: &p.source, DetailType: &e.Data.Type, Time: &e.Time}
	if p.opts.Resources != nil {
		content.Resources = p.opts.Resources(e)
	}
	text, err := detailOf(e, nil)
	if err != nil {
		return nil, err
	}
	content.Detail = &text
	if sizeOf(content)+ownBytes > p.opts.MaxBytes && p.opts.Deposit != nil {
		if text, err = p.deposit(ctx, e); err != nil {
			return nil, err
		}
		content.Detail = &text
	}
	size := sizeOf(content)
	if limit := p.opts.MaxBytes - ownBytes; size > limit {
		return nil, &eventstore.LimitError{Stream: e.Stream, What: "bytes of an entry", Size: size, Limit: limit}
	}
	return &entry{content: content, size: size, answers: make(chan answer, 1)}, nil
}

// check refuses what the bus can not carry as it is.
func check(e eventstore.Event) error {
	switch {
	case e.Type == "" || utf8.RuneCountInString(e.Type) > maxTypeRunes:
		return fmt.Errorf("%w: its type has %d characters, allowed are 1 to %d", eventstore.ErrInvalid, utf8.RuneCountInString(e.Type), maxTypeRunes)
	case !json.Valid(e.Payload):
		return fmt.Errorf("%w: its payload is not JSON, and a bus carries nothing else", eventstore.ErrInvalid)
	case !utf8.Valid(e.Payload) || !utf8.ValidString(e.Type):
		return fmt.Errorf("%w: it is not UTF-8, and would be changed on its way", eventstore.ErrInvalid)
	}
	return nil
}

// detailOf writes the detail. The payload is put in as it is stored, unless it was
// deposited elsewhere.
func detailOf(e projection.Event[eventstore.Event], elsewhere *deposited) (string, error) {
	head, err := eventstore.JSON{}.Marshal(detail{ID: e.ID().String(), Stream: e.Stream.String(), Version: e.Version,
		Schema: e.Data.Schema, Time: e.Time, Metadata: e.Metadata, Deposited: elsewhere})
	if err != nil {
		return "", fmt.Errorf("%w: its metadata: %w", eventstore.ErrInvalid, err)
	}
	if elsewhere != nil {
		return string(head), nil
	}
	const field = `,"payload":`
	var b strings.Builder
	b.Grow(len(head) + len(field) + len(e.Data.Payload))
	b.Write(head[:len(head)-1])
	b.WriteString(field)
	b.Write(e.Data.Payload)
	b.WriteByte('}')
	return b.String(), nil
}

// depositError is one of the service's own Deposit.
type depositError struct{ error }

func (e *depositError) Unwrap() error { return e.error }

// unsent is the answer for an event that could not be made an entry.
func unsent(err error) answer {
	if _, ok := errors.AsType[*depositError](err); ok {
		return answer{verdict: failed, err: err}
	}
	return answer{verdict: refused, err: err}
}

func (p *Publisher) deposit(ctx context.Context, e projection.Event[eventstore.Event]) (string, error) {
	reference, err := p.opts.Deposit(ctx, e)
	if err == nil && reference == "" {
		err = errors.New("it returned no reference")
	}
	if err != nil {
		return "", &depositError{fmt.Errorf("deposit its payload: %w", err)}
	}
	return detailOf(e, depositedAt(reference, e.Data.Payload))
}

func depositedAt(reference string, payload []byte) *deposited {
	sum := sha256.Sum256(payload)
	return &deposited{Reference: reference, Bytes: len(payload), SHA256: hex.EncodeToString(sum[:])}
}

// sizeOf is what AWS counts, as its page "Calculating PutEvents event entry size" says:
// the bytes of source, detail-type, detail and resources, and 14 for the time.
func sizeOf(e types.PutEventsRequestEntry) int {
	n := len(*e.Source) + len(*e.DetailType) + len(*e.Detail)
	if e.Time != nil {
		n += timeBytes
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}
