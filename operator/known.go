package operator

import (
	"context"

	"github.com/leftfold/leftfold/projection"
)

// known is a projection or a reaction, of which no code need be there.
type known struct {
	name     string
	reaction bool
}

// known returns the service's consumers; where it names none, those that the view store
// keeps a state of.
func (o *Operator) known(ctx context.Context) (all []known, err error) {
	for _, c := range o.service.Consumers {
		_, reaction := c.(*projection.Reaction)
		all = append(all, known{c.Name(), reaction})
	}
	if len(all) > 0 || o.service.Views == nil {
		return all, nil
	}
	for s, err := range o.service.Views.States(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, known{s.Projection, s.Reaction()})
	}
	return all, nil
}

// find returns the one of a name, or a [NotFoundError].
func (o *Operator) find(ctx context.Context, name string) (known, error) {
	all, err := o.known(ctx)
	var names []string
	for _, k := range all {
		if k.name == name {
			return k, nil
		}
		names = append(names, k.name)
	}
	if err == nil {
		err = &NotFoundError{What: "projection or reaction", Name: name, There: names}
	}
	return known{}, err
}
