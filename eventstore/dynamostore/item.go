package dynamostore

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
	"github.com/leftfold/leftfold/internal/frame"
)

// body is what of a commit does not depend on its slot, made once for all attempts.
type body struct {
	item dynamotable.Item // without key, time and directory
	// parts are the bytes of payload items, where one item is too small.
	parts [][]byte
	// events share nothing with the write, whose memory is the caller's.
	events []eventstore.Event
}

// roomForKey is the most that key, time, number and directory add to a body: names, two
// names of streams, numbers.
const roomForKey = 2*(eventstore.MaxCategoryBytes+1+eventstore.MaxIDBytes) + 128

func newBody(w eventstore.Write) (body, error) {
	header, text := frame.Encode(w.Events)
	b := body{events: frame.Split(w.Events, text), item: dynamotable.Item{
		attrCount:  dynamotable.N(len(w.Events)),
		attrID:     dynamotable.S(w.ID),
		attrTypes:  dynamotable.L(typesOf(w.Events)),
		attrFrame:  dynamotable.B(header),
		attrDigest: dynamotable.B(w.Digest[:]),
	}}
	if !w.Metadata.IsZero() {
		meta, err := json.Marshal(w.Metadata)
		if err != nil {
			return body{}, fmt.Errorf("append to %q: metadata: %w", w.Stream, err)
		}
		b.item[attrMeta] = dynamotable.S(string(meta))
	}
	if w.Strict {
		b.item[attrStrict] = &types.AttributeValueMemberBOOL{Value: true}
	}
	if len(w.Claims) > 0 {
		b.item[attrClaims] = dynamotable.L(eventstore.ClaimTexts(w.Claims))
	}
	if len(w.Releases) > 0 {
		b.item[attrGave] = dynamotable.L(eventstore.ClaimTexts(w.Releases))
	}
	name, content := contentOf(text, dynamotable.SizeOf(b.item)+len(w.Stream.String())+len(attrPK)+len(attrSK)+16)
	b.item[name] = content
	if b.bytes() > dynamotable.MaxItemBytes {
		b.divide(name, content)
	}
	if n := b.bytes(); n > dynamotable.MaxItemBytes {
		return body{}, &eventstore.LimitError{Stream: w.Stream, What: "bytes of a commit beside its payloads", Size: n, Limit: dynamotable.MaxItemBytes}
	}
	return b, nil
}

// bytes is the most that its item can take.
func (b *body) bytes() int { return dynamotable.SizeOf(b.item) + roomForKey }

// contentOf returns the payloads as an attribute: readable, unless packed they cost
// fewer units beside the so many bytes that the item has without them.
func contentOf(text []byte, beside int) (name string, content types.AttributeValue) {
	units := dynamotable.WriteUnits(beside + len(attrEvents) + len(text))
	if units > 1 {
		if packed := pack(text); dynamotable.WriteUnits(beside+len(attrPacked)+len(packed)) < units {
			return attrPacked, dynamotable.B(packed)
		}
	}
	if utf8.Valid(text) {
		return attrEvents, dynamotable.S(string(text))
	}
	return attrEvents, dynamotable.B(text)
}

// bytesOfPart is the size of a payload item without its key.
const bytesOfPart = dynamotable.MaxItemBytes - roomForKey

// divide moves the content into payload items. What is left says by an empty value
// which kind of content it is.
func (b *body) divide(name string, content types.AttributeValue) {
	var all []byte
	switch v := content.(type) {
	case *types.AttributeValueMemberS:
		all = []byte(v.Value)
	case *types.AttributeValueMemberB:
		all = v.Value
	}
	for rest := all; len(rest) > 0; {
		n := min(len(rest), bytesOfPart)
		b.parts, rest = append(b.parts, rest[:n]), rest[n:]
	}
	b.item[name] = dynamotable.B([]byte{})
	b.item[attrParts] = dynamotable.N(len(b.parts))
}

// itemOf returns the commit's item.
func (s *Store) itemOf(c *eventstore.Commit, b body) dynamotable.Item {
	item := keyOf(c.Stream, c.First)
	maps.Copy(item, b.item)
	item[attrTime] = dynamotable.N(c.Time.UnixMicro())
	if c.First == 1 {
		item[attrDir] = dynamotable.S(directoryKey(c.Stream, s.slices))
	}
	return item
}

