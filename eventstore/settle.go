package eventstore

import "slices"

// Standing is for implementations of [Store]: what a store holds where a prepared
// transaction wants to be. Lists have an entry for each write or check, in its order, nil
// where nothing stands in the way; they may be nil altogether.
type Standing struct {
	// Recalled are the commits that have claimed the IDs of strict writes.
	Recalled []*Commit
	// Slots are the commits that follow the revisions of the writes.
	Slots []*Commit
	// Moved are the commits that follow the revisions of the checks.
	Moved []*Commit
	// Taken are the holders of claims that are to be taken, and are not free.
	Taken map[Claim]EventID
	// NotHeld are claims that are to be released by another stream than the one that holds
	// them, with the holder, which is zero where nobody does.
	NotHeld map[Claim]EventID
}

// Settle says what it means for a prepared transaction that something stands where it
// wants to be. If it is the transaction itself, a lost response, the commits are the
// result, and so are those that were stored under the IDs of strict writes. Otherwise the
// error is what the comment of [Transactor] says. Both are nil where nothing is in the way.
//
// A store whose answer names only what failed passes only that.
func (t Transaction) Settle(s Standing) ([]Commit, error) {
	if own, err := t.recall(s.Recalled); own != nil || err != nil {
		return own, err
	}
	if own, err := t.settleSlots(s.Slots); own != nil || err != nil {
		return own, err
	}
	for i, moved := range s.Moved {
		if moved != nil {
			c := t.Checks[i]
			return nil, &ConflictError{Stream: c.Stream, Expected: c.Revision, Actual: moved.Revision, Winner: *moved}
		}
	}
	for _, w := range t.Writes {
		for _, c := range w.Claims {
			if holder, taken := s.Taken[c]; taken {
				return nil, &ClaimError{Stream: w.Stream, Claim: c, Holder: holder}
			}
		}
		for _, c := range w.Releases {
			if holder, failed := s.NotHeld[c]; failed {
				return nil, &ClaimError{Stream: w.Stream, Claim: c, Release: true, Holder: holder}
			}
		}
	}
	return nil, nil
}

// Hold says who holds a claim that a prepared write wants to take or release; holder is
// zero where nobody does.
func (s *Standing) Hold(w Write, c Claim, holder EventID) {
	take := slices.Contains(w.Claims, c)
	switch {
	case take && holder.Version > 0:
		s.Taken = with(s.Taken, c, holder)
	case !take && holder.Stream != w.Stream:
		s.NotHeld = with(s.NotHeld, c, holder)
	}
}

func with(all map[Claim]EventID, c Claim, holder EventID) map[Claim]EventID {
	if all == nil {
		all = map[Claim]EventID{}
	}
	all[c] = holder
	return all
}

// recall returns the commits that have the IDs of strict writes, if there are some.
func (t Transaction) recall(found []*Commit) ([]Commit, error) {
	var own []Commit
	for i, c := range found {
		if c == nil {
			continue
		}
		if w := t.Writes[i]; c.ID != w.ID || c.Digest != w.Digest {
			return nil, &IDReusedError{Stream: w.Stream, ID: w.ID, Stored: *c}
		}
		own = append(own, *c)
	}
	if len(own) > 0 && len(own) < len(t.Writes) {
		return nil, &IDReusedError{Stream: own[0].Stream, ID: own[0].ID, Stored: own[0]}
	}
	return own, nil
}

func (t Transaction) settleSlots(taken []*Commit) (own []Commit, err error) {
	for i, c := range taken {
		if c == nil {
			continue
		}
		mine, failed := Settle(t.Writes[i], *c)
		if failed == nil {
			own = append(own, mine)
		} else if err == nil {
			err = failed
		}
	}
	if err == nil && len(own) > 0 && len(own) < len(t.Writes) {
		// All of it would be there: this one was stored without the others.
		err = &IDReusedError{Stream: own[0].Stream, ID: own[0].ID, Stored: own[0]}
	}
	if err != nil {
		return nil, err
	}
	return own, nil
}
