package dynamostore

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// AppendAll implements [eventstore.Transactor]: one TransactWriteItems, of two write units
// for each KB of each commit, one more for each stream that is new, and two for each check
// and each claim.
func (s *Store) AppendAll(ctx context.Context, t eventstore.Transaction) ([]eventstore.Commit, error) {
	t, err := eventstore.PrepareAll(ctx, s.identity, t)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	bodies := make([]body, len(t.Writes))
	for i, w := range t.Writes {
		if bodies[i], err = newBody(w); err != nil {
			return nil, err
		}
	}
	return s.appendAll(ctx, t, bodies)
}

// appendClaiming appends one commit with claims, at Any from slot to slot.
func (s *Store) appendClaiming(ctx context.Context, w eventstore.Write, b body) (eventstore.Commit, error) {
	anywhere := w.Revision.IsAny()
	if anywhere {
		head, err := s.Head(ctx, w.Stream)
		if err != nil {
			return eventstore.Commit{}, err
		}
		w.Revision = head
	}
	for {
		commits, err := s.appendAll(ctx, eventstore.Transaction{Writes: []eventstore.Write{w}}, []body{b})
		if err == nil {
			return commits[0], nil
		}
		conflict, moved := errors.AsType[*eventstore.ConflictError](err)
		if !moved || !anywhere {
			return eventstore.Commit{}, err
		}
		w.Revision = conflict.Actual
	}
}

func (s *Store) appendAll(ctx context.Context, t eventstore.Transaction, bodies []body) ([]eventstore.Commit, error) {
	var p plan
	var commits []eventstore.Commit
	for i, w := range t.Writes {
		c := w.CommitAt(s.identity, w.Revision)
		c.Events = bodies[i].events
		commits = append(commits, c)
		p.addWrite(s, i, w, &c, bodies[i])
	}
	for i, c := range t.Checks {
		p.addCheck(s, i, c)
	}
	if n := p.size(); n > dynamotable.MaxTransactionBytes {
		return nil, &eventstore.LimitError{Stream: t.Writes[0].Stream, What: "bytes of a transaction", Size: n, Limit: dynamotable.MaxTransactionBytes}
	}
	failed, err := s.send(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: p.items})
	if err == nil && failed == nil {
		return commits, nil
	}
	unknown := &eventstore.OutcomeUnknownError{Write: t.Writes[0], Err: err}
	if len(t.Writes)+len(t.Checks) > 1 {
		unknown.With = &t
	}
	another := p.isAnothers(t, failed)
	sent, ok := errors.AsType[*dynamotable.Error](err)
	switch {
	case err == nil, another: // which is enough to know
	case ok && sent.Unknown, failed != nil: // what has failed may be our own, which takes all that it holds to know
		return nil, unknown
	default:
		return nil, notWritten(ctx, t.Writes[0], err)
	}
	standing, err := s.standing(ctx, t, p, failed)
	if err != nil && another {
		return nil, notWritten(ctx, t.Writes[0], err)
	}
	if err != nil {
		unknown.Err = err // it may be our own that can not be read
		return nil, unknown
	}
	own, err := t.Settle(standing)
	if own == nil && err == nil {
		err = notWritten(ctx, t.Writes[0], errors.New("DynamoDB canceled the transaction and says no reason"))
	}
	return own, err
}

// plan is a transaction as DynamoDB gets it, with what each of its items stands for.
type plan struct {
	items []types.TransactWriteItem
	means []meaning
}

// meaning is what it means that the condition of an item fails.
type meaning struct {
	i     int // of the write or the check
	kind  kind
	claim eventstore.Claim
}

type kind int

const (
	part    kind = iota // has no condition
	slot                // the write's
	checked             // the slot behind the check's revision
	strict              // the claim on a write's ID
	claimed             // a claim, taken or released
)

func (p *plan) add(m meaning, items ...types.TransactWriteItem) {
	for _, item := range items {
		p.items, p.means = append(p.items, item), append(p.means, m)
		m = meaning{i: m.i} // what follows are parts
	}
}

func (p *plan) addWrite(s *Store, i int, w eventstore.Write, c *eventstore.Commit, b body) {
	p.add(meaning{i: i, kind: slot}, s.putsOf(s.put(s.itemOf(c, b)), c, b)...)
	for _, claim := range w.Taken() {
		m := meaning{i: i, kind: claimed, claim: claim}
		if !slices.Contains(w.Claims, claim) {
			m.kind = strict
		}
		p.add(m, s.putClaim(claimItem(claim, c.EventID(0)), conditionUnheld, nil))
	}
	for _, claim := range w.Releases {
		// Nobody needs the right to delete items of this table: what is free stays as an empty item.
		p.add(meaning{i: i, kind: claimed, claim: claim}, s.putClaim(claimKey(claim), conditionHeld, dynamotable.Item{":stream": dynamotable.S(w.Stream.String())}))
	}
}

