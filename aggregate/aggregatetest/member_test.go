package aggregatetest_test

import (
	"errors"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
)

// Members of a club, as the conversations of these tests know them. No two have the same name.

type memberEvent interface{ memberEvent() }

type named struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"`
}

type left struct {
	Name string `json:"name"`
}

func (named) memberEvent() {}
func (left) memberEvent()  {}

type member struct{ Name string }

var members = aggregate.Decider[member, memberEvent]{
	Category: "member",
	Events:   eventstore.MustRegistry(eventstore.Type[named]("NAMED", 1), eventstore.Type[left]("LEFT", 1)),
	Evolve: func(m member, e memberEvent) member {
		m.Name = ""
		if e, ok := e.(named); ok {
			m.Name = e.Name
		}
		return m
	},
	Claims: func(e memberEvent) (takes, releases []eventstore.Claim) {
		name := func(name string) []eventstore.Claim {
			if name == "" {
				return nil
			}
			return []eventstore.Claim{{Scope: "name", Key: name}}
		}
		switch e := e.(type) {
		case named:
			return name(e.Name), name(e.Before)
		case left:
			return nil, name(e.Name)
		}
		return nil, nil
	},
}

var errNoMember = errors.New("there is no such member")

type memberDecision = aggregate.Decision[member, memberEvent]

func rename(to string) memberDecision {
	return func(m member) ([]memberEvent, error) {
		if m.Name == to {
			return nil, nil
		}
		return []memberEvent{named{Name: to, Before: m.Name}}, nil
	}
}

func leave(m member) ([]memberEvent, error) {
	if m.Name == "" {
		return nil, errNoMember
	}
	return []memberEvent{left(m)}, nil
}
