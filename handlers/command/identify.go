package command

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/handlers/dispatch"
)

// identify makes sure that a command has an ID, and computes its digest.
func identify(s settings) dispatch.Middleware {
	return func(next dispatch.Handler) dispatch.Handler {
		return func(ctx context.Context, r *dispatch.Request) (any, error) {
			if r.ID == "" {
				if !s.optionalID {
					return nil, errNoID
				}
				id, err := uuid.NewV7()
				if err != nil {
					return nil, fmt.Errorf("command id: %w", err)
				}
				r.ID = id.String()
			}
			m := eventstore.MetadataFrom(ctx)
			var err error
			if r.Digest, err = digest(r, m.Actor); err != nil {
				return nil, err
			}
			var own eventstore.Metadata
			if m.CorrelationID == "" {
				own.CorrelationID = r.ID
			}
			if m.CausationID == "" {
				own.CausationID = r.ID
			}
			return next(eventstore.WithMetadata(ctx, own), r)
		}
	}
}

// noID is the error of a command without an ID.
type noID struct{}

var errNoID error = noID{}

func (noID) Error() string { return "the command needs an ID of its own" }

func (noID) Is(target error) bool { return target == eventstore.ErrInvalid }

func (noID) Hint() string {
	return "choose one, such as a UUID (in HTTP it is the header Idempotency-Key), and send it again with the same command"
}

// digest is that of what was sent, and not of what it was decoded to: a field that the
// type gets later changes no digest of what was sent before. The actor is a part of it, so
// that nobody is told of what another one wrote under the same ID.
func digest(r *dispatch.Request, actor string) (eventstore.Digest, error) {
	canonical, err := dispatch.Canonical(r.Raw)
	if err != nil {
		return eventstore.Digest{}, err
	}
	text, err := json.Marshal([]any{r.Name, actor, json.RawMessage(canonical)})
	return eventstore.DigestOf(text), err
}