const (
	// conditionUnheld holds where nobody has the claim, and conditionHeld where a stream has.
	conditionUnheld = "attribute_not_exists(#stream)"
	conditionHeld   = "#stream = :stream"
)

func (s *Store) putClaim(item dynamotable.Item, condition string, values dynamotable.Item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &s.table, Item: item,
		ConditionExpression: &condition, ExpressionAttributeNames: map[string]string{"#stream": attrStream}, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}}
}

// addCheck looks at the slot behind a revision alone: a revision is always a boundary.
func (p *plan) addCheck(s *Store, i int, c eventstore.Check) {
	p.add(meaning{i: i, kind: checked}, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &s.table,
		Key: keyOf(c.Stream, c.Revision.Version()+1), ConditionExpression: aws.String(conditionFree),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}})
}

// isAnothers reports whether a slot is known to have another commit, however damaged.
func (p *plan) isAnothers(t eventstore.Transaction, failed []*types.CancellationReason) bool {
	for at, reason := range failed {
		if reason != nil && p.means[at].kind == slot && len(reason.Item) > 0 && isAnothers(reason.Item, t.Writes[p.means[at].i].ID) {
			return true
		}
	}
	return false
}

// size is that of the items that are put.
func (p *plan) size() (n int) {
	for _, item := range p.items {
		if item.Put != nil {
			n += dynamotable.SizeOf(item.Put.Item)
		}
	}
	return n
}

// standing is what the failed conditions show.
func (s *Store) standing(ctx context.Context, t eventstore.Transaction, p plan, failed []*types.CancellationReason) (eventstore.Standing, error) {
	found := eventstore.Standing{Recalled: make([]*eventstore.Commit, len(t.Writes)), Slots: make([]*eventstore.Commit, len(t.Writes)),
		Moved: make([]*eventstore.Commit, len(t.Checks))}
	for at, reason := range failed {
		if reason == nil {
			continue
		}
		var err error
		switch m := p.means[at]; m.kind {
		case slot:
			w := t.Writes[m.i]
			found.Slots[m.i], err = s.inTheWay(ctx, reason.Item, eventstore.EventID{Stream: w.Stream, Version: w.Revision.Version() + 1})
		case checked:
			c := t.Checks[m.i]
			found.Moved[m.i], err = s.inTheWay(ctx, reason.Item, eventstore.EventID{Stream: c.Stream, Version: c.Revision.Version() + 1})
		default:
			err = s.hold(ctx, &found, t.Writes[m.i], m, reason.Item)
		}
		if err != nil {
			return eventstore.Standing{}, err
		}
	}
	return found, nil
}

// hold adds the holder of a claim whose condition has failed.
func (s *Store) hold(ctx context.Context, found *eventstore.Standing, w eventstore.Write, m meaning, item dynamotable.Item) (err error) {
	if len(item) == 0 { // nobody held it, or a server does not say
		if item, err = s.item(ctx, claimKey(m.claim)); err != nil {
			return err
		}
	}
	holder, err := holderOf(m.claim, item)
	if err != nil {
		return err
	}
	if m.kind == claimed {
		found.Hold(w, m.claim, holder)
		return nil
	}
	if holder.Version > 0 {
		found.Recalled[m.i], err = s.inTheWay(ctx, nil, holder)
	}
	return err
}

// inTheWay returns the commit that begins with an event, whose item may be known.
func (s *Store) inTheWay(ctx context.Context, item dynamotable.Item, first eventstore.EventID) (*eventstore.Commit, error) {
	if len(item) == 0 {
		var err error
		if item, err = s.get(ctx, first.Stream, first.Version); err != nil {
			return nil, err
		}
	}
	c, err := s.whole(ctx, item, first.Stream, nil)
	return &c, err
}

// Claimed implements [eventstore.Transactor]: one GetItem, one read unit.
func (s *Store) Claimed(ctx context.Context, c eventstore.Claim) (eventstore.EventID, error) {
	if err := eventstore.CheckClaim(c); err != nil {
		return eventstore.EventID{}, err
	}
	item, err := s.item(ctx, claimKey(c))
	if err != nil {
		return eventstore.EventID{}, s.wrap(ctx, "read a claim in", err)
	}
	return holderOf(c, item)
}