// typesOf returns each type once, in the order of their first events.
func typesOf(events []eventstore.Event) []string {
	var names []string
	seen := map[string]bool{}
	for _, e := range events {
		if !seen[e.Type] {
			seen[e.Type] = true
			names = append(names, e.Type)
		}
	}
	return names
}

// headOf returns the boundary after a commit, of which only the head's attributes are needed.
func (s *Store) headOf(item dynamotable.Item, stream eventstore.StreamID) (eventstore.Revision, error) {
	r := dynamotable.Reader{Item: item}
	first, count, micros := r.Int(attrSK), r.Int(attrCount), r.Int(attrTime)
	if r.Err == nil && (first < 1 || count < 1) {
		r.Err = fmt.Errorf("it has version %d and %d events", first, count)
	}
	if r.Err != nil {
		return eventstore.Revision{}, damaged(stream, first, r.Err)
	}
	return eventstore.NewRevision(s.identity, stream, eventstore.Version(first+count-1), time.UnixMicro(micros)), nil
}

func damaged(stream eventstore.StreamID, first int64, reason error) error {
	return &eventstore.CorruptError{Stream: stream, Version: eventstore.Version(max(first, 0)), Reason: reason.Error()}
}

// commit returns an item as a commit, or says how it contradicts itself. parts are the
// bytes of its payload items, if it has some. intern, if not nil, keeps type names.
func (s *Store) commit(item dynamotable.Item, stream eventstore.StreamID, parts []byte, intern func([]byte) string) (eventstore.Commit, error) {
	head, err := s.headOf(item, stream)
	if err != nil {
		return eventstore.Commit{}, err
	}
	r := dynamotable.Reader{Item: item}
	first, count := r.Int(attrSK), r.Int(attrCount)
	c := eventstore.Commit{Stream: stream, First: eventstore.Version(first), ID: r.String(attrID), Time: head.Time(), Revision: head}
	fail := func(err error) (eventstore.Commit, error) { return eventstore.Commit{}, damaged(stream, first, err) }
	text, err := textOf(&r, parts)
	if err == nil {
		c.Events, err = frame.Decode(r.Bytes(attrFrame), text, intern)
	}
	digest := r.Bytes(attrDigest)
	switch {
	case r.Err != nil:
		return fail(r.Err)
	case err != nil:
		return fail(err)
	case int64(len(c.Events)) != count:
		return fail(fmt.Errorf("the item says %d events, its frame %d", count, len(c.Events)))
	case len(digest) != len(c.Digest):
		return fail(fmt.Errorf("the digest has %d bytes", len(digest)))
	}
	c.Digest = eventstore.Digest(digest)
	if err := claimsOf(&r, &c); err != nil {
		return fail(err)
	}
	if r.Has(attrMeta) {
		meta := r.String(attrMeta)
		if r.Err != nil {
			return fail(r.Err)
		}
		if err := json.Unmarshal([]byte(meta), &c.Metadata); err != nil {
			return fail(fmt.Errorf("the metadata is not JSON: %w", err))
		}
	}
	return c, nil
}

func claimsOf(r *dynamotable.Reader, c *eventstore.Commit) (err error) {
	c.Strict = r.Has(attrStrict)
	if r.Has(attrClaims) {
		c.Claims, err = eventstore.ParseClaims(r.Strings(attrClaims))
	}
	if err == nil && r.Has(attrGave) {
		c.Releases, err = eventstore.ParseClaims(r.Strings(attrGave))
	}
	return errors.Join(r.Err, err)
}

// textOf returns the payloads, from the item or from its parts.
func textOf(r *dynamotable.Reader, parts []byte) ([]byte, error) {
	divided := r.Has(attrParts)
	if r.Has(attrPacked) {
		if !divided {
			parts = r.Bytes(attrPacked)
		}
		return unpack(parts)
	}
	if divided {
		return parts, nil
	}
	if text, ok := r.Item[attrEvents].(*types.AttributeValueMemberS); ok {
		return []byte(text.Value), nil
	}
	return r.Bytes(attrEvents), nil
}
