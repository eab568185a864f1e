package eventstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of a transaction, the same for every store. DynamoDB takes 100 items in
// one, and what is left is for the payloads of large commits.
const (
	// MaxTransactionItems is the number of writes, checks, claims and releases together.
	// A strict write counts twice.
	MaxTransactionItems = 80
	// MaxClaimScopeBytes and MaxClaimKeyBytes are the limits of a claim's parts.
	MaxClaimScopeBytes = 64
	MaxClaimKeyBytes   = 1024
)

// Transactor appends to several streams in one step. Stores that implement it pass the
// section "transactions" of storetest, which holds each sentence below.
type Transactor interface {
	// AppendAll stores all commits of a transaction or none, and only if every written
	// and every checked stream stands at its revision, every claim that is taken is
	// free, and every claim that is released is held by the stream that releases it. It
	// returns the commits in the order of the writes.
	//
	// The same transaction again, with the same commit IDs at the same revisions,
	// returns the first result, however late: also where checked streams and claims have
	// moved on since. Otherwise what stands in its way is the error, streams before
	// checks before claims: a [*ConflictError] names the stream, also a checked one, and
	// a [*ClaimError] the claim. A stream or a claim that is named twice, a check of a
	// written stream, and [Any] are an [ErrInvalid]. All else is as in Store.Append.
	AppendAll(ctx context.Context, t Transaction) ([]Commit, error)

	// Claimed returns the first event of the commit that took a claim, or the zero
	// EventID where nobody holds it. It is strongly consistent.
	Claimed(ctx context.Context, c Claim) (EventID, error)
}

// Transaction is what takes effect in one step.
type Transaction struct {
	// Writes are the commits, each to a stream of its own, at least one.
	Writes []Write
	// Checks are conditions on streams that are not written.
	Checks []Check
}

// Check is the condition that a stream stands at a revision. [NoStream] is the condition
// that it does not exist.
type Check struct {
	Stream   StreamID
	Revision Revision
}

// Claim is a key that one stream at a time can hold, such as an e-mail address: it is
// taken and released by commits, never expires, and stays with the stream that took it.
type Claim struct {
	// Scope says what kind of key it is, 1 to 64 letters, digits, '_' and '.'. Scopes
	// that begin with [ReservedPrefix] are Leftfold's own.
	Scope string
	// Key is 1 to 1,024 bytes of UTF-8 without control characters. Whoever claims
	// brings it into one form first: keys that differ in case differ.
	Key string
}

// String returns "scope:key".
func (c Claim) String() string { return c.Scope + ":" + c.Key }

// ParseClaim is the inverse of [Claim.String]. The error wraps [ErrInvalid].
func ParseClaim(text string) (Claim, error) {
	scope, key, ok := strings.Cut(text, ":")
	c := Claim{Scope: scope, Key: key}
	if !ok {
		return Claim{}, fmt.Errorf("%w: claim %q has no ':' between scope and key", ErrInvalid, clip(text))
	}
	return c, CheckClaim(c)
}

// ClaimTexts and ParseClaims are for implementations of [Store], which keep the claims of
// a commit as texts.
func ClaimTexts(claims []Claim) []string {
	var texts []string
	for _, c := range claims {
		texts = append(texts, c.String())
	}
	return texts
}

// ParseClaims is the inverse of [ClaimTexts].
func ParseClaims(texts []string) (claims []Claim, err error) {
	for _, text := range texts {
		c, err := ParseClaim(text)
		if err != nil {
			return nil, err
		}
		claims = append(claims, c)
	}
	return claims, nil
}

// CheckClaim refuses what can be no claim, with an error that wraps [ErrInvalid].
func CheckClaim(c Claim) error {
	if c.Scope == "" || len(c.Scope) > MaxClaimScopeBytes || strings.ContainsFunc(c.Scope, func(r rune) bool { return !isNameRune(r) }) {
		return fmt.Errorf("%w: the scope %q of a claim is not 1 to %d letters, digits, '_' and '.'", ErrInvalid, clip(c.Scope), MaxClaimScopeBytes)
	}
	if c.Key == "" || len(c.Key) > MaxClaimKeyBytes {
		return fmt.Errorf("%w: the key of a claim in %q has %d bytes, allowed are 1 to %d", ErrInvalid, c.Scope, len(c.Key), MaxClaimKeyBytes)
	}
	if !utf8.ValidString(c.Key) || strings.ContainsFunc(c.Key, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("%w: the key of a claim in %q is not UTF-8 without control characters", ErrInvalid, c.Scope)
	}
	return nil
}

// strictScope holds the IDs of strict commits.
const strictScope = ReservedPrefix + "id"

// StrictClaim is the claim that a strict write takes beside those that it names: on its
// commit ID, in its stream. Both may hold any sign, so the key says where the stream ends.
func StrictClaim(stream StreamID, commitID string) Claim {
	return Claim{Scope: strictScope, Key: fmt.Sprintf("%d|%s|%s", len(stream.name), stream, commitID)}
}

// Taken are all claims that a prepared write takes, that on its ID among them.
func (w Write) Taken() []Claim {
	if !w.Strict {
		return w.Claims
	}
	return append([]Claim{StrictClaim(w.Stream, w.ID)}, w.Claims...)
}

