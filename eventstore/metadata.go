package eventstore

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"
)

// ReservedPrefix begins the keys of [Metadata.Extra] that are Leftfold's own.
const ReservedPrefix = "leftfold."

// MaxMetadataBytes is the limit of a commit's metadata, all keys and values together.
const MaxMetadataBytes = 16 << 10

// Metadata says where a commit comes from. It is stored with the commit and is
// never part of what an event means.
type Metadata struct {
	// CorrelationID is shared by everything that one request from outside set off.
	CorrelationID string `json:"correlation_id,omitempty"`
	// CausationID names the command or the event that led to this commit.
	CausationID string `json:"causation_id,omitempty"`
	// Actor is who asked for it.
	Actor string `json:"actor,omitempty"`
	// TraceParent and TraceState are the two fields of W3C Trace Context. A state
	// without a parent means nothing and is not kept.
	TraceParent string `json:"traceparent,omitempty"`
	TraceState  string `json:"tracestate,omitempty"`
	// Extra is for the application. Keys must not begin with [ReservedPrefix].
	Extra map[string]string `json:"extra,omitempty"`
}

type metadataKey struct{}

// WithMetadata returns a context under which every append carries m. Fields of a
// metadata that ctx already has are kept where m leaves them empty.
func WithMetadata(ctx context.Context, m Metadata) context.Context {
	return context.WithValue(ctx, metadataKey{}, m.over(MetadataFrom(ctx)))
}

// MetadataFrom returns the metadata of ctx.
func MetadataFrom(ctx context.Context) Metadata {
	m, _ := ctx.Value(metadataKey{}).(Metadata)
	return m
}

// IsZero reports whether m says nothing.
func (m Metadata) IsZero() bool { return m.size() == 0 }

// over returns m with its empty fields taken from base. It shares no map with
// either.
func (m Metadata) over(base Metadata) Metadata {
	fill := func(field *string, from string) {
		if *field == "" {
			*field = from
		}
	}
	fill(&m.CorrelationID, base.CorrelationID)
	fill(&m.CausationID, base.CausationID)
	fill(&m.Actor, base.Actor)
	if m.TraceParent == "" {
		m.TraceParent, m.TraceState = base.TraceParent, base.TraceState
	}
	m.Extra = merged(base.Extra, m.Extra)
	return m
}

// merged returns a new map, or nil where it would be empty: that is what a read
// of the stored commit yields.
func merged(base, top map[string]string) map[string]string {
	if len(base)+len(top) == 0 {
		return nil
	}
	extra := make(map[string]string, len(base)+len(top))
	maps.Copy(extra, base)
	maps.Copy(extra, top)
	return extra
}

func (m Metadata) size() int {
	n := len(m.CorrelationID) + len(m.CausationID) + len(m.Actor) + len(m.TraceParent) + len(m.TraceState)
	for k, v := range m.Extra {
		n += len(k) + len(v)
	}
	return n
}

func (m Metadata) check(stream StreamID) error {
	if n := m.size(); n > MaxMetadataBytes {
		return &LimitError{Stream: stream, What: "metadata bytes", Size: n, Limit: MaxMetadataBytes}
	}
	values := []string{m.CorrelationID, m.CausationID, m.Actor, m.TraceParent, m.TraceState}
	for k, v := range m.Extra {
		if k == "" || strings.HasPrefix(k, ReservedPrefix) {
			return fmt.Errorf("%w: metadata key %q is empty or begins with %q, which is reserved", ErrInvalid, clip(k), ReservedPrefix)
		}
		values = append(values, k, v)
	}
	for _, v := range values {
		if !utf8.ValidString(v) {
			return fmt.Errorf("%w: metadata %q is not UTF-8", ErrInvalid, clip(v))
		}
	}
	return nil
}
