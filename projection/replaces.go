package projection

// Replaces makes a projection carry the code of an older version of itself: a program
// feeds the generations of both, so that readers keep the old views while the new ones are
// built, and can go back to them. A program is given the new one alone. It is left out once
// the old generation is retired. What is shown of the old views by the new ones is said by
// [Shows]: a view without it is an [ErrNotBuilt] as long as readers use the old version.
func Replaces(old *Projection, shown ...Part) Part {
	return part(func(b *builder) {
		switch {
		case old == nil || old.isReaction():
			b.fail("it replaces what is no projection")
			return
		case b.replaces != nil:
			b.fail("it replaces two projections; the older one can replace another in turn")
		case old.name != b.name:
			b.fail("it replaces projection %q; only another version of the same name can be replaced", old.name)
		case old.version >= b.version:
			b.fail("version %d replaces version %d, which is not older", b.version, old.version)
		}
		b.replaces = old
		for _, p := range shown {
			p.addTo(b)
		}
	})
}

// Shows is a part of [Replaces]: where the active generation is of the older version, the
// rows of a view are those of an old one, converted. So one view value answers before a
// switch, behind it, and after a rollback. The keys must mean the same in both. The names may
// differ; a comparison holds views of one name against each other.
func Shows[R, Old any](v *View[R], old *View[Old], convert func(Old) R) Part {
	return part(func(b *builder) {
		if b.replaces == nil || old.projection == nil || !b.carries(old.projection) {
			b.fail("view %q shows view %q, which is not of a version that it replaces", v.name, old.name)
			return
		}
		s := shape[R]{projection: old.projection, stored: old.stored, decode: func(row Row) (R, error) {
			before, err := old.decode(row)
			if err != nil {
				var none R
				return none, err
			}
			return convert(before), nil
		}}
		if _, twice := v.shapeOf(s.projection.version); twice {
			b.fail("view %q shows two views of version %d", v.name, s.projection.version)
		}
		v.older = append(v.older, s)
	})
}

// carries reports whether the projection is one that b replaces.
func (p *Projection) carries(old *Projection) bool {
	for c := p.replaces; c != nil; c = c.replaces {
		if c == old {
			return true
		}
	}
	return false
}

// Carried returns the code of a version, if it is p's own or one that p replaces.
func (p *Projection) Carried(version int) (*Projection, bool) {
	code := p.code(version)
	return code, code != nil
}

// code returns the code of a version that p carries, or nil.
func (p *Projection) code(version int) *Projection {
	for c := p; c != nil; c = c.replaces {
		if c.version == version {
			return c
		}
	}
	return nil
}

// codes returns p and what it replaces.
func (p *Projection) codes() []*Projection {
	var all []*Projection
	for c := p; c != nil; c = c.replaces {
		all = append(all, c)
	}
	return all
}

// concerns reports whether streams of the category concern any version that p carries.
func (p *Projection) concerns(category string) bool {
	for c := p; c != nil; c = c.replaces {
		if c.follows(category) {
			return true
		}
	}
	return false
}

// Replaced returns the projection that p replaces, or nil.
func (p *Projection) Replaced() *Projection { return p.replaces }

// shape is how a view's rows are read from a generation of some version.
type shape[R any] struct {
	projection *Projection
	stored     string
	decode     func(Row) (R, error)
}

// shapeOf returns that of a version, if the view can be read from its generations.
func (v *View[R]) shapeOf(version int) (shape[R], bool) {
	if v.projection != nil && v.projection.version == version {
		return shape[R]{v.projection, v.stored, v.decode}, true
	}
	for _, s := range v.older {
		if s.projection.version == version {
			return s, true
		}
	}
	return shape[R]{}, false
}

// readableOf returns the generation to read and how: the active one, or, where that is of a
// version that the program does not know, the last one that readers used before it and that
// it knows. That is read only where workers have kept nothing from it. One that was rolled
// back from is not read.
func (v *View[R]) readableOf(s State) (Generation, shape[R], bool) {
	for g := s.With(Active); g != nil && g.read(); g = s.Find(g.Before) {
		if as, known := v.shapeOf(g.Version); known {
			return *g, as, g.Role == Active || g.Missed.IsZero()
		}
	}
	return Generation{}, shape[R]{}, false
}