// Taken are all claims that the commit took, that on its ID among them.
func (c *Commit) Taken() []Claim {
	return Write{Stream: c.Stream, ID: c.ID, Strict: c.Strict, Claims: c.Claims}.Taken()
}

// PrepareAll is [Prepare] for a transaction.
func PrepareAll(ctx context.Context, store string, t Transaction) (Transaction, error) {
	if len(t.Writes) == 0 {
		return Transaction{}, fmt.Errorf("%w: a transaction without writes", ErrInvalid)
	}
	prepared := Transaction{Checks: t.Checks}
	items, size := len(t.Writes)+len(t.Checks), 0
	streams, claims := map[StreamID]bool{}, map[Claim]bool{}
	for _, w := range t.Writes {
		if w.Revision.IsAny() {
			return Transaction{}, fmt.Errorf("%w: a transaction writes to %q at any revision; it needs the one that was decided on", ErrInvalid, w.Stream)
		}
		if streams[w.Stream] {
			return Transaction{}, fmt.Errorf("%w: a transaction names stream %q twice", ErrInvalid, w.Stream)
		}
		if w.Strict != t.Writes[0].Strict {
			return Transaction{}, fmt.Errorf("%w: a transaction writes to %q and %q: either all commit ids are strict or none", ErrInvalid, t.Writes[0].Stream, w.Stream)
		}
		w, err := Prepare(ctx, store, w)
		if err != nil {
			return Transaction{}, err
		}
		for _, c := range slices.Concat(w.Taken(), w.Releases) {
			if claims[c] {
				return Transaction{}, fmt.Errorf("%w: a transaction names the claim %q twice", ErrInvalid, clip(c.String()))
			}
			claims[c] = true
		}
		streams[w.Stream] = true
		items += len(w.Taken()) + len(w.Releases)
		size += w.size()
		prepared.Writes = append(prepared.Writes, w)
	}
	for _, c := range t.Checks {
		if c.Stream.IsZero() || c.Revision.IsAny() {
			return Transaction{}, fmt.Errorf("%w: a check needs a stream and a revision, not %q at %s", ErrInvalid, c.Stream, describe(c.Revision))
		}
		if streams[c.Stream] {
			return Transaction{}, fmt.Errorf("%w: a transaction names stream %q twice", ErrInvalid, c.Stream)
		}
		streams[c.Stream] = true
		if err := CheckRevision(c.Revision, store, c.Stream); err != nil {
			return Transaction{}, err
		}
	}
	first := t.Writes[0].Stream
	if items > MaxTransactionItems {
		return Transaction{}, &LimitError{Stream: first, What: "writes, checks and claims of a transaction", Size: items, Limit: MaxTransactionItems}
	}
	if size > MaxCommitBytes {
		return Transaction{}, &LimitError{Stream: first, What: "commit bytes of a transaction", Size: size, Limit: MaxCommitBytes}
	}
	return prepared, nil
}

// checkClaims refuses claims that can not be, and one that is named twice.
func (w Write) checkClaims() error {
	seen := map[Claim]bool{}
	for _, list := range [][]Claim{w.Claims, w.Releases} {
		for _, c := range list {
			if err := CheckClaim(c); err != nil {
				return fmt.Errorf("append to %q: %w", w.Stream, err)
			}
			if strings.HasPrefix(c.Scope, ReservedPrefix) {
				return fmt.Errorf("%w: append to %q: the scope %q of a claim is reserved", ErrInvalid, w.Stream, c.Scope)
			}
			if seen[c] {
				return fmt.Errorf("%w: append to %q: the claim %q is named twice", ErrInvalid, w.Stream, clip(c.String()))
			}
			seen[c] = true
		}
	}
	if n := 1 + len(w.Taken()) + len(w.Releases); n > MaxTransactionItems {
		return &LimitError{Stream: w.Stream, What: "claims of a commit", Size: n - 1, Limit: MaxTransactionItems - 1}
	}
	return nil
}

// ErrClaimTaken: somebody else holds a claim; see [ClaimError].
var ErrClaimTaken = errors.New("claim is taken")

// ErrClaimNotHeld: a claim that was to be released is not held by the stream that
// releases it; see [ClaimError].
var ErrClaimNotHeld = errors.New("claim is not held")

// ClaimError says which claim stands in the way of a write. It is an [ErrClaimTaken], or
// an [ErrClaimNotHeld] where it was to be released.
type ClaimError struct {
	Stream  StreamID
	Claim   Claim
	Release bool
	// Holder is the first event of the commit that took it, zero where nobody holds it.
	Holder EventID
}

func (e *ClaimError) Error() string {
	switch {
	case !e.Release:
		return fmt.Sprintf("append to %q: claim %q is taken by %s", e.Stream, clip(e.Claim.String()), e.Holder)
	case e.Holder == EventID{}:
		return fmt.Sprintf("append to %q: claim %q can not be released: nobody holds it", e.Stream, clip(e.Claim.String()))
	}
	return fmt.Sprintf("append to %q: claim %q can not be released: %s holds it", e.Stream, clip(e.Claim.String()), e.Holder)
}

// Is makes the error an [ErrClaimTaken] or an [ErrClaimNotHeld].
func (e *ClaimError) Is(target error) bool {
	return target == ErrClaimTaken && !e.Release || target == ErrClaimNotHeld && e.Release
}
